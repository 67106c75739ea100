"""The OpenAPI export."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from mockserver.contract import Contract
from mockserver.contract.openapi import openapi_document
from tests.client import SEED, seed


@pytest.fixture(scope="module")
def document(contract: Contract) -> dict[str, Any]:
    """The document, built once."""
    return openapi_document(contract, version="1.2.3")


def test_is_valid_openapi_31(document: dict[str, Any]) -> None:
    """The validator that the field uses finds nothing."""
    validate(document, cls=OpenAPIV31SpecValidator)

    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == "1.2.3"


def test_describes_every_operation(document: dict[str, Any], contract: Contract) -> None:
    """The API's three operations and the mock's own are in it, under their tags."""
    found = {
        operation["operationId"]: operation["tags"]
        for path in document["paths"].values()
        for operation in path.values()
    }

    assert found == {name: ["task"] for name in contract.service["operations"]} | {
        name: ["mock"] for name in contract.control["operations"]
    }


@pytest.mark.parametrize(
    ("request_", "valid"),
    [
        (SEED, True),
        (seed(resolution="4k", ratio="16:9"), True),
        (seed(resolution="4k"), False),
        (seed(n=11), False),
        ({"model": "gpt-image-3", "input": {}}, False),
        ({"model": "veo3", "input": {"prompt": "a", "duration": 5}}, False),
        ({"model": "veo3", "input": {"prompt": "a", "duration": 6}}, True),
    ],
)
def test_its_schemas_decide_as_the_contract_does(
    document: dict[str, Any], contract: Contract, request_: Any, *, valid: bool
) -> None:
    """A tool that reads only this document validates requests as the mock does, input included."""
    schema = {"$ref": "#/components/schemas/submit-request", "components": document["components"]}

    assert Draft202012Validator(schema).is_valid(request_) == valid
    assert (not contract.violations("submit-request", request_)) == valid
