"""Finds the clauses of the contract, and how sure we are of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from mockserver.conformance.model import Assumption, Clause, Confidence
from mockserver.contract import Contract
from mockserver.contract.loader import BASE
from mockserver.contract.validation import UNKNOWN, keyword_source, source_of
from mockserver.contract.violation import Source

_SERVICE = "service.json"


def clause_at(contract: Contract, place: str) -> Clause:
    """Return the clause at *place*, a file and JSON pointer, with the nearest source above it.

    Raises KeyError if there is none.
    """
    file, _, pointer = place.partition("#")
    node: Any = contract.service if file == _SERVICE else contract.schemas.documents[BASE + file]
    source = source_of(node, UNKNOWN)
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        source = keyword_source(node, name, source)
        node = node[int(name)] if isinstance(node, list) else node[name]
        source = source_of(node, source)
    return clause_of(place, source)


def clause_of(place: str, source: Source) -> Clause:
    """Return the clause at a place, with what its source says."""
    return Clause(place, cast("Confidence", source.confidence), source.page)


def promise(contract: Contract, name: str) -> Clause:
    """Return a promise of `service.json`; promises are clauses that no schema can express."""
    return clause_at(contract, f"{_SERVICE}#/promises/{name}")


def assumptions(contract: Contract) -> list[Assumption]:
    """List every undocumented clause about the API."""
    found = [Assumption(place, _text_of(node)) for place, node in _assumed(contract)]
    return sorted(found, key=lambda one: one.clause)


def _assumed(contract: Contract) -> Iterator[tuple[str, Any]]:
    yield from _walk(_SERVICE + "#", contract.service)
    for uri, document in contract.schemas.documents.items():
        name = uri.removeprefix(BASE)
        if not name.startswith(("control.json", "model-card.json", "more-models/")):
            yield from _walk(f"{name}#", document)


def _walk(place: str, node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, list):
        for number, member in enumerate(node):
            yield from _walk(f"{place}/{number}", member)
    if not isinstance(node, dict):
        return
    about = node.get("x-source")
    if isinstance(about, dict) and about.get("confidence") == "assumed":
        yield place, node
    for keyword, source in node.get("x-sources", {}).items():
        if source["confidence"] == "assumed":
            yield f"{place}/{keyword}", {"text": f"{keyword}: {source['page']}"}
    for name, member in node.items():
        if name not in ("x-source", "x-sources"):
            yield from _walk(f"{place}/{name.replace('~', '~0').replace('/', '~1')}", member)


def _text_of(node: dict[str, Any]) -> str:
    """Return what is assumed, in the words of the clause itself."""
    for name in ("text", "description", "x-message", "x-accepts"):
        if name in node:
            return str(node[name])
    if "value" in node:
        return f"The value is {node['value']!r}."
    if "msg" in node:
        return f"The message is {node['msg']!r}."
    return str(node["x-source"]["page"])
