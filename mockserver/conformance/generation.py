"""Random valid inputs, made from the model cards with Hypothesis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from mockserver.contract import Contract

_ANNOTATIONS = {"description", "default", "x-source", "x-sources", "x-accepts", "x-message"}
_FILTERED = {"if", "then", "allOf", "not", "contains", "minContains", "maxContains"}
_BUILT = {"type", "enum", "minimum", "maximum", "minLength", "minItems", "maxItems", "items"}
_BUILT |= {"pattern", "anyOf", "properties", "required", "$ref"}


class UnknownKeyword(Exception):
    """A schema uses a keyword that the builder does not know."""


def valid_inputs(contract: Contract, model: str) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for any valid `input` of *model*.

    Raises UnknownKeyword if its card uses a keyword that this builder does not know.
    """
    uri = contract.card_uris[model]
    card = contract.cards[model]
    used = {name: one for name, one in card.input["properties"].items() if name not in card.ignored}
    # A target may still reject nonsense in a field that it ignores, so such fields are left out.
    schema = {**card.input, "properties": used}

    def conforms(submitted: dict[str, Any]) -> bool:
        request = {"model": model, "input": submitted}
        return not contract.violations("submit-request", request)

    return _built(contract, schema, uri).filter(conforms)


def _built(contract: Contract, schema: Mapping[str, Any], uri: str) -> st.SearchStrategy[Any]:
    unknown = schema.keys() - _ANNOTATIONS - _FILTERED - _BUILT
    if unknown:
        raise UnknownKeyword(f"{uri}: {', '.join(sorted(unknown))}")
    if "$ref" in schema:
        target, node = contract.schemas.resolve(schema["$ref"], uri)
        return _built(contract, node, target)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([_built(contract, option, uri) for option in schema["anyOf"]])
    kind = schema.get("type")
    if kind == "object":
        return _objects(contract, schema, uri)
    if kind == "array":
        low, high = schema.get("minItems", 0), schema.get("maxItems", 4)
        return st.lists(_built(contract, schema["items"], uri), min_size=low, max_size=high)
    return _scalars(schema)


def _objects(contract: Contract, schema: Mapping[str, Any], uri: str) -> st.SearchStrategy[Any]:
    required = schema.get("required", [])
    members = {name: _built(contract, member, uri) for name, member in schema["properties"].items()}
    optional = {name: made for name, made in members.items() if name not in required}
    return st.fixed_dictionaries({name: members[name] for name in required}, optional=optional)


def _scalars(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    kind = schema.get("type")
    if kind == "integer":
        return st.integers(schema["minimum"], schema["maximum"])
    if kind == "boolean":
        return st.booleans()
    if "pattern" in schema:
        hosts = st.sampled_from(["example.com", "127.0.0.1:8080", "[::1]", "bücher.example"])
        ends = st.sampled_from(["", "/", "/a.png", "/a.JPG?x=1#y", "/clip.mp4", "/song.mp3", "?q"])
        return st.builds(
            "{}://{}{}".format, st.sampled_from(["http", "https", "HTTPS"]), hosts, ends
        )
    text = st.text(st.characters(codec="utf-8"), min_size=schema.get("minLength", 0), max_size=40)
    return text.filter(lambda value: "#mock:" not in value)
