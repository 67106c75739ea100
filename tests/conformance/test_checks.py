"""The table of checks, and what it is built from."""

from __future__ import annotations

from collections import defaultdict
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import contract_tests
from contract_tests import test_checks
from contract_tests.checks import ACTIVE, CHECKS, PASSIVE
from mockserver.commands.suite import load_checks
from mockserver.conformance.check import Check
from mockserver.conformance.clauses import assumptions, clause_at
from mockserver.conformance.invalid_inputs import invalid_envelopes
from mockserver.conformance.model import Exchange
from mockserver.conformance.result_file import look_at
from mockserver.conformance.session.active_check import active_checks, passive_checks
from mockserver.conformance.session.session import Options, Session
from mockserver.conformance.values import minimal_input, valid_values
from mockserver.contract import Contract, load_contract
from mockserver.domain.redaction import REDACTED
from mockserver.media import Picture, write_mp4, write_png

MODULES = [
    import_module(f"contract_tests.{one.name}")
    for one in iter_modules(contract_tests.__path__)
    if one.name not in ("checks", "test_checks")
]
MODELS = sorted(load_contract().cards)


def test_the_table_lists_every_check_exactly_once() -> None:
    """A check that a module defines is neither forgotten nor run twice."""
    defined = {
        id(value): value
        for module in MODULES
        for value in vars(module).values()
        if isinstance(value, Check)
    }

    assert sorted(one.id for one in CHECKS) == sorted(one.id for one in defined.values())
    assert len({one.id for one in CHECKS}) == len(CHECKS)
    assert list(PASSIVE) == passive_checks(CHECKS)
    assert sorted(one.id for one in ACTIVE) == sorted(one.id for one in active_checks(CHECKS))


def test_verify_and_pytest_run_the_same_checks() -> None:
    """Both read one table."""
    assert load_checks() == CHECKS
    assert vars(test_checks)["CHECKS"] is CHECKS


def test_a_run_without_checks_is_an_error(contract: Contract) -> None:
    """It could never fail, so it must not look like a success."""
    with pytest.raises(ValueError, match="there are no checks"):
        Session(contract, Options(models=tuple(contract.cards)), ())


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_every_check_rests_on_clauses_that_exist(contract: Contract, check: Any) -> None:
    """Each has a source, and so a severity."""
    assert check.clauses
    for place in check.clauses:
        assert clause_at(contract, place).severity in ("drift", "warning", "assumption")


def test_a_clause_that_does_not_exist_is_an_error(contract: Contract) -> None:
    """A finding cannot rest on nothing."""
    with pytest.raises(KeyError):
        clause_at(contract, "task.json#/properties/nothing")


def test_every_assumption_says_what_is_assumed(contract: Contract) -> None:
    """Each once, by its place."""
    found = assumptions(contract)

    assert len({one.clause for one in found}) == len(found) > 30
    assert all(one.text and one.outcome == "not observed" for one in found)
    assert "service.json#/promises/final" in {one.clause for one in found}


@pytest.mark.parametrize("model", MODELS)
def test_acceptable_inputs_are_valid_and_cover_every_value(contract: Contract, model: str) -> None:
    """Of each field, all values that its enum has, or both ends of its range."""
    card, passed = contract.cards[model], defaultdict[str, list[Any]](list)

    for value in valid_values(contract, model):
        request = {"model": model, "input": value.input}
        assert contract.violations("submit-request", request) == []
        passed[value.field].append(value.input[value.field])

    for name, schema in card.input["properties"].items():
        wanted = schema.get(
            "enum", [schema[end] for end in ("minimum", "maximum") if end in schema]
        )
        assert [one for one in wanted if one not in passed[name]] == [], name


@pytest.mark.parametrize("model", MODELS[:2])
def test_envelope_breakages_break_one_clause_each(contract: Contract, model: str) -> None:
    """The rest of the document is valid."""
    request = {"model": model, "input": minimal_input(contract, model)}
    assert contract.violations("submit-request", request) == []

    for document, place in invalid_envelopes(request):
        assert len(contract.violations("submit-request", document)) == 1, place


PICTURE = Picture(48, 32, ("a model",), "a cat", "7", seconds=1)


def test_a_file_tells_its_type_and_size() -> None:
    """By its bytes alone."""
    assert look_at(write_png(PICTURE)).size == (48, 32)
    assert look_at(write_png(PICTURE)).media_type == "image/png"
    assert look_at(write_mp4(PICTURE)).size == (48, 32)
    assert look_at(write_mp4(PICTURE)).media_type == "video/mp4"
    assert look_at(b"\xff\xd8\xff\xe0rest").media_type == "image/jpeg"
    assert look_at(b"<html>").media_type == "text/html"
    assert look_at(write_png(PICTURE)[:-20]).size is None


@given(st.binary(max_size=200), st.integers(0, 400))
def test_no_bytes_are_too_odd_to_be_looked_at(more: bytes, cut: int) -> None:
    """Garbage, and the beginnings of files, have a type that says so."""
    for start in (b"", b"\x89PNG\r\n\x1a\n", b"\x00\x00\x00\x18ftypisom", write_png(PICTURE)[:cut]):
        assert look_at(start + more).media_type


def test_a_curl_line_has_no_token() -> None:
    """A shell puts the reader's own there."""
    exchange = Exchange(
        method="POST",
        url="https://api.example.com/it's",
        path="/it's",
        operation=None,
        headers={"Authorization": f"Bearer {REDACTED}", "X-A": "it's"},
        body=b'{"prompt": "it\'s"}',
        status=200,
        response_headers={},
        response_body=b"",
    )

    assert f'-H "Authorization: Bearer {REDACTED}"' in exchange.curl
    assert exchange.curl.startswith("curl -sSig 'https://api.example.com/it'\"'\"'s' -X POST -H")
