"""The contract as one OpenAPI 3.1 document, from which generators make working clients."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

from mockserver.contract.loader import BASE, Contract
from mockserver.contract.openapi_components import Components
from mockserver.contract.sample import sample_input

Json = dict[str, Any]

_SECURITY: list[dict[str, list[str]]] = [{"bearer": []}]
_EXAMPLE_RECEIVER = "https://app.invalid/webhook"
"""The `callBackUrl` of examples: tools send them, and this host exists nowhere (RFC 2606)."""


def openapi_document(contract: Contract, *, version: str, api_only: bool = False) -> Json:
    """Build the document of the API and, under the tag `mock`, of the mock's own routes.

    *api_only* leaves these out.
    """
    builder = _Builder(contract)
    described = [(contract.service, "The API.", "task", builder.api_operation)]
    if not api_only:
        about = contract.control["description"]
        described.append((contract.control, about, "mock", builder.control_operation))
    paths: dict[str, Json] = {}
    for source, _, _, describe in described:
        for name, operation in source["operations"].items():
            methods = paths.setdefault(operation["path"], {})
            methods[operation["method"].lower()] = describe(name, operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "MaxAPI, as maxapi-mockserver knows it",
            "version": version,
            "description": "x-source says how sure we are of a clause, and which page states it.",
        },
        "servers": [{"url": "/"}, {"url": contract.fact("base_url")}],
        "tags": [{"name": tag, "description": about} for _, about, tag, _ in described],
        "paths": paths,
        "components": {
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
            "schemas": builder.components.schemas,
        },
    }


class _Builder:
    """Describes operations, and collects the components that they refer to."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self.components = Components(contract)

    def api_operation(self, name: str, operation: Mapping[str, Any]) -> Json:
        """Describe an operation of the API."""
        responses = {"200": self._success(operation["response"])}
        for code in operation["refusals"]:
            responses[str(code)] = self._error(code, moderated=name == "submit" and code == 400)
        described = _operation(name, operation, "task", responses)
        if operation.get("request") == "submit-request":
            responses["200"]["links"] = self._links()
            described |= {"requestBody": self._submission(), "callbacks": self._callbacks()}
        return described | {"security": _SECURITY, "x-source": operation["x-source"]}

    def control_operation(self, name: str, operation: Mapping[str, Any]) -> Json:
        """Describe a route of the mock's own."""
        content = {} if "files" in operation else self._json(self._control(operation["response"]))
        if operation.get("json") is False:
            content = {}
        content |= {text: {"schema": {"type": "string"}} for text in operation.get("texts", ())}
        for kind in operation.get("files", ()):
            media_type = self._contract.service["results"][kind]["media_type"]
            content[media_type] = {"schema": {"type": "string", "format": "binary"}}
        error = _response("Error", self._json(self._document("error")))
        success = _response("Success", content)
        described = _operation(name, operation, "mock", {"200": success, "default": error})
        if "request" in operation:
            body = self._json(self._control(operation["request"]))
            described["requestBody"] = {"content": body}
        return described | {"security": [{}, *_SECURITY]}

    def _document(self, kind: str) -> Json:
        return self.components.reference(f"{BASE}{kind}.json")

    def _control(self, reference: str) -> Json:
        return self.components.reference(urljoin(f"{BASE}control.json", reference))

    def _success(self, kind: str) -> Json:
        examples = self._contract.document(kind).get("examples", ())
        named = {f"example{number}": one for number, one in enumerate(examples, start=1)}
        return _response("Success", self._json(self._document(kind), named))

    def _error(self, code: int, *, moderated: bool) -> Json:
        error = self._contract.service["errors"][str(code)]
        schema = self._document("error")
        if moderated:
            schema = {"anyOf": [self._document("moderation-error"), schema]}
        examples = {"error": {"code": code, "msg": error["msg"]}}
        response = _response(error["msg"].capitalize(), self._json(schema, examples))
        return response | {"x-source": error["x-source"]}

    def _submission(self) -> Json:
        """Describe the body of a submission, with an example for each model."""
        shown = self._contract.document("submit-request").get("examples", ())
        examples = {one["model"]: {**one, "callBackUrl": _EXAMPLE_RECEIVER} for one in shown}
        for model in self._contract.cards:
            sample = {"model": model, "input": sample_input(self._contract, model)}
            if not self._contract.violations("submit-request", sample):
                examples.setdefault(model, sample)
        return {"required": True, "content": self._json(self.components.submission(), examples)}

    def _links(self) -> Json:
        """Describe what can be done with the taskId of a submission."""
        return {
            name: {"operationId": name, "parameters": {"taskId": "$response.body#/data/taskId"}}
            for name, operation in self._contract.service["operations"].items()
            if "{taskId}" in operation["path"]
        }

    def _callbacks(self) -> Json:
        """Describe the webhook."""
        schema = self._contract.document("webhook")
        post = {
            "operationId": "webhook",
            "summary": schema["description"],
            "requestBody": {"required": True, "content": self._json(self._document("webhook"))},
            "responses": {"2XX": {"description": "The webhook is delivered."}},
            "x-source": schema["x-source"],
        }
        return {"webhook": {"{$request.body#/callBackUrl}": {"post": post}}}

    def _json(self, schema: Json, examples: Mapping[str, Any] | None = None) -> Json:
        named = {name: {"value": value} for name, value in (examples or {}).items()}
        return {"application/json": {"schema": schema} | ({"examples": named} if named else {})}


def _operation(name: str, operation: Mapping[str, Any], tag: str, responses: Json) -> Json:
    parameters: list[Json] = [
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


def _response(description: str, content: Json) -> Json:
    return {"description": description, "content": content}
