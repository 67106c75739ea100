"""The schemas of the OpenAPI export: those of the contract, in the form that generators read.

They accept the same documents; three things are written differently. Each reference is to a
component of its own. A submission is `oneOf` one schema for each model, told apart by `model`.
And `allOf` is merged where that is possible.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast
from urllib.parse import urldefrag, urljoin

from mockserver.contract.loader import BASE, Contract
from mockserver.contract.merging import CannotMergeError, Schema, is_annotation, merged
from mockserver.contract.pointers import escaped

_COMPONENTS = "#/components/schemas/"
_DROPPED = frozenset(("$id", "$schema", "$defs", "title", "examples", "operations"))
"""Not part of a component. Some generators name a class by its `title` rather than its name."""
_BY_NAME = frozenset(("properties", "patternProperties", "dependentSchemas"))
"""Keywords with an object of schemas."""
_IN_ORDER = frozenset(("anyOf", "oneOf", "prefixItems"))
"""Keywords with a list of schemas."""
_ONE = frozenset(
    (
        "items", "contains", "not", "if", "then", "else", "additionalProperties", "propertyNames",
        "unevaluatedItems", "unevaluatedProperties",
    )
)  # fmt: skip
"""Keywords with a schema."""
_STRUCTURE = _BY_NAME | _IN_ORDER | _ONE | {"enum", "const", "allOf"}
"""Keywords of a schema that deserves a name; others are inserted where they are used."""
_TYPES: Mapping[type, str] = {
    str: "string", bool: "boolean", int: "integer", float: "number", dict: "object",
    list: "array", type(None): "null",
}  # fmt: skip


class Components:
    """The components that references were asked for, and all that these refer to."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._names: dict[str, str] = {}
        self._made: dict[str, Schema] = {}
        self._lifted = frozenset(_targets(contract.schemas.documents))

    @property
    def schemas(self) -> dict[str, Schema]:
        """All components so far, by name."""
        return dict(sorted(self._made.items()))

    def reference(self, uri: str) -> Schema:
        """Return a reference to the schema at *uri*; or the schema, if it is that of a value."""
        uri, node = self._contract.schemas.resolve(uri, BASE)
        if not _is_structured(node):
            return cast("Schema", self._schema(node, uri))
        return {"$ref": f"{_COMPONENTS}{self._component(uri, node)}"}

    def _component(self, uri: str, node: Schema) -> str:
        if uri not in self._names:
            name = self._name(uri, self._suggested(uri))
            self._made[name] = {}  # it may refer to itself
            self._made[name] = self._schema(node, uri, lift=False)
        return self._names[uri]

    def _name(self, uri: str, suggested: str) -> str:
        """Name the schema at *uri*; generators write files, and some disks ignore the case."""
        taken = {name.lower() for name in self._names.values()}
        name, number = suggested, 2
        while name.lower() in taken:
            name, number = f"{suggested}{number}", number + 1
        self._names[uri] = name
        return name

    def _suggested(self, uri: str) -> str:
        document, pointer = urldefrag(uri)
        if model := self._contract.schemas.documents[document].get("model"):
            inside = pointer.removeprefix("/input").split("/")[-1]
            return f"{pascal(model)}Input{pascal(inside) if inside else ''}"
        file = document.removeprefix(BASE).removesuffix(".json")
        prefix = {"common": "", "control": "Mock"}.get(file, pascal(file))
        return prefix + pascal(pointer.split("/")[-1])

    def submission(self) -> Schema:
        """Return a reference to the schema of a submission of any model."""
        kind, name = f"{BASE}submit-request.json#", "SubmitRequest"
        if kind not in self._names:
            self._name(kind, name)
            general = self._schema(self._contract.document("submit-request"), kind, lift=False)
            general["properties"]["model"].pop("x-accepts", None)
            branches = {
                model: self._submission_of(model, uri, general)
                for model, uri in self._contract.card_uris.items()
            }
            self._made[name] = {
                "description": general["description"],
                "oneOf": [{"$ref": reference} for reference in branches.values()],
                "discriminator": {"propertyName": "model", "mapping": branches},
                "x-source": general["x-source"],
            }
        return {"$ref": f"{_COMPONENTS}{name}"}

    def _submission_of(self, model: str, uri: str, general: Schema) -> str:
        card = self._contract.schemas.documents[uri]
        name = self._name(uri, f"{pascal(model)}Request")
        fields = general["properties"]
        of_model = {
            "model": self._merged(fields["model"], {"enum": [model]}),
            "input": {"description": fields["input"]["description"]}
            | self.reference(f"{uri}#/input"),
        }
        self._made[name] = general | {
            "description": f"{card['title']}. {card['description']}",
            "properties": fields | of_model,
        }
        return f"{_COMPONENTS}{name}"

    def _schema(self, node: Any, uri: str, *, lift: bool = True) -> Any:
        """Copy the schema at *uri*, with references to components only."""
        if not isinstance(node, Mapping):
            return node
        if lift and uri in self._lifted and _is_structured(node):
            return self.reference(uri)
        own = _typed(
            {
                key: self._value(key, value, uri)
                for key, value in node.items()
                if key not in _DROPPED and key not in ("$ref", "allOf")
            }
        )
        if "$ref" in node:
            own = self._next_to(self.reference(urljoin(uri, node["$ref"])), own)
        return self._with_members(own, node.get("allOf", []), f"{uri}/allOf")

    def _value(self, key: str, value: Any, uri: str) -> Any:
        """Copy the value of a keyword of the schema at *uri*."""
        if key in _BY_NAME:
            return {
                name: self._schema(one, f"{uri}/{key}/{escaped(name)}")
                for name, one in value.items()
            }
        if key in _IN_ORDER:
            copies = [self._schema(one, f"{uri}/{key}/{at}") for at, one in enumerate(value)]
            return sorted(copies, key=_is_null) if key == "anyOf" else copies
        return self._schema(value, f"{uri}/{key}") if key in _ONE else value

    def _next_to(self, target: Schema, own: Schema) -> Schema:
        """Return what a reference and the keywords next to it accept."""
        if "$ref" in target and all(map(is_annotation, own)):
            return target | own
        try:
            inserted = self._content(target)
            if "x-source" in own:  # a source next to a reference is more precise
                inserted = _without(inserted, "x-source")
            return self._merged(inserted, own)
        except CannotMergeError:
            return own | (target if "$ref" in target else {"allOf": [target]})

    def _merged(self, first: Schema, second: Schema) -> Schema:
        return merged(first, second, self._content)

    def _content(self, schema: Schema) -> Schema:
        """Return what a reference refers to, or the schema itself."""
        if "$ref" not in schema:
            return schema
        made = self._made[schema["$ref"].removeprefix(_COMPONENTS)]
        if not made:  # it is being made, and refers to itself
            raise CannotMergeError
        return made | _without(schema, "$ref")

    def _with_members(self, own: Schema, members: list[Any], uri: str) -> Schema:
        """Merge the members of an `allOf` into a schema, and leave those that cannot be merged.

        A condition on a field goes into its `dependentSchemas`: generators do not read these, but
        lose the type of a schema that has an `if`.
        """
        conditions: dict[str, list[Schema]] = {}
        left: list[Schema] = []
        for at, one in enumerate(members):
            copy = self._schema(one, f"{uri}/{at}")
            if not isinstance(copy, dict):
                left.append(copy)
                continue
            if field := _condition_on(copy):
                conditions.setdefault(field, []).append(_described(copy))
                continue
            try:
                own = self._merged(copy, own) if "$ref" in copy else self._merged(own, _bare(copy))
            except CannotMergeError:
                left.append(copy)
        dependent = {**own.get("dependentSchemas", {})}
        for field, found in conditions.items():
            all_of_it = [*found, *([dependent[field]] if field in dependent else [])]
            dependent[field] = found[0] if len(all_of_it) == 1 else {"allOf": all_of_it}
        own |= {"dependentSchemas": dependent} if dependent else {}
        return own | {"allOf": left} if left else own


def pascal(text: str) -> str:
    """Return a name as generators write that of a class: `veo3_fast` is `Veo3Fast`."""
    words = re.findall(r"[A-Za-z0-9]+", text)
    return "".join(word[0].upper() + word[1:] for word in words)


def _without(schema: Schema, *keys: str) -> Schema:
    return {key: value for key, value in schema.items() if key not in keys}


def _bare(member: Schema) -> Schema:
    """Leave out what is said of a member of an `allOf` only."""
    return _without(member, "x-accepts", "x-message")


def _condition_on(schema: Any) -> str | None:
    """Return a field without which a condition does not apply; None if that is not seen."""
    if isinstance(schema, Mapping) and isinstance(when := schema.get("if"), Mapping):
        return next(iter(when.get("required", ())), None) if "else" not in schema else None
    return None


def _described(member: Schema) -> Schema:
    """Move the description of a condition to its consequence."""
    if "description" in member and "then" in member:
        then = {"description": member["description"]} | member["then"]
        return _without(member, "description") | {"then": then}
    return member


def _targets(documents: Mapping[str, Any]) -> Iterator[str]:
    """Yield the URI of each place that a reference in the documents points to."""

    def within(node: Any, base: str) -> Iterator[str]:
        if isinstance(node, Mapping):
            if isinstance(target := node.get("$ref"), str):
                yield urljoin(base, target)
            for value in node.values():
                yield from within(value, base)
        elif isinstance(node, list):
            for value in node:
                yield from within(value, base)

    for uri, document in documents.items():
        yield from within(document, uri)


def _is_structured(node: Any) -> bool:
    return isinstance(node, Mapping) and not _STRUCTURE.isdisjoint(node)


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "null"


def _typed(schema: Schema) -> Schema:
    """Add the type that the accepted values have: generators do not look at the values."""
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if "type" in schema or not values:
        return schema
    types = list(dict.fromkeys(_TYPES[type(value)] for value in values))
    return {"type": types[0] if len(types) == 1 else types, **schema}
