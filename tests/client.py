"""A client that holds every response of the mock against the schemas."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from threading import Event
from typing import Any

from jsonschema import Draft202012Validator

from mockserver.contract import Contract
from mockserver.contract.loader import BASE
from mockserver.engine.messages import Request
from mockserver.engine.service import Service
from mockserver.web.app import create_app

SEED: dict[str, Any] = {
    "model": "gpt-image-2/image-to-image",
    "callBackUrl": "https://example.com/webhook",
    "input": {
        "prompt": "Restyle the subject in cyberpunk aesthetic",
        "imageUrls": ["https://example.com/source.jpg"],
        "ratio": "3:4",
        "n": 1,
    },
}
"""The request of the seed, word for word."""

SUBMIT = "/api/v1/task/submit"


def seed(**changes: Any) -> dict[str, Any]:
    """Copy the seed's request without its callBackUrl, with *changes* to its input."""
    return {"model": SEED["model"], "input": {**SEED["input"], **changes}}


@dataclass(frozen=True)
class Answer:
    """A response, already found to conform."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def msg(self) -> str:
        """The envelope's message."""
        return str(self.json["msg"])


def check(contract: Contract, method: str, path: str, answer: Answer) -> None:
    """Fail unless *answer* is one that the contract allows for the request."""
    if not answer.body:
        assert method in ("HEAD", "OPTIONS"), f"{method} {path} has no body"
        return
    if answer.headers["content-type"] != "application/json":
        assert path.startswith(("/images/", "/videos/")) or "/files/" in path
        return
    if answer.status >= 400:
        kind = "moderation-error" if "data" in answer.json else "error"
        assert contract.violations(kind, answer.json) == []
        assert answer.json["code"] == answer.status
        return
    if path.startswith("/__mock/"):
        check_control(contract, method, path, answer)
        return
    kind = "submit-response" if path == SUBMIT else "task-response"
    kind = "cancel-response" if path.endswith("/cancel") else kind
    assert contract.violations(kind, answer.json) == []


def check_control(contract: Contract, method: str, path: str, answer: Answer) -> None:
    """Fail unless *answer* is what `control.json` promises for the operation."""
    segments = path.split("/")
    for operation in contract.control["operations"].values():
        template = operation["path"].split("/")
        same = len(segments) == len(template) and all(
            want.startswith("{") or want == have
            for want, have in zip(template, segments, strict=False)
        )
        if same and operation["method"] == ("GET" if method == "HEAD" else method):
            schema = {"$ref": f"{BASE}control.json{operation['response']}"}
            registry = contract.schemas._explaining
            Draft202012Validator(schema, registry=registry).validate(answer.json)
            return
    raise AssertionError(f"{method} {path} is not in control.json")


class Client:
    """Speaks to a service in this process, as the holder of one API key."""

    def __init__(self, service: Service, key: str | None = "test") -> None:
        self.service = service
        self._key = key
        self._app = create_app(service).test_client()

    def as_key(self, key: str | None) -> Client:
        """Give a client of the same service with another key."""
        return Client(self.service, key)

    @property
    def sandbox(self) -> Any:
        """The sandbox of this client's key."""
        return self.service.sandboxes.of_key(self._key or "")

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request past Flask."""
        given = {"host": "mock.test:80"}
        if self._key is not None:
            given["authorization"] = f"Bearer {self._key}"
        response = self.service.respond(Request(method, path, given | dict(headers or {}), body))
        names = {name.lower(): value for name, value in response.headers}
        return self._checked(method, path, Answer(response.status, names, response.body))

    def _checked(self, method: str, path: str, answer: Answer) -> Answer:
        check(self.service.contract, method, path, answer)
        return answer

    def submit(self, document: Any, **headers: str) -> Answer:
        """Submit a document, or the text of one."""
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.request("POST", SUBMIT, body, {"content-type": "application/json", **headers})

    def submitted(self, document: Any) -> str:
        """Submit a document that is accepted; give the task's id."""
        answer = self.submit(document)
        assert answer.status == 200, answer.msg
        return str(answer.json["data"]["taskId"])

    def poll(self, task_id: str) -> dict[str, Any]:
        """Poll a task that exists; give the task."""
        answer = self.request("GET", f"/api/v1/task/{task_id}")
        assert answer.status == 200, answer.msg
        return dict(answer.json["data"])

    def cancel(self, task_id: str) -> Answer:
        """Cancel a task."""
        return self.request("POST", f"/api/v1/task/{task_id}/cancel")

    def deliveries(self, count: int) -> list[dict[str, Any]]:
        """Await the moment at which the journal holds *count* deliveries; give them."""
        ring, arrived = self.sandbox.journal.deliveries, Event()
        add = ring.add

        def noticed(*entry: Any) -> None:
            add(*entry)
            arrived.set()

        ring.add = noticed
        while len(ring) < count:
            assert arrived.wait(5), f"{len(ring)} deliveries, not {count}"
            arrived.clear()
        ring.add = add
        return list(self.control("deliveries").json["deliveries"])

    def control(self, path: str, method: str = "GET", **options: Any) -> Answer:
        """Call the control plane, by way of Flask."""
        headers = {} if self._key is None else {"Authorization": f"Bearer {self._key}"}
        headers |= options.pop("headers", {})
        response = self._app.open(f"/__mock/{path}", method=method, headers=headers, **options)
        names = {name.lower(): value for name, value in response.headers}
        answer = Answer(response.status_code, names, response.data)
        return self._checked(method, f"/__mock/{path}".partition("?")[0], answer)
