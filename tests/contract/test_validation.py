"""Violations: the fast validator and the explaining one, and their messages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockserver.conformance.generation import valid_inputs
from mockserver.conformance.invalid_inputs import InvalidInput, invalid_inputs
from mockserver.conformance.values import minimal_input
from mockserver.contract import Contract, Source, load_contract
from mockserver.contract.loader import KINDS
from tests.client import SEED, seed
from tests.contract.test_strict_json import JSON

CONTRACT = load_contract()
MODELS = sorted(CONTRACT.cards)
BREAKAGES = [
    pytest.param(model, broken, id=f"{model} {broken} {index}")
    for model in MODELS
    for index, broken in enumerate(invalid_inputs(CONTRACT, model))
]


def nearly_valid(model: str) -> st.SearchStrategy[Any]:
    """Make inputs with some members replaced by any JSON."""
    wrong = st.dictionaries(st.sampled_from(sorted(CONTRACT.cards[model].fields)), JSON, max_size=3)
    return st.builds(lambda good, bad: {**good, **bad}, valid_inputs(CONTRACT, model), wrong)


@pytest.mark.parametrize("model", MODELS)
def test_both_validators_agree_on_inputs(model: str) -> None:
    """What the fast validator rejects, the explaining one explains, and nothing else."""
    validator = CONTRACT._input_validators[model]

    @given(nearly_valid(model))
    def agree(submitted: Any) -> None:
        explained = list(validator._explain.iter_errors(submitted))
        assert validator.is_valid(submitted) == (not explained)

    agree()


@pytest.mark.parametrize("kind", KINDS)
def test_both_validators_agree_on_documents(kind: str) -> None:
    """The same, for every kind of document of the contract."""
    validator = CONTRACT._validators[kind]
    envelope = st.fixed_dictionaries({"code": JSON, "msg": JSON}, optional={"data": JSON})

    @given(JSON | envelope)
    def agree(document: Any) -> None:
        explained = list(validator._explain.iter_errors(document))
        assert validator.is_valid(document) == (not explained)

    agree()


@pytest.mark.parametrize("model", MODELS)
def test_minimal_input_is_valid(model: str, contract: Contract) -> None:
    """A model asks for no more than its required fields."""
    request = {"model": model, "input": minimal_input(contract, model)}

    assert contract.violations("submit-request", request) == []


@pytest.mark.parametrize(("model", "broken"), BREAKAGES)
def test_each_clause_is_named_when_it_alone_is_broken(
    model: str, broken: InvalidInput, contract: Contract
) -> None:
    """A single violation is reported once, at its place, by its clause, with its source."""
    found = contract.violations("submit-request", {"model": model, "input": broken.input})

    assert [(one.place, one.rule) for one in found] == [(broken.place, broken.rule)]
    assert found[0].clause.rpartition("/")[2] in (broken.rule, "contains")
    assert found[0].source.confidence in ("seed", "documented", "corroborated", "assumed")


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        ("gpt-image-2/text-to-imag", "; did you mean 'gpt-image-2/text-to-image'? use one of"),
        ("VEO3-lite", "; did you mean 'veo3_lite'? use one of"),
        ("dall-e", "; use one of"),
    ],
)
def test_a_message_names_the_value_that_may_be_meant(
    contract: Contract, model: str, hint: str
) -> None:
    """Of a model, for example, if one resembles what was sent."""
    [violation] = contract.violations("submit-request", {"model": model, "input": {}})

    assert str(violation).startswith(f"model: '{model}' is not accepted{hint} 'gpt-image-2/")


def test_message_names_place_value_rule_and_what_is_accepted(contract: Contract) -> None:
    """The 4k rule reads as a person would say it."""
    found = contract.violations("submit-request", seed(resolution="4k", ratio="1:1"))

    assert [str(one) for one in found] == [
        "input.ratio: '1:1' is not available at resolution '4k'; "
        "use one of '16:9', '9:16', '2:1', '1:2', '21:9', '9:21'"
    ]
    assert found[0].path == "$.input.ratio"
    assert found[0].source == Source("seed", "gpt-image-2/image-to-image")
    assert found[0].clause == (
        "models/gpt-image-2--image-to-image.json#/input/allOf/0/then/properties/ratio/enum"
    )


@pytest.mark.parametrize(
    ("document", "messages"),
    [
        ([], ["body: [] is not an object"]),
        (
            {"input": 3, "model": "gpt-image-2/image-to-image"},
            ["input: 3 is not an object"],
        ),
        (
            seed(n=11, prompt="", imageUrls=[]),
            [
                "input.prompt: '' is empty; use a non-empty string",
                "input.imageUrls: [] is 0 long, less than 1; use an array of at least 1",
                "input.n: 11 is more than 10; use an integer from 1 to 10",
            ],
        ),
        (
            seed(imageUrls=["ftp://x", 3]),
            [
                "input.imageUrls[0]: 'ftp://x' is not an http or https URL",
                "input.imageUrls[1]: 3 is not a string; use an http or https URL",
            ],
        ),
        (
            seed(n=None) | {"callBackUrl": 5, "user_id": 6},
            [
                "callBackUrl: 5 is not a string; use an http or https URL",
                "user_id: 6 is not a string",
                "input.n: null is not an integer; use an integer from 1 to 10",
            ],
        ),
    ],
)
def test_all_violations_are_reported(
    document: Any, messages: list[str], contract: Contract
) -> None:
    """Every violation is in the list, in the order of the schema."""
    assert [str(one) for one in contract.violations("submit-request", document)] == messages


def test_long_values_are_shortened(contract: Contract) -> None:
    """A message stays readable whatever was sent."""
    [one] = contract.violations("submit-request", seed(ratio="x" * 1000))

    assert len(one.value) < 70


def test_a_document_with_a_million_violations_is_answered_briefly(contract: Contract) -> None:
    """The list ends after twenty."""
    found = contract.violations("submit-request", seed(imageUrls=[""] * 100_000))

    assert len(found) == 20


def test_one_is_an_integer_however_it_is_written(contract: Contract) -> None:
    """JSON has one kind of number: 2.0 is the integer 2."""
    assert contract.violations("submit-request", seed(n=2.0)) == []
    assert contract.violations("submit-request", seed(n=True))


def test_seed_is_valid(contract: Contract) -> None:
    """The request that the project was created from is accepted word for word."""
    assert contract.violations("submit-request", SEED) == []


def test_a_keyword_can_be_less_sure_than_its_clause(contract: Contract) -> None:
    """That a prompt is a text stands on a page; that it may not be empty is an assumption."""
    kind, model = "submit-request", "gpt-image-2/text-to-image"

    [empty] = contract.violations(kind, {"model": model, "input": {"prompt": ""}})
    [number] = contract.violations(kind, {"model": model, "input": {"prompt": 7}})

    assert (empty.rule, empty.source.confidence) == ("minLength", "assumed")
    assert (number.rule, number.source.confidence) == ("type", "documented")
