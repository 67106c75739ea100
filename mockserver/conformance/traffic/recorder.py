"""Records documents from traffic, in the form of `fixtures/`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mockserver.conformance.model import WEBHOOK, Exchange
from mockserver.conformance.operations import CANCEL, QUERY, SUBMIT
from mockserver.conformance.redaction import url_without_secrets
from mockserver.contract import Contract, NotJson, parse_json
from mockserver.domain.redaction import without_user_and_query
from mockserver.file_writing import write_whole

_REQUESTS = {SUBMIT: "submit-request", WEBHOOK: "webhook"}
_RESPONSES = {SUBMIT: "submit-response", QUERY: "task-response", CANCEL: "cancel-response"}
_MOST = 1000
"""The most documents that one run writes."""
_WEBHOOK = "https://example.com/webhook"


class Recorder:
    """Writes `<kind>/valid|invalid/<name>.json` below *folder*, one for each shape.

    A shape is whether a document is valid, its status, its model and the names of all members.
    Existing files are never replaced. What is written has no token, no user id and no callBackUrl
    other than a placeholder. Prompts, taskIds and URLs of files stay, the latter without queries.
    """

    def __init__(self, folder: Path, contract: Contract) -> None:
        self.folder = folder
        self._contract = contract
        self._names: set[str] = set()
        self.written: list[Path] = []

    def record(self, exchange: Exchange) -> None:
        """Write the documents of an exchange that have a new shape. Raises OSError."""
        request_kind = _REQUESTS.get(exchange.operation or "")
        if request_kind is not None:
            self._keep(request_kind, exchange.body, "")
        kind = _RESPONSES.get(exchange.operation or "")
        if kind is None or exchange.status is None:
            return
        if exchange.status >= 400:
            moderated = isinstance(exchange.json, dict) and "data" in exchange.json
            kind = "moderation-error" if moderated else "error"
        if exchange.status == 200 or exchange.status >= 400:
            self._keep(kind, exchange.response_body, str(exchange.status))

    def _keep(self, kind: str, text: bytes, status: str) -> None:
        try:
            document = _redacted(parse_json(text))
        except NotJson:
            return
        violations = self._contract.violations(kind, document)
        validity = "invalid" if violations else "valid"
        failed = [f"{one.place} {one.rule}" for one in violations]
        words = [status, *_distinction(document), *failed[:1]]
        shape = [kind, *words, *failed, *sorted(set(_paths(document, "")))]
        digest = hashlib.sha256("\n".join(shape).encode("utf-8", "replace")).hexdigest()[:8]
        name = f"{kind}/{validity}/{_slug(['recorded', *words])}-{digest}.json"
        if name in self._names or len(self._names) >= _MOST:
            return
        self._names.add(name)
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            written = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
            write_whole({path: written.encode("utf-8", "backslashreplace")})
            self.written.append(path)


def _distinction(document: Any) -> Iterator[str]:
    """Yield what distinguishes documents with the same members: status and model."""
    if not isinstance(document, dict):
        return
    data = document.get("data")
    for member in (document, data, data.get("input") if isinstance(data, dict) else None):
        for name in ("status", "failure_reason", "model"):
            value = member.get(name) if isinstance(member, dict) else None
            if isinstance(value, str):
                yield value


def _paths(node: Any, place: str) -> Iterator[str]:
    """Yield the places of all members; all elements of an array have the same place."""
    if isinstance(node, dict):
        for name, member in node.items():
            yield f"{place}.{name}"
            yield from _paths(member, f"{place}.{name}")
    elif isinstance(node, list):
        for member in node:
            yield from _paths(member, f"{place}[]")


def _slug(words: list[str]) -> str:
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower())[:100].strip("-")


def _redacted(node: Any, name: str = "") -> Any:
    if isinstance(node, dict):
        return {key: _redacted(member, key) for key, member in node.items()}
    if isinstance(node, list):
        return [_redacted(member) for member in node]
    return _redacted_text(name, node) if isinstance(node, str) else node


def _redacted_text(name: str, text: str) -> str:
    if name == "user_id" and text:
        return "somebody"
    if name == "callBackUrl":
        shown = url_without_secrets(text)
        return _WEBHOOK if shown.lower().startswith(("http://", "https://")) else shown
    if re.match(r"(?i)https?://\S+$", text):
        return without_user_and_query(text)
    return text
