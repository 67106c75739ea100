"""The API's behaviour: one function from a request to a response."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any

from mockserver.contract import Contract, NotJson, Violation, parse_json
from mockserver.domain.durations import stamp
from mockserver.domain.scenario import HEADER
from mockserver.engine.clock import Clock
from mockserver.engine.contract_warnings import PREFLIGHT, OperationName
from mockserver.engine.cors import preflight, shared
from mockserver.engine.held import hold
from mockserver.engine.inboxes import Inboxes
from mockserver.engine.interventions import Interventions
from mockserver.engine.journal import RecordedRequest, Watch
from mockserver.engine.keeping import MEMORY, Keeper
from mockserver.engine.messages import (
    JSON_TYPE,
    ApiError,
    Request,
    Response,
    check_coding,
    warn,
)
from mockserver.engine.null_fields import without_nulls
from mockserver.engine.operations import Operations
from mockserver.engine.pending_request import PendingRequest
from mockserver.engine.routing import Found, Route, Routes, no_such_route
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.sandboxes import ANONYMOUS, ANONYMOUS_ID, Sandboxes
from mockserver.engine.scenario_resolution import (
    apply_faults,
    as_success,
    reject,
    replace_response,
    resolve_script,
    without_effect,
)
from mockserver.engine.webhooks.attempt import Transport
from mockserver.engine.webhooks.dispatcher import Dispatcher
from mockserver.engine.webhooks.transport import HttpTransport, transport_of
from mockserver.settings import SettingError, Settings

if TYPE_CHECKING:
    from mockserver.engine.routing import Handler

CLOCK_HEADER = "X-Mock-Clock"
LABEL_HEADER = "X-Mock-Label"
_LABEL = LABEL_HEADER.lower()
_LONGEST_LABEL = 200

CONTROL_PREFIX = "/__mock/"
"""The paths of the mock's own routes begin with this."""


class Service:
    """Responds as the API does; everything random, slow or remote is passed in."""

    def __init__(
        self,
        contract: Contract,
        settings: Settings,
        *,
        make_clock: Callable[[], Clock] = Clock,
        transport: Transport | None = None,
        watch: Watch | None = None,
        keeper: Keeper = MEMORY,
    ) -> None:
        if settings.state is not None and keeper is MEMORY:
            raise SettingError("state: only 'maxapi-mock serve' keeps it; leave it out here")
        self.closed = Event()
        self.contract = contract
        self.settings = settings
        self._transport = transport or transport_of(settings)
        self.dispatcher = Dispatcher(contract, settings, self._transport)
        self.sandboxes = Sandboxes(
            settings,
            contract.lifecycle,
            make_clock,
            self.dispatcher.clock_changed,
            watch=watch,
            keeper=keeper,
        )
        if keeper is MEMORY:  # otherwise it is where state is kept
            self.sandboxes.of_key(ANONYMOUS)
        self.inboxes = Inboxes(opened_only=settings.is_public)
        self.interventions = Interventions(contract, self.dispatcher)
        self._operations = Operations(contract, settings, self.dispatcher, self.sandboxes)
        self.results, self.own_base = self._operations.results, self._operations.own_base
        loaded = self._operations.replayed.recordings, self._operations.own_files
        self.loaded = [str(one) for one in loaded if one is not None]
        """In words, what it responds with besides what it makes itself."""
        authentication = contract.service["authentication"]
        self.prefix: str = authentication["prefix"]
        """The paths of the API's operations begin with this."""
        self._scheme = f"{authentication['scheme'].lower()} "
        self._document_type = (JSON_TYPE[0], contract.fact("promises.answer_content_type"))
        self._submission = contract.service["operations"]["submit"]
        self._routes = self._make_routes()

    def _make_routes(self) -> Routes:
        handlers: dict[OperationName, Handler] = {
            "submit": self._submit,
            "query": self._operations.query,
            "cancel": self._operations.cancel,
        }
        operations = self.contract.service["operations"]
        results = self.contract.service["results"]
        routes = [
            Route.of(name, operations[name]["path"], operations[name]["method"], handler)
            for name, handler in handlers.items()
        ]
        files = [kind["path"] for kind in results.values() if "path" in kind]
        routes += [Route.of("result", path, "GET", self._result) for path in files]
        return Routes(routes)

    @property
    def anonymous(self) -> Sandbox:
        """The sandbox of requests without an accepted token."""
        return self.sandboxes.of_key(ANONYMOUS)

    def listens_on(self, url: str) -> None:
        """Set the base of result URLs for requests that do not name the mock's host."""
        self._operations.base = url

    def close(self) -> None:
        """Stop sending webhooks, and end all waits."""
        self.closed.set()
        self.dispatcher.close()
        for sandbox in self.sandboxes:
            sandbox.held.close()
            sandbox.conclude()
        if isinstance(self._transport, HttpTransport):
            self._transport.close()

    def respond(self, request: Request) -> Response:
        """Return the response to any request; the journal of its sandbox records both."""
        origins = self.settings.cors
        if origins is None:
            return self._respond(self._pending(request))
        own = preflight(request, origins)
        return own or shared(self._respond(self._pending(request)), request, origins)

    def respond_in(self, sandbox: Sandbox, request: Request) -> tuple[Response, RecordedRequest]:
        """Respond to a request of the mock's own as if the app of *sandbox* had sent it.

        It needs no key, and is recorded as the app's are; but no contract warning is about it, and
        no fault of the connection happens to the response.
        """
        pending = PendingRequest(request, sandbox, sandbox.clock.now(), is_apps=False)
        if sandbox.id == ANONYMOUS_ID:
            pending.unauthorized = self._owner(request.headers)[1]
        response = replace(self._respond(pending), fault=None)
        return response, pending.recorded

    def _respond(self, pending: PendingRequest) -> Response:
        request = pending.request
        pending.sandbox.tell_at_once(pending.now)
        try:
            response = self._handle(pending)
        except ApiError as rejection:
            pending.rejection = rejection.without_frames()
            pending.message = rejection.message(self.contract)
            response = rejection.response(self.contract)
        response = apply_faults(response, pending.script)
        # Only submit's page says that the HTTP status is the code; sibling services always use 200.
        if pending.sandbox.settings.error_status == "200" and request.path.startswith(self.prefix):
            response = as_success(response)
        response = _with_clock(self._typed(response), pending.sandbox.clock)
        if pending.is_apps:
            self.sandboxes.note_request(pending.sandbox)
        name = pending.script.held
        if name is not None and pending.is_apps and not self.closed.is_set():
            pending.sandbox.tell_at_once(pending.now)
            return hold(response, pending, name, self._record)
        self._record(pending, response)
        return response

    @staticmethod
    def _record(pending: PendingRequest, response: Response) -> None:
        """Record an exchange, after what came before it and before what came of it."""
        sandbox = pending.sandbox
        warnings = sandbox.observer.exchange(pending, response) if pending.is_apps else ()
        pending.recorded = sandbox.journal.record(pending, response, warnings)
        sandbox.tell_at_once(pending.now)

    def sandbox_in(self, path: str) -> str | None:
        """Return the id of the sandbox that the path of a result file names."""
        found = None if path.startswith(self.prefix) else self._routes.find(path)
        return None if found is None else found[1].get("sandbox")

    def _pending(self, request: Request) -> PendingRequest:
        named = self.sandbox_in(request.path)
        sandbox = None if named is None else self.sandboxes.of_id(named)
        if sandbox is not None:
            return PendingRequest(request, sandbox, sandbox.clock.now())
        sandbox, unauthorized = self._owner(request.headers)
        note_label(sandbox, request.headers)
        return PendingRequest(request, sandbox, sandbox.clock.now(), unauthorized=unauthorized)

    def _owner(self, headers: Mapping[str, str]) -> tuple[Sandbox, ApiError | None]:
        """Return the sandbox of the token in *headers*, or else that of nobody, and why."""
        try:
            return self.sandbox_of(headers), None
        except ApiError as rejection:
            return self.anonymous, rejection.without_frames()

    def _typed(self, response: Response) -> Response:
        """Return a document of the API with the media type that the contract's facts say."""
        if self._document_type == JSON_TYPE or JSON_TYPE not in response.headers:
            return response
        others = [pair for pair in response.headers if pair != JSON_TYPE]
        return replace(response, headers=(self._document_type, *others))

    def sandbox_of(self, headers: Mapping[str, str]) -> Sandbox:
        """Return the sandbox of the Bearer token in *headers*. Raises ApiError 401."""
        return self.sandboxes.of_key(self.key_of(headers))

    def key_of(self, headers: Mapping[str, str]) -> str:
        """Return the Bearer token in *headers*. Raises ApiError 401."""
        header = headers.get("authorization", "")
        token = header[len(self._scheme) :].strip()
        if not header[: len(self._scheme)].lower() == self._scheme or not token:
            raise _unauthorized("send the header 'Authorization: Bearer <API key>'")
        accepted = self.settings.api_key
        if accepted is not None and token not in accepted:
            raise _unauthorized("this key is not one of those given with --api-key")
        return token

    def _handle(self, pending: PendingRequest) -> Response:
        request, route = pending.request, self._find(pending)
        if not request.path.startswith(self.prefix) or request.method == "OPTIONS":
            return self._dispatch(pending, route)
        if pending.unauthorized is not None:
            raise pending.unauthorized
        submits = pending.operation == "submit" and request.method == self._submission["method"]
        if submits:
            self._read(pending)
        self._admit(pending)
        pending.script = resolve_script(
            pending.sandbox, request, pending.document, self.contract, submits=submits
        )
        reject(pending.script)
        response = replace_response(self._dispatch(pending, route), pending.script, self.contract)
        if submits or not pending.script.names:
            return response
        return _with_warnings(response, self._useless(pending))

    @staticmethod
    def _useless(pending: PendingRequest) -> list[str]:
        """Return messages about scenarios without effect; those of a rule only once."""
        messages = without_effect(pending.script)
        if HEADER.lower() in pending.request.headers:
            return messages
        return [text for text in messages if pending.sandbox.count(text) == 1]

    @staticmethod
    def _admit(pending: PendingRequest) -> None:
        early = pending.sandbox.admit(pending.now)
        if early:
            raise ApiError(429, headers={"Retry-After": str(math.ceil(early))})

    def _find(self, pending: PendingRequest) -> Found | None:
        found = self._routes.find(pending.request.path)
        if found is not None:
            pending.operation = PREFLIGHT if pending.request.method == "OPTIONS" else found[0].name
        return found

    def _dispatch(self, pending: PendingRequest, found: Found | None) -> Response:
        if found is not None:
            return self._by_method(pending, *found)
        known = [(route.methods[0], route.path) for route in self._routes]
        raise ApiError(
            404, no_such_route(pending.request.method, pending.request.path, known, self.prefix)
        )

    @staticmethod
    def _by_method(pending: PendingRequest, route: Route, place: Mapping[str, str]) -> Response:
        method = pending.request.method
        if method in route.methods:
            return route.handler(pending, place)
        allow = {"Allow": ", ".join([*route.methods, "OPTIONS"])}
        if method == "OPTIONS":
            return Response(204, tuple(allow.items()), b"")
        raise ApiError(405, f"{method[:20]} is not allowed; use {allow['Allow']}", headers=allow)

    def _read(self, pending: PendingRequest) -> None:
        """Read the body, or keep the error for later: a scenario's own error comes first."""
        try:
            pending.document = self._parsed(pending.request)
        except ApiError as rejection:
            pending.unreadable = rejection.without_frames()

    def problems_of(self, sandbox: Sandbox, document: Any) -> list[str | Violation]:
        """List everything for which *sandbox* rejects a submission."""
        return self._operations.problems(sandbox, self._completed(sandbox, document))

    def _completed(self, sandbox: Sandbox, document: Any) -> Any:
        omit = sandbox.settings.null == "omit"
        return without_nulls(document, self.contract) if omit else document

    def _submit(self, pending: PendingRequest, _place: Mapping[str, str]) -> Response:
        if pending.unreadable is not None:
            raise pending.unreadable
        pending.document = self._completed(pending.sandbox, pending.document)
        return self._operations.submit(pending)

    def _parsed(self, request: Request) -> Any:
        """Check content type and size, and parse the JSON."""
        given = request.headers.get("content-type", "")
        if given.partition(";")[0].strip().lower() != "application/json":
            shown = repr(given) if given else "missing"
            raise ApiError(415, f"Content-Type: {shown}; use application/json")
        check_coding(request.headers)
        if len(request.body) > self.settings.max_body:
            raise ApiError(413, f"the body is larger than {self.settings.max_body} bytes")
        try:
            return parse_json(request.body, nesting=self.settings.max_nesting)
        except NotJson as error:
            raise ApiError(400, f"body: not valid JSON: {error}") from None

    def _result(self, pending: PendingRequest, place: Mapping[str, str]) -> Response:
        sandbox = self.sandboxes.of_id(place["sandbox"])
        if sandbox is None:
            raise ApiError(404, "no such result")
        pending.enter(sandbox)
        return self._operations.result(pending, place)


def note_label(sandbox: Sandbox, headers: Mapping[str, str]) -> None:
    """Let a sandbox be known by the label that a request to it gives, if it gives one."""
    label = headers.get(_LABEL)
    if label is not None:
        sandbox.label = label[:_LONGEST_LABEL].strip() or None


def _with_clock(response: Response, clock: Clock) -> Response:
    """Add a header if the clock stands still: then waiting changes nothing."""
    if clock.speed:
        return response
    header = (CLOCK_HEADER, f"frozen at {stamp(clock.now())}")
    return replace(response, headers=(*response.headers, header))


def _unauthorized(advice: str) -> ApiError:
    """Return an error with the documented body, and *advice* in a header."""
    return ApiError(401, headers=warn([advice]))


def _with_warnings(response: Response, warnings: list[str]) -> Response:
    if not warnings:
        return response
    return replace(response, headers=(*response.headers, *warn(warnings).items()))
