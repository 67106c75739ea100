"""Reads `schemas/` once into the contract."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from mockserver.contract.card import Lifecycle, ModelCard
from mockserver.contract.card_check import card_problems
from mockserver.contract.card_reader import read_card
from mockserver.contract.facts import overlaid
from mockserver.contract.service_check import service_problems
from mockserver.contract.strict_json import NotJson, parse_json
from mockserver.contract.validation import Schemas, SchemaValidator
from mockserver.contract.violation import Violation, counted
from mockserver.errors import MaxapiMockError

_MOST_LINES = 20
"""Violations of a file that are listed."""
BASE = "https://maxapi-mockserver.example/schemas/"
"""The base of the `$id`s of the contract's files; nothing is ever fetched from there."""

KINDS = (
    "submit-request",
    "submit-response",
    "task-response",
    "webhook",
    "cancel-response",
    "moderation-error",
    "error",
    "task",
    "envelope",
    "model-card",
)
"""The documents of the contract, by the name of their schema's file."""


class ContractError(MaxapiMockError):
    """A file of the contract is unusable; the message names the file and its violations.

    One violation is in the same line; several are below it, in a line each.
    """

    def __init__(self, where: str, problems: Sequence[str]) -> None:
        """*where* begins a line that one of the *problems* can end."""
        [text, *others] = problems
        if others:
            left_out = [f"and {len(problems) - _MOST_LINES} more"] * (len(problems) > _MOST_LINES)
            listed = "".join(f"\n  {one}" for one in [*problems[:_MOST_LINES], *left_out])
            text = f"{counted(len(problems), 'violation')}{listed}"
            where = f"{where.rstrip(': ')}: "
        super().__init__(where + text)


@dataclass(frozen=True)
class Contract:
    """Everything that is known about the API."""

    schemas: Schemas
    cards: Mapping[str, ModelCard]
    card_uris: Mapping[str, str]
    service: Mapping[str, Any]
    """The document `service.json`."""
    control: Mapping[str, Any]
    """The document `control.json`: the mock's own routes."""

    def fact(self, path: str) -> Any:
        """Return the value of the fact at a dotted path of `service.json`: `webhook.timeout`."""
        node: Any = self.service
        for part in path.split("."):
            node = node[part]
        return node["value"]

    def document(self, kind: str) -> Mapping[str, Any]:
        """Return the schema of the documents of *kind*."""
        return self.schemas.documents[f"{BASE}{kind}.json"]

    @cached_property
    def _validators(self) -> dict[str, SchemaValidator]:
        return {kind: self.schemas.validator(f"{BASE}{kind}.json#") for kind in KINDS}

    @cached_property
    def _input_validators(self) -> dict[str, SchemaValidator]:
        return {
            model: self.schemas.validator(f"{uri}#/input") for model, uri in self.card_uris.items()
        }

    def violations(self, kind: str, document: Any) -> list[Violation]:
        """List what is wrong with a document of *kind*; for a submit request, its input too."""
        found = self._validators[kind].violations(document)
        if kind == "submit-request" and isinstance(document, dict):
            found += self._input_violations(document)
        return found

    def _input_violations(self, request: Mapping[str, Any]) -> list[Violation]:
        model, submitted = request.get("model"), request.get("input")
        if not isinstance(model, str) or model not in self.cards or not isinstance(submitted, dict):
            return []
        return self._input_validators[model].violations(submitted, prefix="input")

    @cached_property
    def lifecycle(self) -> Lifecycle:
        """The names of the states, by their role."""
        names = self.document("task")["properties"]["status"]["x-lifecycle"]
        return Lifecycle(**{**names, "path": tuple(names["path"])})

    @cached_property
    def reasons(self) -> Mapping[str, str]:
        """The values of `failure_reason`, by their meaning."""
        reasons: Mapping[str, str] = self.document("task")["properties"]["failure_reason"][
            "x-reasons"
        ]
        return reasons

    @cached_property
    def moderation_categories(self) -> tuple[str, ...]:
        """The categories that moderation knows."""
        data = self.document("moderation-error")["properties"]["data"]
        return tuple(data["properties"]["categories"]["properties"])

    @cached_property
    def envelope_fields(self) -> frozenset[str]:
        """The names that a submit request may hold."""
        return frozenset(self.document("submit-request")["properties"])


def default_schemas() -> Path:
    """Find `schemas/`: inside the installed package, or next to it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "schemas"
    return installed if installed.is_dir() else package.parent / "schemas"


@lru_cache(maxsize=4)
def load_contract(
    schemas: Path | None = None, more_cards: Path | None = None, facts: Path | None = None
) -> Contract:
    """Read the contract from *schemas*, and additional model cards from the folder *more_cards*.

    An additional card replaces the contract's own card of the same model, and the file *facts*
    replaces facts of `service.json`. The contract is cached. Raises ContractError.
    """
    root = schemas or default_schemas()
    documents = {f"{BASE}{path.relative_to(root).as_posix()}": _read(path) for path in _files(root)}
    _reject(
        f"{root}/", service_problems({uri.removeprefix(BASE): documents[uri] for uri in documents})
    )
    card_uris = _own_cards(root, documents, check=schemas is not None)
    if more_cards is not None:
        _add_cards(more_cards, documents, card_uris)
    service = documents.pop(f"{BASE}service.json")
    if facts is not None:
        service = _with_facts(service, facts)
    models = sorted(card_uris)
    _name_models(documents[f"{BASE}submit-request.json"]["properties"]["model"], models)
    store = Schemas(documents, BASE)
    reasons = documents[f"{BASE}task.json"]["properties"]["failure_reason"]["x-reasons"]
    cards = {model: read_card(store, card_uris[model], reasons) for model in models}
    control = documents[f"{BASE}control.json"]
    uris = {model: card_uris[model] for model in models}
    return Contract(store, cards, uris, service, control)


def _own_cards(root: Path, documents: dict[str, Any], *, check: bool) -> dict[str, str]:
    """Return the URIs of the contract's own cards by model. Raises ContractError.

    To *check* the cards takes as long as all else at a start; a test does it for our own.
    """
    store, found = Schemas(documents, BASE), dict[str, str]()
    for uri, card in documents.items():
        if not uri.startswith(f"{BASE}models/"):
            continue
        path = f"{root}/{uri.removeprefix(BASE)}: "
        if check:
            _reject(path, check_card(store, card, uri))
        if card["model"] in found:
            other = found[card["model"]].removeprefix(BASE)
            _reject(path, [f"model: {card['model']!r} already has a card, {other}"])
        found[card["model"]] = uri
    return found


def _reject(where: str, problems: Iterable[str]) -> None:
    """Raise ContractError if there are any problems."""
    if found := list(problems):
        raise ContractError(where, found)


def _name_models(schema: dict[str, Any], models: list[str]) -> None:
    """Let the field `model` accept the names of the cards, instead of those on its page."""
    source = {"confidence": "documented", "page": "submit-task"}
    schema["x-accepts"] = f"one of {', '.join(map(repr, models))}"
    schema["allOf"] = [{"enum": models, "x-source": source}]


def _add_cards(
    folder: Path, documents: dict[str, dict[str, Any]], card_uris: dict[str, str]
) -> None:
    """Add the cards of a folder, or one card's file.

    Their URIs have the same depth as those of the contract's cards, so that references work.
    """
    if not folder.exists():
        problem = "is not a folder; use one that holds *.json, or a card's file"
        raise ContractError(f"model-cards: {folder} ", [problem])
    added: dict[str, Path] = {}
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else [folder]:
        uri, card = f"{BASE}more-models/{path.name}", _read(path)
        _reject(f"{path}: ", check_card(Schemas(documents, BASE), card, uri))
        if card["model"] in added:
            other = added[card["model"]].name
            _reject(f"{path}: ", [f"model: {card['model']!r} already has a card, {other}"])
        added[card["model"]] = path
        documents[uri] = {**card, "$id": uri}
        card_uris[card["model"]] = uri


def check_card(schemas: Schemas, card: Any, uri: str = f"{BASE}models/card.json") -> list[str]:
    """List everything that is wrong with a model card for *uri*."""
    found = schemas.validator(f"{BASE}model-card.json#").violations(card)
    return [str(one) for one in found] or list(card_problems(schemas, card, uri))


def _with_facts(service: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    found: list[str] = []
    changed: Mapping[str, Any] = overlaid(service, _read(path), found)
    _reject(f"{path}: ", found)
    return changed


def _files(root: Path) -> list[Path]:
    found = sorted(root.rglob("*.json"))
    if root / "service.json" not in found:
        raise ContractError(f"{root}: ", ["not a folder of schemas (no service.json)"])
    return found


def _read(path: Path) -> Any:
    try:
        return parse_json(path.read_bytes())
    except (NotJson, OSError) as error:
        raise ContractError(f"{path}: ", [str(error)]) from None


def pretty(document: Any) -> str:
    """Return a JSON document as text for people."""
    return json.dumps(document, indent=2)
