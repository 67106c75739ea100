"""Rules between the fields of a card, which say what has no effect or becomes something else."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mockserver.contract import ContractError, load_contract
from tests.conftest import MakeClient
from tests.contract.test_loader import CARD, changed, field, write_card

CONTRACT = load_contract()
URL = "https://example.com/a.jpg"
SOURCE = {"confidence": "assumed", "page": "a guess"}


def effect(**parts: Any) -> dict[str, Any]:
    """Make an effect that is sound except for *parts*."""
    return {"field": "ratio", "message": "has no effect", "x-source": SOURCE, **parts}


@pytest.mark.parametrize(
    ("model", "submitted", "told"),
    [
        ("veo3_fast", {"resolution": "4k"}, []),
        (
            "veo3_fast",
            {"resolution": "4k", "imageUrls": [URL]},
            ["input.resolution has no effect in mode i2v"],
        ),
        ("veo3_fast", {"resolution": "4k", "imageUrls": [URL], "mode": "i2v-fl"}, []),
        (
            "veo3_fast",
            {"duration": 4, "imageUrls": [URL] * 3},
            ["input.duration becomes 8 in mode r2v"],
        ),
        ("veo3_fast", {"duration": 8, "imageUrls": [URL] * 3}, []),
        ("veo3_fast", {"duration": 4, "imageUrls": [URL]}, []),
        (
            "veo3",
            {"duration": 4, "imageUrls": [URL]},
            ["input.duration becomes 8 in mode i2v of this model"],
        ),
        (
            "veo3_lite",
            {"resolution": "4k"},
            ["input.resolution has no effect: this model makes 720p only"],
        ),
        (
            "grok-imagine/text-to-image-lite",
            {"ratio": "16:9"},
            [
                "input.ratio has no effect: this model infers its dimensions from the prompt",
            ],
        ),
    ],
)
def test_what_has_no_effect_is_told(
    make_client: MakeClient, model: str, submitted: dict[str, Any], told: list[str]
) -> None:
    """The submission is accepted, and its response says which value is overruled, and why."""
    client = make_client()

    answer = client.submit({"model": model, "input": {"prompt": "a cat", **submitted}})

    assert answer.status == 200
    assert answer.headers.get("x-mock-warning", "") == " | ".join(told)


def test_what_a_value_becomes_is_in_force(make_client: MakeClient) -> None:
    """Seconds and price follow the mode that the number of images implies; the echo does not."""
    client = make_client(pace="instant", unknown_price=Decimal("0.5"))
    submitted = {"prompt": "a cat", "duration": 4, "imageUrls": [URL] * 3}

    task_id = client.submitted({"model": "veo3_fast", "input": submitted})

    assert client.control(f"tasks/{task_id}").json["cost_usd"] == "4.00"
    assert client.poll(task_id)["input"] == {"model": "veo3_fast", **submitted}


def test_a_card_of_a_users_own_can_do_the_same(tmp_path: Path, make_client: MakeClient) -> None:
    """A rule sees what the rules before it did, and the result follows."""
    rules = [
        effect(
            **{"if": {"required": ["ratio"]}},
            field="n",
            becomes=2,
            message="becomes 2 with a ratio",
        ),
        effect(**{"if": {"properties": {"n": {"const": 2}}, "required": ["n"]}}, ignored=True),
    ]
    write_card(tmp_path, changed(effects=rules))
    client = make_client(contract=load_contract(more_cards=tmp_path), pace="instant")
    document = {"model": "paint-9", "input": {"prompt": "a", "ratio": "16:9", "n": 1}}

    answer = client.submit(document)

    task = client.poll(answer.json["data"]["taskId"])
    assert len(task["result"]["urls"]) == 2
    assert answer.headers["x-mock-warning"] == (
        "input.n becomes 2 with a ratio | input.ratio has no effect"
    )


@pytest.mark.parametrize(
    ("effects", "reason"),
    [
        ([{"field": "ratio"}], r"effects\[0\].message: missing"),
        ([effect()], r"effects\[0\]: .*use an object with either"),
        ([effect(ignored=True, becomes=1)], r"effects\[0\]: .*use an object with either"),
        ([effect(ignored=True, field="colour")], r"effects\[0\].field: 'colour' is not a field"),
        ([effect(becomes="7:5")], r"effects\[0\].becomes: '7:5' (has no size|is not accepted)"),
        ([effect(field="n", becomes=9)], r"effects\[0\].becomes: 9 is more than 2"),
        ([effect(ignored=True, **{"if": {"required": 3}})], r"effects\[0\].if: not a JSON Schema"),
        (
            [effect(ignored=True, **{"if": {"properties": {"colour": {}}}})],
            r"effects\[0\].if: 'colour' is not a field of input",
        ),
        (
            [effect(ignored=True, **{"if": {"$ref": "#/nowhere"}})],
            r"effects\[0\].if..ref: '#/nowhere' names nothing",
        ),
    ],
)
def test_rules_that_do_not_fit_are_rejected(tmp_path: Path, effects: Any, reason: str) -> None:
    """The message names the place and what is accepted."""
    write_card(tmp_path, changed(effects=effects))

    with pytest.raises(ContractError, match=reason):
        load_contract(more_cards=tmp_path)


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        (changed(input=field(ratio={"x-ignored": True})), "input.ratio.x-ignored: is obsolete"),
        (changed(when_omitted={"resolution": "9k"}), "when_omitted.resolution: '9k' has no size"),
        (
            changed(surcharge={"reason": "boredom", "rates": [], "x-source": SOURCE}),
            "surcharge.rates",
        ),
        (
            changed(
                surcharge={
                    "reason": "boredom",
                    "rates": [{"from": 1, "share": "0.1"}],
                    "x-source": SOURCE,
                }
            ),
            "surcharge.reason: 'boredom' is not a reason; use one of moderation",
        ),
        (
            changed(
                surcharge={
                    "reason": "moderation",
                    "rates": [{"from": 9, "share": "0.1"}, {"from": 1, "share": "0.2"}],
                    "x-source": SOURCE,
                }
            ),
            r"surcharge.rates: from \[9, 1\] does not ascend",
        ),
    ],
)
def test_other_parts_that_do_not_fit_are_rejected(tmp_path: Path, card: Any, reason: str) -> None:
    """A card is rejected when it is read, not when a task needs it."""
    write_card(tmp_path, card)

    with pytest.raises(ContractError, match=reason):
        load_contract(more_cards=tmp_path)


def test_a_card_without_rules_pays_nothing_for_them() -> None:
    """What was submitted is looked at as it is."""
    card = load_contract().cards[CONTRACT.document("submit-request")["examples"][0]["model"]]

    assert card.effects == ()
    assert card.without_effect({"prompt": "a"}) == []
    assert json.dumps(CARD)
