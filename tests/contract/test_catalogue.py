"""What is told of a model is what the mock does with it, and its copy is the same model."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from mockserver.contract import Contract, load_contract
from mockserver.contract.card_copy import copy_card
from mockserver.contract.catalogue import UnknownModelError, details, summary
from mockserver.domain.size import size_of

MODELS = list(load_contract().cards)
ROOT = Path(__file__).parents[2]


def copied(contract: Contract, model: str, tmp_path: Path) -> Contract:
    """Load the contract with a copy of the card of *model* in its place."""
    (tmp_path / "mine.json").write_text(json.dumps(copy_card(contract, model)))
    return load_contract(None, tmp_path / "mine.json")


def sources(node: Any) -> list[dict[str, str]]:
    """Find all sources in a document."""
    if isinstance(node, list):
        return [source for one in node for source in sources(one)]
    if not isinstance(node, dict):
        return []
    own = [node] if {"confidence", "page"} <= node.keys() else []
    return own + [source for one in node.values() for source in sources(one)]


@pytest.mark.parametrize("model", MODELS)
def test_a_copy_is_whole_and_the_users_own(contract: Contract, model: str, tmp_path: Path) -> None:
    """It refers to nothing, promises nothing, and says where each clause is from."""
    copy = copy_card(contract, model)

    assert copied(contract, model, tmp_path).card_uris[model].endswith("/more-models/mine.json")
    assert "$ref" not in json.dumps(copy)
    assert {one["confidence"] for one in sources(copy)} == {"assumed"}
    for one in sources(copy):
        assert re.match(r"your own card; originally \w+: \S", one["page"])


@pytest.mark.parametrize("model", MODELS)
def test_a_copy_behaves_as_the_original(contract: Contract, model: str, tmp_path: Path) -> None:
    """For every golden request, with any one field left out or changed."""
    other = copied(contract, model, tmp_path)
    requests = []
    for path in sorted((ROOT / "fixtures/submit-request").rglob("*.json")):
        document = json.loads(path.read_text("utf-8"))
        if isinstance(document, dict) and isinstance(document.get("input"), dict):
            requests.append(document | {"model": model})
    fields = [one["name"] for one in details(contract, model)["fields"]]
    whole = {"prompt": "a cat", "imageUrls": ["https://a.example/1.jpg"]}
    values: tuple[Any, ...] = (
        None,
        0,
        5,
        "x",
        "4k",
        "16:9",
        [],
        ["https://a.example/1.png"],
        {"url": "ftp://x"},
    )
    for name, value in product(fields, values):
        requests.append({"model": model, "input": {**whole, name: value}})

    for request in requests:
        ours, theirs = (
            [str(one) for one in known.violations("submit-request", request)]
            for known in (contract, other)
        )
        assert ours == theirs
        if not ours:
            cards = contract.cards[model], other.cards[model]
            assert len({size_of(card, request["input"], "1:1") for card in cards}) == 1
            assert len({str(card.without_effect(request["input"])) for card in cards}) == 1


def test_a_copy_of_a_copy_keeps_its_first_source(contract: Contract, tmp_path: Path) -> None:
    """The pages do not grow."""
    first = copy_card(contract, MODELS[0])

    assert copy_card(copied(contract, MODELS[0], tmp_path), MODELS[0]) == first


def test_references_within_a_users_card_stay(contract: Contract, tmp_path: Path) -> None:
    """They still point to the same target; a reference with more rules next to it keeps both."""
    card = copy_card(contract, "veo3")
    card["input"]["properties"]["last"] = {"$ref": "#/input/properties/duration"}
    card["input"]["properties"]["prompt"] = {
        "$ref": "../common.json#/$defs/prompt",
        "maxLength": 5,
    }
    (tmp_path / "veo.json").write_text(json.dumps(card))
    own = load_contract(None, tmp_path)

    copy = copy_card(own, "veo3")["input"]["properties"]

    assert copy["last"] == {"$ref": "#/input/properties/duration"}
    assert copy["prompt"]["maxLength"] == 5
    assert copy["prompt"]["allOf"][0]["minLength"] == 1


@pytest.mark.parametrize("model", MODELS)
def test_the_pixels_are_those_of_results(contract: Contract, model: str) -> None:
    """For each ratio and resolution that the model takes."""
    card, known = contract.cards[model], details(contract, model)

    for one in known["pixels"]:
        chosen = {name: one[name] for name in card.fields & {"ratio", "resolution"}}
        size = size_of(card, chosen, one["ratio"])
        assert (size.width, size.height) == (one["width"], one["height"])
    assert known["pixels"]


def test_a_field_has_the_keywords_that_a_form_follows(contract: Contract) -> None:
    """Without references, conditions and sources, which a form cannot follow."""
    fields = {one["name"]: one["schema"] for one in details(contract, "seedance-2.0")["fields"]}
    images = {one["name"]: one["schema"] for one in details(contract, "seedream-4")["fields"]}

    assert fields["prompt"] == {"type": "string", "minLength": 1}
    assert fields["duration"] == {"type": "integer", "minimum": 4, "maximum": 15}
    assert fields["resolution"]["enum"] == ["480p", "720p", "1080p"]
    assert fields["mediaUrls"] == {
        "type": "array",
        "minItems": 1,
        "maxItems": 12,
        "items": {"type": "string"},
    }
    assert images["imageUrls"] == {"type": "array", "items": {}}


def test_a_field_says_what_it_accepts_and_how_sure_that_is(contract: Contract) -> None:
    """With its default, and the keywords that another page says."""
    fields = {one["name"]: one for one in details(contract, "gpt-image-2/image-to-image")["fields"]}

    images, n = fields["imageUrls"], fields["n"]
    assert images["accepts"] == "an array from 1 to 16, each an http or https URL"
    assert (images["required"], images["confidence"]) == (True, "seed")
    less_sure = {name: one["confidence"] for name, one in images["less_sure"].items()}
    assert less_sure == {"maxItems": "corroborated", "minItems": "assumed"}
    assert (n["accepts"], n["default"], n["required"]) == ("an integer from 1 to 10", 1, False)


def test_what_no_page_names_as_default_is_assumed(contract: Contract) -> None:
    """As the resolution of Veo is."""
    fields = {one["name"]: one for one in details(contract, "veo3")["fields"]}

    assert fields["resolution"]["less_sure"]["default"]["confidence"] == "assumed"
    assert "default" not in fields["ratio"]["less_sure"]


def test_rules_and_prices_are_told(contract: Contract) -> None:
    """Effects, conditions, what failures cost; prices by the field that selects them."""
    rules = {model: [one["text"] for one in details(contract, model)["rules"]] for model in MODELS}

    assert "input.mode becomes 'i2v' with 1 image" in rules["veo3"]
    assert rules["gpt-image-2/text-to-image"][0].startswith("Only six ratios exist at 4k")
    assert "refunded less a share" in rules["seedance-2.0"][-1]
    assert summary(contract, "gpt-image-2/text-to-image")["price"]["by"] == "resolution"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("veo", "did you mean 'veo3' or 'veo3_fast' or 'veo3_lite'?"),
        ("Nano-Banana-Pro", "did you mean 'nano-banana-pro'?"),
        ("gpt-image-2/text2image", "did you mean 'gpt-image-2/text-to-image'"),
        ("", "use gpt-image-2/image-to-image, gpt-image-2/text-to-image, "),
        ("zzzz", "use gpt-image-2/image-to-image, gpt-image-2/text-to-image, "),
    ],
)
def test_an_unknown_model_has_near_ones(contract: Contract, name: str, hint: str) -> None:
    """By a part of the name, however it is written, else by likeness."""
    with pytest.raises(UnknownModelError) as told:
        details(contract, name)

    assert hint in str(told.value)
