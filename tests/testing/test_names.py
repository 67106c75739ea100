"""What type checkers know of scenarios, matches, settings and shapes is what there is."""

from __future__ import annotations

import dataclasses
from typing import get_args, get_type_hints

import pytest

from mockserver.contract import Contract
from mockserver.domain.scenario import SCENARIOS
from mockserver.engine.rules import Match
from mockserver.settings import SETTINGS
from mockserver.testing import RequestMatch, SandboxSettings, ScenarioName
from mockserver.testing.names import (
    Balance,
    ClockState,
    ContractWarning,
    FoundRequests,
    HeldItem,
    OtherRequests,
    Rule,
    ScenarioWithValue,
    ServerSettings,
)

SHAPES = {
    "clock": ClockState,
    "rule": Rule,
    "warning": ContractWarning,
    "found": FoundRequests,
    "strangers": OtherRequests,
    "held": HeldItem,
    "balance": Balance,
    "match": RequestMatch,
}


def test_the_names_of_scenarios_are_those_of_the_table() -> None:
    """Those with a value, and those without."""
    rows = SCENARIOS.values()

    bare = [one.name for one in rows if one.parse is None or one.default is not None]
    valued = [one.name for one in rows if one.parse is not None]

    assert list(get_args(ScenarioName)) == bare
    assert list(get_args(ScenarioWithValue)) == valued


def test_a_match_has_the_fields_of_a_rule() -> None:
    """They have the same names."""
    assert set(get_type_hints(RequestMatch)) == {one.name for one in dataclasses.fields(Match)}


def test_the_settings_of_a_mock_are_all_except_the_service() -> None:
    """Each has a type; `service` is a parameter of another kind."""
    assert set(get_type_hints(ServerSettings)) == set(SETTINGS) - {"service"}


def test_the_settings_of_a_sandbox_are_typed() -> None:
    """Each has a type, in `mockserver/testing/names.py`."""
    own = [name for name, one in SETTINGS.items() if one.metadata["own"]]

    assert list(get_type_hints(SandboxSettings)) == own


@pytest.mark.parametrize("name", SHAPES)
def test_the_shapes_are_those_of_the_schema(contract: Contract, name: str) -> None:
    """What the control plane returns has the fields that its schema describes."""
    described = set(contract.document("control")["$defs"][name]["properties"])
    added = {"warning": {"count"}}  # by `warnings`, which counts equal ones

    assert set(get_type_hints(SHAPES[name])) == described | added.get(name, set())
