"""Reading the contract, and adding a model to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mockserver.contract import Contract, ContractError, load_contract

CARD: dict[str, Any] = {
    "title": "Paint 9",
    "description": "A model that came after this release.",
    "model": "paint-9",
    "result": "image",
    "input": {
        "type": "object",
        "required": ["prompt"],
        "properties": {
            "prompt": {"$ref": "../common.json#/$defs/prompt"},
            "ratio": {"type": "string", "enum": ["16:9", "1:1"]},
            "n": {"type": "integer", "minimum": 1, "maximum": 2, "default": 1},
        },
    },
    "when_omitted": {"resolution": "1k"},
    "sizes": {"$ref": "../sizes/gpt-image-2.json"},
    "price": {
        "per": "image",
        "usd": "0.5",
        "x-source": {"confidence": "assumed", "page": "a guess"},
    },
    "typical_duration": {
        "seconds": [1, 4],
        "x-source": {"confidence": "assumed", "page": "a guess"},
    },
}


def write_card(folder: Path, card: Any) -> Path:
    """Write a card into a folder of further cards."""
    path = folder / "paint-9.json"
    path.write_text(card if isinstance(card, str) else json.dumps(card), "utf-8")
    return path


def test_a_file_adds_a_model(tmp_path: Path) -> None:
    """A card in a folder is a model: its input, sizes and price are in force."""
    write_card(tmp_path, CARD)

    contract = load_contract(more_cards=tmp_path)

    right = {"model": "paint-9", "input": {"prompt": "a"}}
    wrong = {"model": "paint-9", "input": {"prompt": "", "n": 3}}
    assert contract.violations("submit-request", right) == []
    places = [one.place for one in contract.violations("submit-request", wrong)]
    assert places == ["input.prompt", "input.n"]
    assert contract.cards["paint-9"].sizes["16:9"]["1k"] == (1536, 864)


def test_a_file_replaces_a_model(tmp_path: Path, contract: Contract) -> None:
    """A user who knows better than the contract says so in a card."""
    write_card(tmp_path, {**CARD, "model": "veo3"})

    cards = load_contract(more_cards=tmp_path).cards

    assert cards["veo3"].result == "image"
    assert cards.keys() == contract.cards.keys()


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ("{", "Expecting property name"),
        ("[]", r"body: \[\] is not an object"),
        ({**CARD, "price": {"per": "image"}}, "price.usd: missing"),
        ({**CARD, "colour": 1}, "colour: is unknown; use one of"),
        ({**CARD, "result": "sound"}, "result: 'sound' is not accepted"),
        ({**CARD, "sizes": {"$ref": "../sizes/none.json"}}, "sizes.*names nothing below"),
        ({**CARD, "input": {**CARD["input"], "required": "prompt"}}, "input: not a JSON Schema"),
        (
            {**CARD, "input": {**CARD["input"], "minProperties": "x"}},
            "input: not a JSON Schema",
        ),
    ],
)
def test_a_wrong_card_is_refused_with_its_place(tmp_path: Path, card: Any, reason: str) -> None:
    """The message names the file, the place and the rule."""
    path = write_card(tmp_path, card)

    with pytest.raises(ContractError, match=reason) as caught:
        load_contract(more_cards=tmp_path)

    assert str(path) in str(caught.value)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """Neither cards nor schemas are looked for where there is no folder."""
    with pytest.raises(ContractError, match="no such folder of model cards"):
        load_contract(more_cards=tmp_path / "none")
    with pytest.raises(ContractError, match="not a folder of schemas"):
        load_contract(tmp_path)
