"""Explains rejections: the clauses of the contract behind them, with their sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mockserver.contract import Contract, NotJson, Violation, parse_json
from mockserver.contract.pointers import parts_of
from mockserver.contract.validation import UNKNOWN, source_of
from mockserver.engine.journal import RecordedRequest
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.service import Service

_ERROR = 400
_CLAUSES = {
    ("submit", 413): "/limits/body",
    ("cancel", 400): "/lifecycle/cancellable",
    ("result", 410): "/results/expire_after",
}
"""What a code says of an operation, besides what it says of all."""
_OF_ALL = {401: "/authentication"}


def explained(problems: Iterable[str | Violation]) -> list[dict[str, Any]]:
    """Return what is wrong with a submission, for the control plane."""
    return [_problem(one) for one in problems]


def _problem(problem: str | Violation) -> dict[str, Any]:
    if isinstance(problem, str):  # a setting of the mock rejects it, not the contract
        return _row(problem, place=problem.partition(":")[0])
    rule, source = problem.rule, problem.source
    row = _row(str(problem), place=problem.place, rule=rule, clause=problem.clause)
    return row | {"confidence": source.confidence, "page": source.page}


def _row(
    text: str, *, place: str | None = None, rule: str | None = None, clause: str | None = None
) -> dict[str, Any]:
    about = {"place": place, "rule": rule, "clause": clause}
    return {"text": text, **about, "confidence": None, "page": None}


def explanation(service: Service, sandbox: Sandbox, entry: RecordedRequest) -> list[dict[str, Any]]:
    """Return the reasons for which a request was rejected; none if it was not."""
    envelope = _document(entry.response.body)
    said = envelope if isinstance(envelope, dict) else {}
    code = said.get("code") if isinstance(said.get("code"), int) else entry.response.status
    if not isinstance(code, int) or code < _ERROR:
        return []
    problems = _problems(service, sandbox, entry, str(said.get("msg")))
    return [*explained(problems), *_clauses(service.contract, entry.operation, code)]


def _problems(
    service: Service, sandbox: Sandbox, entry: RecordedRequest, message: str
) -> list[str | Violation]:
    """Return what is wrong with a submission, if that is what its response says."""
    if entry.operation != "submit" or not entry.is_whole:
        return []
    problems = service.problems_of(sandbox, _document(entry.request.body))
    return problems if " | ".join(map(str, problems)) == message else []


def _document(body: bytes) -> Any:
    try:
        return parse_json(body)
    except NotJson:
        return None


def _clauses(contract: Contract, operation: str, code: int) -> Iterator[dict[str, Any]]:
    """Yield what `service.json` says of an error."""
    for pointer in (_CLAUSES.get((operation, code)), _OF_ALL.get(code), f"/errors/{code}"):
        if pointer is None:
            continue
        node: Any = contract.service
        for part in parts_of(pointer):
            node = node.get(part) if isinstance(node, dict) else None
        if node is not None:
            source = source_of(node, UNKNOWN)
            row = _row(_text(node, pointer), clause=f"service.json#{pointer}")
            yield row | {"confidence": source.confidence, "page": source.page}


def _text(node: dict[str, Any], pointer: str) -> str:
    """Return what a clause says, in short."""
    name = pointer.rpartition("/")[2]
    if "msg" in node:
        return f"{name}: {node['msg']}"
    value = node.get("value", node.get("scheme"))
    shown = ", ".join(value) if isinstance(value, list) else value
    return f"{name}: {shown}"
