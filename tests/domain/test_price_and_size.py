"""Prices and pixels by the cards."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.conformance.generation import valid_inputs
from mockserver.contract import Contract, load_contract
from mockserver.domain.price import cost_of, count_of, money
from mockserver.domain.size import size_of

CONTRACT = load_contract()
I2I = "gpt-image-2/image-to-image"
URL = "https://example.com/a.jpg"


@pytest.mark.parametrize(
    ("model", "submitted", "usd"),
    [
        (I2I, {}, "0.02"),
        (I2I, {"resolution": "2k", "n": 3}, "0.12"),
        (I2I, {"resolution": "4k", "n": 10}, "0.60"),
        ("grok-imagine/text-to-image-pro", {"n": 2}, "0.0030"),
        ("grok-imagine/text-to-video", {"duration": 20}, "0.140"),
        ("grok-imagine/text-to-video", {}, "0.042"),
        ("seedream-4", {"n": 2}, "14"),
        ("veo3", {"duration": 4}, "28"),
        ("veo3", {"duration": 4, "mode": "r2v", "imageUrls": [URL]}, "56"),
    ],
)
def test_cost(model: str, submitted: dict[str, Any], usd: str, contract: Contract) -> None:
    """Count times unit price, by the field that the card names; 7 stands for an unknown price."""
    assert cost_of(contract.cards[model], submitted, Decimal(7)) == Decimal(usd)


@pytest.mark.parametrize(
    ("model", "submitted", "size"),
    [
        (I2I, {"ratio": "3:4"}, ("3:4", "1k", 768, 1024)),
        (I2I, {}, ("1:1", "1k", 1024, 1024)),
        (I2I, {"ratio": "9:21", "resolution": "4k"}, ("9:21", "4k", 1648, 3840)),
        ("nano-banana", {}, ("16:9", "1k", 1344, 768)),
        ("nano-banana", {"resolution": "4k"}, ("16:9", "1k", 1344, 768)),
        ("nano-banana-pro", {"ratio": "9:16", "resolution": "4k"}, ("9:16", "4k", 3072, 5504)),
        ("seedream-4", {"ratio": "16:9"}, ("16:9", "2k", 2560, 1440)),
        ("seedream-4", {"ratio": "2:3", "resolution": "1k"}, ("2:3", "1k", 832, 1248)),
        ("seedream-4.5", {"ratio": "16:9"}, ("16:9", "2k", 2848, 1600)),
        ("seedream-5-lite", {"ratio": "21:9", "resolution": "4k"}, ("21:9", "4k", 6240, 2656)),
        ("seedance-2.0", {"ratio": "3:4", "resolution": "480p"}, ("3:4", "480p", 560, 752)),
        ("seedance-1.5-pro", {}, ("16:9", "720p", 1280, 720)),
        ("grok-imagine/text-to-image-pro", {"ratio": "9:16"}, ("9:16", "720p", 720, 1280)),
        ("veo3", {"resolution": "4k", "imageUrls": [URL]}, ("16:9", "720p", 1280, 720)),
        ("veo3", {"resolution": "4k", "imageUrls": [URL] * 2}, ("16:9", "4k", 3840, 2160)),
        (
            "veo3_fast",
            {"resolution": "4k", "imageUrls": [URL], "mode": "r2v"},
            ("16:9", "4k", 3840, 2160),
        ),
        ("grok-imagine/text-to-image-lite", {"ratio": "21:9"}, ("1:1", "1k", 1024, 1024)),
        ("veo3", {}, ("16:9", "720p", 1280, 720)),
        ("veo3", {"resolution": "4k", "ratio": "9:16"}, ("9:16", "4k", 2160, 3840)),
        ("veo3_lite", {"resolution": "4k"}, ("16:9", "720p", 1280, 720)),
    ],
)
def test_size(model: str, submitted: dict[str, Any], size: tuple[Any, ...]) -> None:
    """The card's table decides; what is omitted or ignored takes its default."""
    found = size_of(CONTRACT.cards[model], submitted, "1:1")

    assert (found.ratio, found.resolution, found.width, found.height) == size


@pytest.mark.parametrize("model", sorted(CONTRACT.cards))
def test_every_valid_input_has_a_size_and_a_cost(model: str) -> None:
    """A ratio and resolution that the card accepts are those of the result."""
    card = CONTRACT.cards[model]

    @given(valid_inputs(CONTRACT, model), st.sampled_from(["1:1", "9:16"]))
    def holds(submitted: dict[str, Any], default: str) -> None:
        size = size_of(card, submitted, default)
        for field, shown in (("ratio", size.ratio), ("resolution", size.resolution)):
            if field in submitted and not card.without_effect(submitted):
                assert shown == submitted[field]
        assert (size.width, size.height) == card.sizes[size.ratio][size.resolution]
        assert cost_of(card, submitted, Decimal(1)) > 0
        assert count_of(card, submitted) >= 1

    holds()


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "0.00"), ("0.020", "0.02"), ("1E+1", "10.00"), ("0.0015", "0.0015"), ("2.5", "2.50")],
)
def test_money(amount: str, text: str) -> None:
    """At least two decimals, and no more than are needed."""
    assert money(Decimal(amount)) == text
