"""Two validators for each schema: a fast one decides, the other one explains violations.

A property test checks that they agree; if they ever do not, the fast one's decision counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urldefrag, urljoin

import jsonschema_rs

from mockserver.contract.explaining import DRAFT, additional, explaining_class, without_dialect
from mockserver.contract.pointers import escaped, parts_of
from mockserver.contract.violation import Source, Violation, describe, join_place, show, similar

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

MOST_VIOLATIONS = 20

_SIMILAR = 0.8
"""How much a value resembles another one that may be meant: 2:1 does not resemble 1:1."""
UNKNOWN = Source("assumed", "no source is given")


class Schemas:
    """All schema documents by `$id`; follows references between them."""

    def __init__(self, documents: Mapping[str, dict[str, Any]], base: str) -> None:
        self.documents = documents
        self.base = base
        self._validators: dict[str, SchemaValidator] = {}

    def resolve(self, reference: str, base: str) -> tuple[str, Any]:
        """Follow *reference* from the document *base*; return the full URI and its node."""
        uri = urljoin(base, reference)
        document, pointer = urldefrag(uri)
        node: Any = self.documents[document]
        for part in parts_of(pointer):
            node = node[int(part)] if isinstance(node, list) else node[part]
        return uri if pointer else f"{document}#", node

    def follow(self, node: Mapping[str, Any], base: str) -> Mapping[str, Any]:
        """Return *node* with its references followed. Raises KeyError for a circle."""
        seen: set[str] = set()
        while "$ref" in node:
            base, node = self.resolve(node["$ref"], base)
            if base in seen:
                raise KeyError(base)
            seen.add(base)
        return node

    def validator(self, uri: str) -> SchemaValidator:
        """Return the validator of the schema at *uri*, which may point into a document.

        It is compiled on first use, and cached.
        """
        return self._validators.setdefault(uri, SchemaValidator(self, uri))

    @cached_property
    def _fast(self) -> jsonschema_rs.Registry:
        return jsonschema_rs.Registry(list(self.documents.items()))

    def fast(self, uri: str) -> jsonschema_rs.Validator:
        """Compile the schema at *uri* for quick decisions."""
        return jsonschema_rs.validator_for({"$schema": DRAFT, "$ref": uri}, registry=self._fast)

    @cached_property
    def _explaining(self) -> Any:
        from referencing import Registry
        from referencing.jsonschema import DRAFT202012

        return Registry().with_resources(
            (uri, DRAFT202012.create_resource(without_dialect(document)))
            for uri, document in self.documents.items()
        )

    def explaining(self, uri: str) -> Validator:
        """Build the validator that names every violation of the schema at *uri*."""
        validator: Validator = explaining_class()({"$ref": uri}, registry=self._explaining)
        return validator


class SchemaValidator:
    """Validates documents against one schema."""

    def __init__(self, schemas: Schemas, uri: str) -> None:
        self._schemas = schemas
        self._uri = uri

    @cached_property
    def _fast(self) -> jsonschema_rs.Validator:
        return self._schemas.fast(self._uri)

    @cached_property
    def is_valid(self) -> Any:
        """A function that returns whether a JSON value conforms."""
        return self._fast.is_valid

    @cached_property
    def _explain(self) -> Validator:
        return self._schemas.explaining(self._uri)

    def violations(self, document: Any, *, prefix: str = "") -> list[Violation]:
        """List the violations in the order of the schema, each place and rule once.

        The list ends after MOST_VIOLATIONS: nobody reads more, and a document can be crafted to
        have a million.
        """
        if self.is_valid(document):
            return []
        found: dict[tuple[str, str], Violation] = {}
        mistyped: set[str] = set()
        errors = self._explain.iter_errors(document)
        for violation in chain.from_iterable(self._explained(error, prefix) for error in errors):
            if violation.place not in mistyped:
                found.setdefault((violation.place, violation.rule), violation)
            if violation.rule == "type":
                mistyped.add(violation.place)
            if len(found) == MOST_VIOLATIONS:
                break
        return (
            list(found.values())
            or [self._unexplained(error, prefix) for error in self._fast.iter_errors(document)][
                :MOST_VIOLATIONS
            ]
        )

    def _unexplained(self, error: jsonschema_rs.ValidationError, prefix: str) -> Violation:
        """Return a violation that only the fast validator finds."""
        path = list(error.evaluation_path)
        keyword = str(path[-1])
        clause, source = self._locate(path)
        place, value = join_place(list(error.instance_path), prefix), show(error.instance)
        problem = f"does not satisfy {keyword}"
        return Violation(place, value, problem, "", keyword, clause, source)

    def _explained(self, error: ValidationError, prefix: str) -> Iterator[Violation]:
        keyword = str(error.validator)
        place = join_place(list(error.absolute_path), prefix)
        clause, source = self._locate(list(error.absolute_schema_path))
        if keyword == "additionalProperties":
            yield from _unknown_members(place, error, clause, source)
            return
        if keyword != "required":
            problem, accepted = describe(keyword, error.instance, _as_mapping(error.schema))
            meant = _meant(keyword, error.instance, error.validator_value)
            value = show(error.instance)
            yield Violation(place, value, problem, accepted, keyword, clause, source, meant)
            return
        for name in cast("list[str]", error.validator_value):
            if name not in cast("dict[str, Any]", error.instance):
                yield self._missing(join_place([name], place), name, error, clause, source)

    def _missing(
        self, place: str, name: str, error: ValidationError, clause: str, source: Source
    ) -> Violation:
        schema = _as_mapping(error.schema)
        uri, member = clause.partition("#")[0], schema.get("properties", {}).get(name, {})
        if "$ref" in member and "x-accepts" not in member:
            _, member = self._schemas.resolve(member["$ref"], urljoin(self._schemas.base, uri))
        _, accepted = describe("required", None, member)
        problem = str(schema.get("x-message", ""))
        return Violation(
            place,
            "missing," if problem else "missing",
            problem,
            accepted,
            "required",
            clause,
            source,
        )

    def _locate(self, path: list[str | int]) -> tuple[str, Source]:
        """Find the clause at *path* and the nearest source above it, through references."""
        base, pointer = urldefrag(self._uri)
        node: Any = {"$ref": self._uri}
        source = UNKNOWN
        for part in path:
            if part == "$ref" and isinstance(node, dict) and isinstance(node.get(part), str):
                continue  # only the fast validator names it
            while isinstance(node, dict) and part not in node:  # jsonschema leaves `$ref` out
                if "$ref" not in node:  # the path went through a reference with keywords next to it
                    return f"{base.removeprefix(self._schemas.base)}#{pointer}", source
                overridden = "x-source" in node  # a source next to a reference is more precise
                uri, node = self._schemas.resolve(node["$ref"], base)
                base, pointer = urldefrag(uri)
                source = source if overridden else source_of(node, source)
            source = source_of(node[part], keyword_source(node, part, source))
            node, pointer = node[part], f"{pointer}/{escaped(part)}"
        return f"{base.removeprefix(self._schemas.base)}#{pointer}", source


def source_of(node: Any, otherwise: Source) -> Source:
    """Return the source of a clause, or *otherwise*; a property named `x-source` is not one."""
    about = node.get("x-source") if isinstance(node, dict) else None
    return _as_source(about, otherwise)


def keyword_source(node: Any, keyword: str | int, otherwise: Source) -> Source:
    """Return the source of a keyword if the clause's `x-sources` names one, or *otherwise*."""
    about = node.get("x-sources") if isinstance(node, dict) else None
    return _as_source(about.get(keyword) if isinstance(about, dict) else None, otherwise)


def _as_source(about: Any, otherwise: Source) -> Source:
    if not isinstance(about, dict) or "confidence" not in about:
        return otherwise
    return Source(about["confidence"], about["page"])


def _meant(keyword: str, value: Any, accepted: Any) -> str:
    """Return the value of an enum that another one resembles."""
    if keyword != "enum" or not isinstance(value, str):
        return ""
    found = similar(value, (one for one in accepted if isinstance(one, str)), _SIMILAR)
    return "" if found is None else show(found)


def _as_mapping(schema: Any) -> Mapping[str, Any]:
    return schema if isinstance(schema, Mapping) else {}


def _unknown_members(
    place: str, error: ValidationError, clause: str, source: Source
) -> Iterator[Violation]:
    schema = _as_mapping(error.schema)
    accepted = f"one of {', '.join(schema.get('properties', {}))}"
    for name in additional(cast("dict[str, Any]", error.instance), schema):
        where = join_place([name], place)
        yield Violation(where, "", "is unknown", accepted, str(error.validator), clause, source)
