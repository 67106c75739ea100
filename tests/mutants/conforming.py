"""Layers that make a target unlike the mock without violating anything that a page says."""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from itertools import count
from typing import Any

from mockserver.conformance.operations import SUBMIT
from mockserver.contract import dump_json
from mockserver.domain.script import WireFault
from mockserver.engine.messages import Fault, Request, Response
from mockserver.engine.webhooks.attempt import AttemptResult, WebhookRequest
from tests.mutants.changes import Shows, asks, document_of, files, page, with_document, with_type
from tests.mutants.edits import inside, remake
from tests.mutants.layer import Ask, Layer, MakeLayer, is_of_the_api, operation_of

_MINIMAL = ("taskId", "status", "input", "result")


def _minimal(task: dict[str, Any]) -> None:
    for name in task.keys() - set(_MINIMAL):
        del task[name]
    if task["result"] is None:
        del task["result"]


def _bare_echo(task: dict[str, Any]) -> None:
    task["input"] = {name: task["input"][name] for name in ("model", "prompt")}


def minimal_echo() -> Layer:
    """Echo the model and the prompt only, as the seed's example does."""
    return Shows(_bare_echo)


def minimal_polls() -> Layer:
    """Show in polls what the seed's example shows; the webhook's page promises more."""
    return Shows(_minimal, in_webhooks=False)


def defaults_in_echo() -> Layer:
    """Echo defaults that were not sent."""
    return Shows(inside("input", lambda echoed: echoed.setdefault("resolution", "2k")))


class OtherIds(Layer):
    """Uses taskIds that are not UUIDs."""

    def respond(self, request: Request, ask: Ask) -> Response:
        """Translate the ids of requests and responses."""
        if not is_of_the_api(request):
            return ask(request)
        return self._named(ask(replace(request, path=request.path.replace("/job:", "/"))))

    def send(self, webhook: WebhookRequest) -> AttemptResult:
        """Translate the id of a webhook."""
        envelope = document_of(webhook.body)
        self._rename(envelope)
        return self.post(replace(webhook, body=dump_json(envelope)))

    def _named(self, response: Response) -> Response:
        envelope = document_of(response.body)
        self._rename(envelope)
        return with_document(response, envelope) if response.status == 200 else response

    @staticmethod
    def _rename(envelope: Any) -> None:
        if isinstance(envelope.get("data"), dict):
            remake("taskId", lambda id_: f"job:{id_}")(envelope["data"])


class Jitter(Layer):
    """Lets 50 to 500 ms of the sandboxes' time pass before each response."""

    def __init__(self) -> None:
        self._random = random.Random(0)  # noqa: S311 - it is to repeat

    def respond(self, request: Request, ask: Ask) -> Response:
        """Respond late; webhooks that fall due in between are sent."""
        response = ask(request)
        if is_of_the_api(request):
            late = timedelta(seconds=self._random.uniform(0.05, 0.5))
            for sandbox in self.service.sandboxes:
                sandbox.clock.advance_to(sandbox.clock.now() + late)
        return response


def headers(**named: str) -> MakeLayer:
    """Add headers to every response."""
    added = tuple((name.replace("_", "-"), value) for name, value in named.items())

    class _Headers(Layer):
        def respond(self, request: Request, ask: Ask) -> Response:
            response = ask(request)
            return replace(response, headers=(*response.headers, *added))

    return _Headers


class Gzip(Layer):
    """Compresses every response."""

    def respond(self, request: Request, ask: Ask) -> Response:
        """Compress."""
        response = ask(request)
        if not response.body:
            return response
        coding = ("Content-Encoding", "gzip")
        body = gzip.compress(response.body, compresslevel=1)
        return replace(response, headers=(*response.headers, coding), body=body)


class Elsewhere(Shows):
    """Keeps files on another host, at URLs that each poll signs anew."""

    def __init__(self) -> None:
        numbers = count()

        def sign(urls: list[str]) -> list[str]:
            host = [url.replace("127.0.0.1", "localhost") for url in urls]
            return [f"{url}?Expires=3600&Signature=s%2B{next(numbers)}%3D" for url in host]

        super().__init__(inside("result", remake("urls", sign)))


class Recoded(Shows):
    """Makes images of another format, at URLs that say so."""

    def __init__(self, ending: str, form: str) -> None:
        self._ending, self._form = ending, form
        super().__init__(
            inside("result", remake("urls", lambda urls: [self._renamed(url) for url in urls]))
        )

    def _renamed(self, url: str) -> str:
        return url.removesuffix(".png") + self._ending if url.endswith(".png") else url

    def respond(self, request: Request, ask: Ask) -> Response:
        """Recode a file."""
        path = request.path
        if not path.endswith(self._ending):
            return super().respond(request, ask)
        file = ask(replace(request, path=path.removesuffix(self._ending) + ".png"))
        if file.status != 200:
            return file
        return with_type(file, f"image/{self._form.lower()}", _recoded(file.body, self._form))


def _recoded(png: bytes, form: str) -> bytes:
    from PIL import Image

    made = BytesIO()
    Image.open(BytesIO(png)).convert("RGB").save(made, form, quality=1)
    return made.getvalue()


def jpeg() -> Layer:
    """Make JPEG files."""
    return Recoded(".jpg", "JPEG")


def webp() -> Layer:
    """Make WebP files."""
    return Recoded(".webp", "WEBP")


def untyped_files() -> Layer:
    """Leave the Content-Type of files out."""
    return files(lambda _request, file: with_type(file, "application/octet-stream"))()


class TransientFailure(Layer):
    """Fails once, at one request, and never again."""

    def __init__(self, number: int, fail: Callable[[Response], Response]) -> None:
        self._number, self._fail = number, fail
        self._requests = count(1)

    def respond(self, request: Request, ask: Ask) -> Response:
        """Let the mock respond, but fail once to pass the response on."""
        response = ask(request)
        if not is_of_the_api(request):
            return response
        return self._fail(response) if next(self._requests) == self._number else response


def bad_gateway(response: Response) -> Response:
    """Return 502 with a page, as proxies do."""
    return with_type(replace(response, status=502), "text/html", page("502 Bad Gateway"))


def cut(response: Response) -> Response:
    """End the connection inside the body."""
    return replace(response, fault=Fault(wire=WireFault.TRUNCATED))


def on_transient_failure(number: int, fail: Callable[[Response], Response]) -> MakeLayer:
    """Fail once, at the request with this number."""
    return lambda: TransientFailure(number, fail)


def _two_at_least(request: Request) -> Request:
    document = document_of(request.body) if operation_of(request) == SUBMIT else None
    submitted = document.get("input") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(submitted, dict) or "n" in submitted:
        return request
    changed = {**document, "input": {**submitted, "n": 2}}
    return replace(request, body=dump_json(changed))


two_by_default: MakeLayer = asks(_two_at_least)
"""Makes two results where n was not sent, as an example of query-task shows."""


class OtherWords(Layer):
    """Says why it rejects a request in other words."""

    def __init__(self, kept: tuple[str, ...]) -> None:
        self._kept = kept

    def respond(self, request: Request, ask: Ask) -> Response:
        """Change the msg, but not one that a page shows."""
        response = ask(request)
        envelope = document_of(response.body) if is_of_the_api(request) else None
        if response.status < 400 or not isinstance(envelope, dict):
            return response
        if envelope["msg"] in self._kept:
            return response
        return with_document(response, {**envelope, "msg": "Sorry, this did not work."})
