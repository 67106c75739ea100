"""The files of `schemas/` and `fixtures/` themselves."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from mockserver.contract import Contract, default_schemas
from mockserver.contract.documents import recognise
from mockserver.contract.loader import BASE, KINDS

ROOT = Path(__file__).parents[2]
SCHEMAS = sorted((ROOT / "schemas").rglob("*.json"))
FIXTURES = sorted((ROOT / "fixtures").glob("*/*valid/*.json"))

OWN = ("model-card.json", "sizes.json", "control.json")
"""Files that are about our own files and routes, not about the API."""

VALID = [path for path in FIXTURES if path.parent.name == "valid"]

CLAUSES = {"enum", "const", "pattern", "minimum", "maximum", "minItems", "maxItems", "maxContains"}
"""Keywords that a live API can drift from."""


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_each_file_says_what_it_is(path: Path) -> None:
    """Every file has an `$id` that is its place, a title and a description."""
    document = json.loads(path.read_text("utf-8"))

    assert document["$id"] == BASE + path.relative_to(default_schemas()).as_posix()
    assert document["title"]
    assert document["description"]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_a_schema_of_draft_2020_12(kind: str, contract: Contract) -> None:
    """Every kind of document has a valid schema of the draft it names."""
    schema = contract.document(kind)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(dict(schema))


def test_each_card_is_a_valid_model_card(contract: Contract) -> None:
    """The contract's own cards pass the check that a user's card has to pass."""
    for uri in contract.card_uris.values():
        assert contract.violations("model-card", contract.schemas.documents[uri]) == []


def _clauses(node: Any, sourced: bool, place: str) -> Iterator[tuple[str, bool]]:  # noqa: FBT001
    if isinstance(node, dict):
        sourced = sourced or "x-source" in node
        if node.keys() & CLAUSES and "if" not in place.split("/")[-3:]:
            yield place, sourced
        for key, value in node.items():
            yield from _clauses(value, sourced, f"{place}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _clauses(value, sourced, f"{place}/{index}")


@pytest.mark.parametrize(
    "path", [path for path in SCHEMAS if path.name not in OWN], ids=lambda path: path.name
)
def test_each_clause_has_a_source(path: Path) -> None:
    """Whatever can drift says which page promised it, and how sure we are."""
    bare = [
        place for place, sourced in _clauses(json.loads(path.read_text()), False, "") if not sourced
    ]

    assert bare == []


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_each_golden_document_is_what_its_folder_says(path: Path, contract: Contract) -> None:
    """`valid/` conforms, `invalid/` does not."""
    kind, verdict = path.parts[-3:-1]

    violations = contract.violations(kind, json.loads(path.read_text("utf-8")))

    assert (violations == []) == (verdict == "valid")


def test_each_kind_of_the_api_has_golden_documents() -> None:
    """Tests in any language find both sorts for every kind that the API sends or takes."""
    kinds = set(KINDS) - {"task", "envelope", "model-card"}

    assert {path.parts[-3:-1] for path in FIXTURES} == {
        (kind, verdict) for kind in kinds for verdict in ("valid", "invalid")
    }


@pytest.mark.parametrize("path", VALID, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_valid_documents_are_recognised(path: Path) -> None:
    """A conforming document needs no `--as`; a webhook is taken for a task response."""
    kind = path.parts[-3]

    recognised = recognise(json.loads(path.read_text("utf-8")))

    assert recognised == ("task-response" if kind == "webhook" else kind)


@pytest.mark.parametrize("document", [3, "x", [], {}, {"a": 1}])
def test_what_is_like_nothing_is_not_recognised(document: Any) -> None:
    """No guess is made."""
    assert recognise(document) is None


def _sources(node: Any) -> Iterator[dict[str, str]]:
    if isinstance(node, dict):
        about = node.get("x-source")
        if isinstance(about, dict) and "confidence" in about:
            yield about
        yield from node.get("x-sources", {}).values()
        for value in node.values():
            yield from _sources(value)
    elif isinstance(node, list):
        for value in node:
            yield from _sources(value)


@pytest.mark.parametrize(
    "path", [path for path in SCHEMAS if path.name not in OWN], ids=lambda path: path.name
)
def test_a_page_that_is_named_exists(path: Path, contract: Contract) -> None:
    """What is attributed to a page of the reference names that page as its address does."""
    pages = contract.fact("pages")

    named = list(_sources(json.loads(path.read_text("utf-8"))))

    stated = [one["page"] for one in named if one["confidence"] in ("seed", "documented")]
    assert [page for page in stated if page not in pages] == []
    assert {one["page"] for one in named if one["confidence"] == "seed"} <= {
        pages_of_seed(contract)
    }


def pages_of_seed(contract: Contract) -> str:
    """Return the page that the project was created from."""
    page: str = contract.service["base_url"]["x-source"]["page"]
    return page


def _facts(contract: Contract) -> set[str]:
    """Collect the names and numbers that only `schemas/` may hold."""
    facts = set(contract.cards) | set(contract.reasons.values())
    lifecycle = contract.lifecycle
    facts |= {*lifecycle.path, *lifecycle.terminal}
    for card in contract.cards.values():
        facts |= set(card.sizes)
        facts |= {name for sizes in card.sizes.values() for name in sizes}
        prices = card.prices.values() if isinstance(card.prices, dict) else [card.prices]
        facts |= {str(price) for price in prices if price is not None}
    return facts


def test_nothing_of_the_contract_is_repeated_in_python(contract: Contract) -> None:
    """No model, ratio, resolution, price, status or reason is written down twice."""
    facts = _facts(contract)
    repeated = []
    for path in sorted((ROOT / "mockserver").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and node.value in facts:
                repeated.append(f"{path.name}:{node.lineno}: {node.value}")

    assert "16:9" in facts
    assert repeated == []
