"""Samples of what the models accept."""

from __future__ import annotations

import pytest

from mockserver.contract import Contract, load_contract
from mockserver.contract.sample import sample_input


@pytest.mark.parametrize("model", sorted(load_contract().cards))
def test_every_model_has_a_sample_that_it_accepts(contract: Contract, model: str) -> None:
    """With a card of ours, at least."""
    made = sample_input(contract, model)

    assert contract.violations("submit-request", {"model": model, "input": made}) == []
