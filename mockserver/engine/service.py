"""The API's behaviour: one function from a request to a response."""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

from mockserver.contract import Contract, NotJson, parse_json
from mockserver.domain.durations import stamp
from mockserver.domain.scenario import HEADER
from mockserver.engine.pending_request import Call
from mockserver.engine.webhooks.attempt import Transport
from mockserver.engine.clock import Clock
from mockserver.engine.contract_warnings import PREFLIGHT
from mockserver.engine.cors import preflight, shared
from mockserver.engine.webhooks.dispatcher import Dispatcher
from mockserver.engine.messages import (
    JSON_TYPE,
    Refusal,
    Request,
    Response,
    check_coding,
    warn,
)
from mockserver.engine.journal import Watch
from mockserver.engine.nulls import without_nulls
from mockserver.engine.operations import Operations
from mockserver.engine.routing import no_such_route, pattern_of
from mockserver.engine.sandbox import Sandbox, Sandboxes
from mockserver.engine.scenario_resolution import act, as_success, choose_script, lose, refuse, without_effect
from mockserver.engine.webhooks.transport import HttpTransport, transport_of
from mockserver.settings import Settings

ANONYMOUS = ""

_MOST_STRAYS = 1000

CLOCK_HEADER = "X-Mock-Clock"

CONTROL_PREFIX = "/__mock/"
"""Below this the mock itself is addressed, not the API."""

Handler = Callable[[Call, Mapping[str, str]], Response]


@dataclass(frozen=True, slots=True)
class _Route:
    name: str
    path: str
    pattern: re.Pattern[str]
    methods: tuple[str, ...]
    handler: Handler


class Service:
    """Answers as the API does; everything random, slow or remote is given to it."""

    def __init__(
        self,
        contract: Contract,
        settings: Settings,
        *,
        make_clock: Callable[[], Clock] = Clock,
        transport: Transport | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.closed = Event()
        self.contract = contract
        self.settings = settings
        self._transport = transport or transport_of(settings)
        self.dispatcher = Dispatcher(contract, settings, self._transport)
        self.sandboxes = Sandboxes(
            settings, contract.lifecycle, make_clock, self.dispatcher.clock_changed, watch
        )
        self.strays: deque[tuple[float, str]] = deque(maxlen=_MOST_STRAYS)
        """When requests of keys came that nobody had controlled, and the ids of their sandboxes."""
        self.anonymous = self.sandboxes.of_key(ANONYMOUS)
        """Holds the journal of requests without an accepted token."""
        self._operations = Operations(contract, settings, self.dispatcher, self.sandboxes)
        authentication = contract.service["authentication"]
        self._guarded = authentication["prefix"]
        self._scheme = f"{authentication['scheme'].lower()} "
        self._document_type = (JSON_TYPE[0], contract.fact("promises.answer_content_type"))
        self._submission = contract.service["operations"]["submit"]
        self._routes = self._make_routes()

    def _make_routes(self) -> list[_Route]:
        handlers: dict[str, Handler] = {
            "submit": self._submit,
            "query": self._operations.query,
            "cancel": self._operations.cancel,
        }
        operations = self.contract.service["operations"]
        results = self.contract.service["results"]
        routes = [
            _route(name, operations[name]["path"], operations[name]["method"], handler)
            for name, handler in handlers.items()
        ]
        files = [kind["path"] for kind in results.values() if "path" in kind]
        return routes + [_route("result", path, "GET", self._result) for path in files]

    def listens_on(self, url: str) -> None:
        """Note the base of result URLs for clients that do not say how they reached the mock."""
        self._operations.base = url

    def close(self) -> None:
        """Stop sending webhooks, and keeping anybody waiting."""
        self.closed.set()
        self.dispatcher.close()
        for sandbox in self.sandboxes:
            sandbox.conclude()
        if isinstance(self._transport, HttpTransport):
            self._transport.close()

    def answer(self, request: Request) -> Response:
        """Answer any request; the journal of its sandbox holds both."""
        origins = self.settings.cors
        if origins is None:
            return self._answered(request)
        return preflight(request, origins) or shared(self._answered(request), request, origins)

    def _answered(self, request: Request) -> Response:
        call = Call(request, self.anonymous, self.anonymous.clock.now())
        try:
            response = self._answer(call)
        except Refusal as refusal:
            call.refusal, call.said = refusal, refusal.said(self.contract)
            response = refusal.response(self.contract)
        response = act(response, call.script)
        if call.sandbox.settings.error_status == "200" and request.path.startswith(self._guarded):
            response = as_success(response)
        response = _with_clock(self._typed(response), call.sandbox.clock)
        if not call.sandbox.is_controlled:
            self.strays.append((call.sandbox.clock.real(), call.sandbox.id))
        warnings = call.sandbox.observer.exchange(call, response)
        call.sandbox.journal.record(call, response, warnings)
        return response

    def _typed(self, response: Response) -> Response:
        """Give a document of the API the media type that the contract's facts say."""
        if self._document_type == JSON_TYPE or JSON_TYPE not in response.headers:
            return response
        others = [pair for pair in response.headers if pair != JSON_TYPE]
        return replace(response, headers=(self._document_type, *others))

    def sandbox_of(self, headers: Mapping[str, str]) -> Sandbox:
        """Give the sandbox of the Bearer token in *headers*. Raises Refusal 401."""
        header = headers.get("authorization", "")
        token = header[len(self._scheme) :].strip()
        if not header[: len(self._scheme)].lower() == self._scheme or not token:
            raise _unauthorized("send the header 'Authorization: Bearer <token>'")
        accepted = self.settings.api_key
        if accepted is not None and token not in accepted:
            raise _unauthorized("this token is none of those given with --api-key")
        return self.sandboxes.of_key(token)

    def _answer(self, call: Call) -> Response:
        request, route = call.request, self._find(call)
        if not request.path.startswith(self._guarded) or request.method == "OPTIONS":
            self._file(call)
            return self._handle(call, route)
        call.enter(self.sandbox_of(request.headers))
        submits = request.path == self._submission["path"]
        submits = submits and request.method == self._submission["method"]
        if submits:
            self._read(call)
        self._admit(call)
        call.script = choose_script(
            call.sandbox, request, call.document, self.contract, submits=submits
        )
        refuse(call.script)
        response = lose(self._handle(call, route), call.script, self.contract)
        return response if submits else _with_warnings(response, self._vain(call))

    @staticmethod
    def _vain(call: Call) -> list[str]:
        """Say which scenarios do nothing here: of a rule's once, so that no poll repeats it."""
        vain = without_effect(call.script)
        if HEADER.lower() in call.request.headers:
            return vain
        return [text for text in vain if call.sandbox.count(text) == 1]

    def _file(self, call: Call) -> None:
        """Note a request that needs no token where its token says, if it has one that counts."""
        with suppress(Refusal):
            call.enter(self.sandbox_of(call.request.headers))

    @staticmethod
    def _admit(call: Call) -> None:
        early = call.sandbox.admit(call.now)
        if early:
            raise Refusal(429, headers={"Retry-After": str(math.ceil(early))})

    def _find(self, call: Call) -> tuple[_Route, Mapping[str, str]] | None:
        """Find the route of a request, and what its path has for the route's names."""
        for route in self._routes:
            match = route.pattern.fullmatch(call.request.path)
            if match is not None:
                call.operation = PREFLIGHT if call.request.method == "OPTIONS" else route.name
                return route, match.groupdict()
        return None

    def _handle(self, call: Call, found: tuple[_Route, Mapping[str, str]] | None) -> Response:
        if found is not None:
            return self._by_method(call, *found)
        known = [(route.methods[0], route.path) for route in self._routes]
        said = no_such_route(call.request.method, call.request.path, known, self._guarded)
        raise Refusal(404, said)

    @staticmethod
    def _by_method(call: Call, route: _Route, place: Mapping[str, str]) -> Response:
        method = call.request.method
        if method in route.methods:
            return route.handler(call, place)
        allow = {"Allow": ", ".join([*route.methods, "OPTIONS"])}
        if method == "OPTIONS":
            return Response(204, tuple(allow.items()), b"")
        raise Refusal(405, f"{method[:20]} is not allowed; use {allow['Allow']}", headers=allow)

    def _read(self, call: Call) -> None:
        """Read the body, or keep the refusal for later: a scenario may come before it."""
        try:
            call.document = self._parsed(call.request)
        except Refusal as refusal:
            call.unreadable = refusal

    def _submit(self, call: Call, _place: Mapping[str, str]) -> Response:
        if call.unreadable is not None:
            raise call.unreadable
        if call.sandbox.settings.null == "omit":
            call.document = without_nulls(call.document, self.contract)
        return self._operations.submit(call)

    def _parsed(self, request: Request) -> Any:
        """Check what comes before the fields: content type, size, JSON."""
        given = request.headers.get("content-type", "")
        if given.partition(";")[0].strip().lower() != "application/json":
            shown = repr(given) if given else "missing"
            raise Refusal(415, f"Content-Type: {shown}; use application/json")
        check_coding(request.headers)
        if len(request.body) > self.settings.max_body:
            raise Refusal(413, f"the body is larger than {self.settings.max_body} bytes")
        try:
            return parse_json(request.body, nesting=self.settings.max_nesting)
        except NotJson as error:
            raise Refusal(400, f"body: not valid JSON: {error}") from None

    def _result(self, call: Call, place: Mapping[str, str]) -> Response:
        sandbox = self.sandboxes.of_id(place["sandbox"])
        if sandbox is None:
            raise Refusal(404, "no such result")
        call.enter(sandbox)
        return self._operations.result(call, place)


def _route(name: str, path: str, method: str, handler: Handler) -> _Route:
    methods = ("GET", "HEAD") if method == "GET" else (method,)
    return _Route(name, path, pattern_of(path), methods, handler)


def _with_clock(response: Response, clock: Clock) -> Response:
    """Say with every response that the clock stands still: nothing will ever change by waiting."""
    if clock.speed:
        return response
    header = (CLOCK_HEADER, f"frozen at {stamp(clock.now())}")
    return replace(response, headers=(*response.headers, header))


def _unauthorized(advice: str) -> Refusal:
    """Keep to the documented body, and say the rest beside it."""
    return Refusal(401, headers=warn([advice]))


def _with_warnings(response: Response, warnings: list[str]) -> Response:
    if not warnings:
        return response
    return replace(response, headers=(*response.headers, *warn(warnings).items()))
