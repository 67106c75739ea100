"""Reading the contract, and adding a model to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mockserver.contract import Contract, ContractError, load_contract
from mockserver.contract.loader import check_card

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


def changed(**parts: Any) -> dict[str, Any]:
    """Copy the card with other parts; a source is added where one is needed."""
    source = {"x-source": {"confidence": "assumed", "page": "a guess"}}
    sourced: dict[str, Any] = {
        name: {**source, **parts[name]} for name in ("price", "typical_duration") if name in parts
    }
    return {**CARD, **parts, **sourced}


def field(**changes: Any) -> dict[str, Any]:
    """Copy the card's input schema with other keywords or fields."""
    schema = dict(CARD["input"])
    for name, value in changes.items():
        if name in ("prompt", "n", "ratio"):
            schema["properties"] = {**schema["properties"], name: value}
        else:
            schema[name] = value
    return schema


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
        (changed(sizes={"$ref": "../sizes/none.json"}), "sizes.* names nothing in this card"),
        (changed(sizes={"$ref": "../common.json"}), "sizes.rows: missing"),
        (changed(sizes={"rows": []}), "sizes.rows: .* less than 1"),
        (changed(input=field(minProperties="x")), "input: not a JSON Schema"),
        (changed(input=field(required="prompt")), "input.required: 'prompt' is not an array"),
        (changed(input=field(required=[])), r'input.required: .*; use a list that holds "prompt"'),
        (changed(input=field(prompt={"type": "integer"})), "input.prompt: is not a string"),
        (changed(input=field(prompt=True)), "input.properties.prompt: true is not an object"),
        (changed(input=field(prompt={"$ref": "#/$defs/x"})), "#/.defs/x' names nothing"),
        (changed(input=field(n={"type": "string"})), "input.n: is not an integer"),
        (changed(input=field(n={"type": "integer", "default": "2"})), "input.n.default: '2'"),
        (changed(input=field(ratio={"enum": ["7:5"]})), "input.ratio: '7:5' has no size"),
        (changed(input=field(ratio={"enum": ["1:1"], "default": "2:1"})), "ratio.default: '2:1'"),
        (
            changed(price={"per": "image", "by": "n", "usd": {"1": "1"}}),
            "price.by: 'n' is not a field",
        ),
        (
            changed(price={"per": "image", "by": "ratio", "usd": {"1:1": "1"}}),
            "price.usd: has no price for '16:9'",
        ),
        (
            changed(typical_duration={"seconds": [1, 1e300]}),
            r"typical_duration.seconds\[1\]: 1e\+300 is more than",
        ),
    ],
)
def test_a_wrong_card_is_rejected_with_its_place(tmp_path: Path, card: Any, reason: str) -> None:
    """The message names the file, the place and the rule."""
    path = write_card(tmp_path, card)

    with pytest.raises(ContractError, match=reason) as caught:
        load_contract(more_cards=tmp_path)

    assert str(path) in str(caught.value)


@pytest.mark.parametrize(("number", "left_out"), [(2, ""), (20, ""), (23, "  and 3 more\n")])
def test_several_violations_are_a_list(tmp_path: Path, number: int, left_out: str) -> None:
    """One in each line, as many as a person reads."""
    ratios = [f"s{one}" for one in range(number)]
    path = write_card(tmp_path, changed(input=field(ratio={"enum": ratios})))

    with pytest.raises(ContractError) as caught:
        load_contract(more_cards=tmp_path)

    first, _, listed = f"{caught.value}\n".partition("\n")
    assert first == f"{path}: {number} violations"
    assert listed.endswith(left_out)
    assert listed.count("\n  input.ratio: 's") == min(number, 20) - 1


def test_a_missing_folder_is_rejected(tmp_path: Path) -> None:
    """Neither cards nor schemas are looked for where there is no folder."""
    with pytest.raises(ContractError, match="is not a folder; use one that holds"):
        load_contract(more_cards=tmp_path / "none")
    with pytest.raises(ContractError, match="not a folder of schemas"):
        load_contract(tmp_path)


def test_a_card_under_the_name_of_another_leaves_that_one_alone(tmp_path: Path) -> None:
    """A copy of veo3.json for another model changes nothing for veo3."""
    (tmp_path / "veo3.json").write_text(json.dumps({**CARD, "model": "my-veo3"}))

    contract = load_contract(None, tmp_path)

    assert contract.cards["veo3"].model == "veo3"
    assert contract.cards["my-veo3"].result == "image"


def test_two_cards_of_one_model_are_rejected(tmp_path: Path) -> None:
    """Nobody could tell which one is in force."""
    write_card(tmp_path, CARD)
    (tmp_path / "second.json").write_text(json.dumps(CARD))

    with pytest.raises(ContractError, match="'paint-9' already has a card, paint-9.json"):
        load_contract(None, tmp_path)


def test_a_card_can_bring_its_own_sizes(tmp_path: Path) -> None:
    """Rows instead of a reference."""
    source = CARD["price"]["x-source"]
    rows = [
        {"ratio": ratio, "pixels": {"1k": pixels}, "x-source": source}
        for ratio, pixels in (("16:9", [160, 90]), ("1:1", [100, 100]))
    ]
    write_card(tmp_path, changed(sizes={"rows": rows}))

    contract = load_contract(None, tmp_path)

    assert contract.cards["paint-9"].sizes["16:9"]["1k"] == (160, 90)


def test_the_contracts_own_cards_are_sound(contract: Contract) -> None:
    """They pass what a user's card has to pass."""
    for uri in contract.card_uris.values():
        assert check_card(contract.schemas, contract.schemas.documents[uri], uri) == []
