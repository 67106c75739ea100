"""The OpenAPI export."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from mockserver.conformance.generation import valid_inputs
from mockserver.conformance.invalid_inputs import invalid_inputs
from mockserver.contract import Contract, load_contract
from mockserver.contract.explaining import DRAFT
from mockserver.contract.openapi import openapi_document
from mockserver.contract.openapi_components import pascal
from tests.contract.test_schemas import FIXTURES
from tests.contract.test_strict_json import JSON
from tests.contract.test_validation import nearly_valid

CONTRACT = load_contract()
MODELS = sorted(CONTRACT.cards)
DOCUMENT = openapi_document(CONTRACT, version="1.2.3")
KINDS = (
    "submit-response", "task-response", "webhook", "cancel-response", "moderation-error", "error",
    "task",
)  # fmt: skip
_OTHERS = ("model", "callBackUrl", "user_id", "more")
CARD = json.loads(Path("schemas/models/gpt-image-2--text-to-image.json").read_text("utf-8"))


@lru_cache
def component(name: str) -> jsonschema_rs.Validator:
    """Compile a component of the contract's own document."""
    return decides(DOCUMENT, name)


def decides(document: Mapping[str, Any], name: str) -> jsonschema_rs.Validator:
    """Compile a component, with nothing but the document at hand."""
    schema = {
        "$schema": DRAFT,
        "$ref": f"#/components/schemas/{name}",
        "components": document["components"],
    }
    return jsonschema_rs.validator_for(schema)


SUBMISSION = component("SubmitRequest")


def schemas_in(node: Any, place: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each object of a document with its place."""
    if isinstance(node, dict):
        yield place, node
        for key, value in node.items():
            yield from schemas_in(value, f"{place}/{key}")
    elif isinstance(node, list):
        for at, value in enumerate(node):
            yield from schemas_in(value, f"{place}/{at}")


def outside_conditions(document: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """List what generators read: none of them reads conditions."""
    found = schemas_in(document)
    return [
        (place, node)
        for place, node in found
        if "/x-" not in place and "/dependentSchemas" not in place
    ]


def with_card(folder: Path, **changes: Any) -> Contract:
    """Make a contract with a user's card."""
    card = {key: value for key, value in CARD.items() if key != "$id"} | changes
    (folder / f"{pascal(card['model'])}.json").write_text(json.dumps(card), "utf-8")
    return load_contract(more_cards=folder)


def test_is_valid_openapi_31() -> None:
    """The validator that the field uses finds nothing."""
    validate(DOCUMENT, cls=OpenAPIV31SpecValidator)

    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["info"]["version"] == "1.2.3"


def test_describes_every_operation() -> None:
    """The API's three operations and the mock's own are in it, under their tags."""
    found = {
        operation["operationId"]: operation["tags"]
        for path in DOCUMENT["paths"].values()
        for operation in path.values()
    }

    assert found == {name: ["task"] for name in CONTRACT.service["operations"]} | {
        name: ["mock"] for name in CONTRACT.control["operations"]
    }


def test_references_name_components() -> None:
    """No reference points into a component, and all of them point to something."""
    names = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}

    used = {node["$ref"] for _, node in schemas_in(DOCUMENT) if isinstance(node.get("$ref"), str)}

    assert used <= names
    assert len(names) == len({name.lower() for name in names})
    assert all(re.fullmatch("[A-Z][A-Za-z0-9]+", name.rpartition("/")[2]) for name in names)


def test_objects_say_what_is_in_them() -> None:
    """Each object has properties, or says that it is a map; a client of it has more than `{}`."""
    bare = [
        place
        for place, node in outside_conditions(DOCUMENT)
        if "object" in (node.get("type") or ())
        and not node.get("properties")
        and "additionalProperties" not in node
    ]

    assert bare == []


def test_values_have_types() -> None:
    """Where there is an `enum` or a `const` there is a type, which generators read."""
    bare = [
        place
        for place, node in outside_conditions(DOCUMENT["components"]["schemas"])
        if isinstance(node.get("enum"), list) or "const" in node
        if "type" not in node
    ]

    assert bare == []


def test_nothing_is_inherited() -> None:
    """There is no `allOf`, of whose members generators make types of their own."""
    assert [place for place, node in outside_conditions(DOCUMENT) if "allOf" in node] == []


def test_a_submission_is_told_apart_by_its_model() -> None:
    """The discriminator has all models, and each one's schema accepts only its own."""
    schemas = DOCUMENT["components"]["schemas"]
    union = schemas["SubmitRequest"]
    mapping = union["discriminator"]["mapping"]

    models = {
        model: schemas[reference.rpartition("/")[2]]["properties"]["model"]["enum"]
        for model, reference in mapping.items()
    }

    assert models == {model: [model] for model in MODELS}
    assert [one["$ref"] for one in union["oneOf"]] == [*mapping.values()]


def test_examples_are_valid() -> None:
    """Each example of a request or response conforms to its schema; each model has one."""
    contents = [
        (node["schema"], example["value"])
        for _, node in schemas_in(DOCUMENT)
        if "schema" in node and "examples" in node
        for example in node["examples"].values()
    ]

    for schema, example in contents:
        jsonschema_rs.validate(
            {"$schema": DRAFT, **schema, "components": DOCUMENT["components"]}, example
        )
    assert {example["model"] for _, example in contents if "model" in example} == {*MODELS}


def test_examples_lead_to_no_receiver() -> None:
    """A tool that sends the examples makes nobody call a host that exists."""
    hosts = {
        urlsplit(node["callBackUrl"]).hostname or ""
        for _, node in schemas_in(DOCUMENT)
        if isinstance(node.get("callBackUrl"), str)
    }

    assert hosts
    assert all(host.endswith(".invalid") for host in hosts)


def test_describes_the_webhook_and_what_follows_a_submission() -> None:
    """A submission has the webhook as its callback, and links by its taskId."""
    submit = DOCUMENT["paths"]["/api/v1/task/submit"]["post"]
    webhook = submit["callbacks"]["webhook"]["{$request.body#/callBackUrl}"]["post"]
    links = submit["responses"]["200"]["links"]

    assert webhook["requestBody"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Webhook"
    }
    assert {link["operationId"] for link in links.values()} == {"query", "cancel"}
    assert all(
        link["parameters"] == {"taskId": "$response.body#/data/taskId"} for link in links.values()
    )


def test_files_and_figures_are_not_json() -> None:
    """Routes that return no JSON are described by their media types."""
    files, metrics = (
        DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"]
        for path in ("/__mock/tasks/{taskId}/files/{index}", "/__mock/metrics")
    )

    assert files.keys() == {"image/png", "video/mp4"}
    assert metrics.keys() == {"text/plain"}


@given(st.data())
@settings(max_examples=200)
def test_decides_on_submissions_as_the_contract_does(data: st.DataObject) -> None:
    """A tool that reads only this document accepts the requests that the mock accepts."""
    model = data.draw(st.sampled_from(MODELS))
    submitted = data.draw(valid_inputs(CONTRACT, model) | nearly_valid(model))
    others = data.draw(st.dictionaries(st.sampled_from(_OTHERS), JSON, max_size=2))
    request = {"model": model, "input": submitted, **others}

    decided = SUBMISSION.is_valid(request)

    assert decided == (not CONTRACT.violations("submit-request", request))


@pytest.mark.parametrize("model", MODELS)
def test_rejects_each_near_miss(model: str) -> None:
    """What breaks a single clause of a card is rejected by this document, too."""
    wrong = [{"model": model, "input": one.input} for one in invalid_inputs(CONTRACT, model)]

    assert wrong
    assert [one for one in wrong if SUBMISSION.is_valid(one)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_decides_on_other_documents_as_the_contract_does(kind: str) -> None:
    """The same, for what the API sends."""
    valid = component(pascal(kind)).is_valid
    envelope = st.fixed_dictionaries({"code": JSON, "msg": JSON}, optional={"data": JSON})

    @given(JSON | envelope)
    def agree(document: Any) -> None:
        assert valid(document) == (not CONTRACT.violations(kind, document))

    agree()


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_decides_on_golden_documents(path: Path) -> None:
    """Valid ones conform to this document, invalid ones do not."""
    kind, verdict = path.parts[-3:-1]

    valid = component(pascal(kind)).is_valid(json.loads(path.read_text("utf-8")))

    assert valid == (verdict == "valid")


def test_names_stay_apart(tmp_path: Path) -> None:
    """Models whose names differ only in signs or case have components of their own."""
    contract = with_card(tmp_path, model="gpt-image_2/Text-to-image")

    document = openapi_document(contract, version="1")

    assert {"GptImage2TextToImageInput", "GptImage2TextToImageInput2"} <= {
        *document["components"]["schemas"]
    }
    validate(document, cls=OpenAPIV31SpecValidator)


def test_several_conditions_of_a_card_all_apply(tmp_path: Path) -> None:
    """What cannot be merged is kept where generators do not look, and still decides."""
    never = [
        {
            "if": {"properties": {"n": {"const": n}}, "required": ["n"]},
            "then": {"required": [other]},
        }
        for n, other in ((2, "ratio"), (3, "resolution"))
    ]
    contract = with_card(tmp_path, input=CARD["input"] | {"allOf": never})
    document = openapi_document(contract, version="1")
    valid = decides(document, "GptImage2TextToImageInput").is_valid

    assert [valid({"prompt": "a", "n": n}) for n in (1, 2, 3)] == [True, False, False]
    assert valid({"prompt": "a", "n": 2, "ratio": "1:1"})
    assert [place for place, node in outside_conditions(document) if "allOf" in node] == []


_DEFS = {
    "short": {"type": "string", "maxLength": 2, "pattern": "a"},
    "tree": {"type": "object", "properties": {"more": {"$ref": "#/input/$defs/tree"}}},
    "closed": {"type": "object", "properties": {"a": {}}, "additionalProperties": False},
}


@pytest.mark.parametrize(
    "clauses",
    [
        {"allOf": [True, {"maxProperties": 2}]},
        {"allOf": [False]},
        {"allOf": [{"pattern": "a"}, {"pattern": "b"}]},
        {"allOf": [{"if": {"maxLength": 1}, "then": {"pattern": "a"}}, {"pattern": "."}]},
        {"allOf": [{"if": {"required": ["a"]}, "else": {"maxProperties": 0}}]},
        {
            "dependentSchemas": {"a": {"required": ["b"]}},
            "allOf": [{"if": {"required": ["a"]}, "then": {"required": ["c"]}}],
        },
        {"$ref": "#/input/$defs/short", "pattern": "b"},
        {"$ref": "#/input/$defs/short", "minLength": 2},
        {"$ref": "#/input/$defs/tree", "properties": {"more": {"minProperties": 1}}},
        {"$ref": "#/input/$defs/closed", "properties": {"b": {}}},
        {"$ref": "#/input/$defs/closed", "required": ["a"]},
        {"anyOf": [{"type": "null"}, {"$ref": "#/input/$defs/closed"}]},
        {"enum": ["a", None, 1]},
    ],
)
def test_decides_on_clauses_of_any_card(clauses: dict[str, Any], tmp_path: Path) -> None:
    """Whatever keywords a user's card combines, the document accepts the same."""
    fields = CARD["input"]["properties"] | {"more": clauses}
    contract = with_card(tmp_path, input=CARD["input"] | {"properties": fields, "$defs": _DEFS})
    document = openapi_document(contract, version="1", api_only=True)
    valid = decides(document, "SubmitRequest").is_valid
    values: list[Any] = [
        *(None, 0, 1, True, "", "a", "b", "ab", "abc", [], {}, {"a": 1}, {"b": 1}),
        *({"a": 1, "b": 1}, {"a": 1, "b": 1, "c": 1}, {"more": {}}, {"more": {"more": {}}}),
        *({"more": 1}, {"a": {"more": 1}}),
    ]
    requests = [
        {"model": CARD["model"], "input": {"prompt": "a", "more": value}} for value in values
    ]

    decided = [valid(request) for request in requests]

    assert decided == [not contract.violations("submit-request", one) for one in requests]


def test_can_leave_out_the_routes_of_the_mock() -> None:
    """The client that an app ships needs the API only."""
    document = openapi_document(CONTRACT, version="1", api_only=True)
    schemas = document["components"]["schemas"]

    assert {*document["paths"]} == {one["path"] for one in CONTRACT.service["operations"].values()}
    assert [tag["name"] for tag in document["tags"]] == ["task"]
    assert schemas.keys() <= DOCUMENT["components"]["schemas"].keys()
    assert [name for name in schemas if name.startswith("Mock")] == []
    validate(document, cls=OpenAPIV31SpecValidator)


def test_a_card_can_refer_to_itself(tmp_path: Path) -> None:
    """A definition that contains itself becomes a component that does."""
    tree = {"type": "object", "properties": {"more": {"$ref": "#/input/$defs/tree"}}}
    fields = CARD["input"]["properties"] | {"tree": {"$ref": "#/input/$defs/tree"}}
    contract = with_card(
        tmp_path, input=CARD["input"] | {"properties": fields, "$defs": {"tree": tree}}
    )

    schemas = openapi_document(contract, version="1")["components"]["schemas"]

    assert schemas["GptImage2TextToImageInputTree"]["properties"]["more"] == {
        "$ref": "#/components/schemas/GptImage2TextToImageInputTree"
    }
