"""The contract as one OpenAPI 3.1 document."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urldefrag, urljoin

from mockserver.contract.loader import BASE, Contract

_DROPPED = frozenset(("$id", "$schema", "operations"))
_OWN_FILES = frozenset(("model-card", "sizes"))
"""Schemas of files, which describe no HTTP message."""
_SECURITY: list[dict[str, list[str]]] = [{"bearer": []}]


def openapi_document(contract: Contract, *, version: str) -> dict[str, Any]:
    """Build the document of the API and, under the tag `mock`, of the mock's own routes."""
    service, control = contract.service, contract.control
    paths: dict[str, dict[str, Any]] = {}
    for name, operation in service["operations"].items():
        described = _api_operation(name, operation, service["errors"])
        paths.setdefault(operation["path"], {})[operation["method"].lower()] = described
    for name, operation in control["operations"].items():
        paths.setdefault(operation["path"], {})[operation["method"].lower()] = _control_operation(
            name, operation
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "MaxAPI, as maxapi-mockserver knows it",
            "version": version,
            "description": "x-source says how sure we are of a clause, and which page states it.",
        },
        "servers": [{"url": "/"}, {"url": contract.fact("base_url")}],
        "tags": [
            {"name": "task", "description": "The API."},
            {"name": "mock", "description": control["description"]},
        ],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": _components(contract),
        },
    }


def _api_operation(
    name: str, operation: Mapping[str, Any], errors: Mapping[str, Any]
) -> dict[str, Any]:
    responses = {"200": _response("Success", _ref(operation["response"]))}
    for code in map(str, operation["refusals"]):
        moderated = name == "submit" and code == "400"
        schema = (
            {"anyOf": [_ref("moderation-error"), _ref("error")]} if moderated else _ref("error")
        )
        responses[code] = _response(errors[code]["msg"].capitalize(), schema)
        responses[code]["x-source"] = errors[code]["x-source"]
    described = _operation(name, operation, "task", responses)
    if "request" in operation:
        content = {"application/json": {"schema": _ref(operation["request"])}}
        described["requestBody"] = {"required": True, "content": content}
    return {**described, "security": _SECURITY, "x-source": operation["x-source"]}


def _control_operation(name: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    schema = {"$ref": _component_pointer(urljoin(f"{BASE}control.json", operation["response"]))}
    responses = {"200": _response("Success", schema), "default": _response("Error", _ref("error"))}
    if "texts" in operation:
        content = responses["200"]["content"]
        content |= {kind: {"schema": {"type": "string"}} for kind in operation["texts"]}
    described = _operation(name, operation, "mock", responses)
    if "request" in operation:
        body = {"$ref": _component_pointer(urljoin(f"{BASE}control.json", operation["request"]))}
        described["requestBody"] = {"content": {"application/json": {"schema": body}}}
    return {**described, "security": [{}, *_SECURITY]}


def _operation(
    name: str, operation: Mapping[str, Any], tag: str, responses: dict[str, Any]
) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = [
        {"name": parameter, "in": "path", "required": True, "schema": {"type": "string"}}
        for parameter in re.findall(r"\{(\w+)\}", operation["path"])
    ]
    parameters += [
        {"name": parameter, "in": "query", "description": about, "schema": {"type": "string"}}
        for parameter, about in operation.get("query", {}).items()
    ]
    return {
        "operationId": name,
        "tags": [tag],
        "summary": operation["summary"],
        "parameters": parameters,
        "responses": responses,
    }


def _response(description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _ref(kind: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind}"}


def _components(contract: Contract) -> dict[str, Any]:
    components: dict[str, Any] = {}
    for uri, document in contract.schemas.documents.items():
        if "/" not in uri.removeprefix(BASE) and _component(uri) not in _OWN_FILES:
            components[_component(uri)] = _rewritten(document, uri)
    for model, uri in contract.card_uris.items():
        about = {"title": model, "description": contract.schemas.documents[uri]["description"]}
        components[_component(uri)] = about | _rewritten(contract.cards[model].input, uri)
    components["submit-request"]["allOf"] = [
        _input_of(model, uri) for model, uri in contract.card_uris.items()
    ]
    return components


def _input_of(model: str, uri: str) -> dict[str, Any]:
    condition = {"properties": {"model": {"const": model}}, "required": ["model"]}
    consequence = {"properties": {"input": {"$ref": f"#/components/schemas/{_component(uri)}"}}}
    return {"if": condition, "then": consequence}


def _component(uri: str) -> str:
    return uri.removeprefix(BASE).removesuffix(".json").replace("/", ".")


def _component_pointer(uri: str) -> str:
    document, pointer = urldefrag(uri)
    return f"#/components/schemas/{_component(document)}{pointer}"


def _rewritten(node: Any, base: str) -> Any:
    """Copy a schema with its references pointing into `components`."""
    if isinstance(node, Mapping):
        return {
            key: _component_pointer(urljoin(base, value))
            if key == "$ref"
            else _rewritten(value, base)
            for key, value in node.items()
            if key not in _DROPPED
        }
    return [_rewritten(item, base) for item in node] if isinstance(node, list) else node
