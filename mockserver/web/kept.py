"""The front end of a mock whose state is kept: requests find their sandbox, responses wait.

A request is passed on once its sandbox is in memory, here or at another replica; a response leaves
once everything that it may show is kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import parse_qsl

from mockserver.domain.redaction import masked
from mockserver.engine.clock import real_seconds
from mockserver.engine.ids import sandbox_id
from mockserver.engine.inboxes import is_webhook
from mockserver.engine.keeping import State, Unavailable
from mockserver.engine.messages import ApiError, Request, Response
from mockserver.engine.sandboxes import ANONYMOUS_ID
from mockserver.engine.service import CONTROL_PREFIX, Service
from mockserver.web.application import Application, response_of
from mockserver.web.console.pages import is_for_console
from mockserver.web.control_request import Routes, sandbox_named
from mockserver.web.everywhere import has_events, merged, without_wait
from mockserver.web.gateway import unavailable
from mockserver.web.incoming import BadRequest
from mockserver.web.relay import Moved, Relay, RelayServer

T = TypeVar("T")

_TRIES, _PAUSE = 8, 0.25
"""How often a sandbox is looked for that moves meanwhile, and real seconds in between."""
_MOST_KNOWN = 100_000
"""Sandboxes of which it is remembered where they are."""
_LOOK = 0.2
"""Real seconds between two questions to all replicas for events."""
_OF_NONE = frozenset(
    [
        "health",
        "version",
        "openapi",
        "list_scenarios",
        "list_models",
        "show_model",
        "metrics",
        "open_session",
        "close_session",
    ]
)
"""Operations that concern no sandbox."""
_OF_ALL = "list_sandboxes"
"""The operation that concerns all of them."""


@dataclass(frozen=True, slots=True)
class Home:
    """The sandbox that a request is for."""

    id: str
    masked_key: str | None = None
    """Given if the sandbox may be a new one."""


@dataclass(frozen=True, slots=True)
class Everywhere:
    """Stands for all sandboxes, as the home of an operation."""

    name: str


class Homes:
    """Finds the sandbox of each request, as the service and the control plane do."""

    def __init__(self, service: Service, state: State) -> None:
        self._service = service
        self._state = state
        self._routes = Routes(service.contract.control["operations"])
        self.anonymous = Home(ANONYMOUS_ID, "")

    def of(self, request: Request) -> Home | Everywhere | None:
        """Return the home of a request; None if it needs no sandbox. Raises Unavailable."""
        if request.path.startswith(CONTROL_PREFIX):
            return self._of_control(request)
        named = self._service.sandbox_in(request.path)
        return self._of_token(request) if named is None else Home(named)

    def _of_token(self, request: Request) -> Home:
        try:
            key = self._service.key_of(request.headers)
        except ApiError:
            return self.anonymous
        return Home(sandbox_id(key), masked(key))

    def _of_control(self, request: Request) -> Home | Everywhere | None:
        if is_for_console(request):
            return None
        if is_webhook(request):
            return self.anonymous
        try:
            names, place = self._routes.find(request)
        except ApiError:
            return None
        name = names.get(request.method)
        return (
            None if name is None or name in _OF_NONE else self._of_operation(name, place, request)
        )

    def _of_operation(
        self, name: str, place: Mapping[str, str], request: Request
    ) -> Home | Everywhere:
        query = dict(parse_qsl(request.query, keep_blank_values=True))
        named = sandbox_named(request, query)
        if name == "poll_task":
            named = self._state.home_of_task(place["taskId"]) or self.anonymous.id
        elif name == _OF_ALL or query.get("all") == "true":
            return Everywhere(name)
        elif name.endswith(("inbox", "inboxes")):
            return self.anonymous
        if named is not None:
            return Home(named)
        return self._of_token(request) if "authorization" in request.headers else self.anonymous


class KeptFrontEnd:
    """Passes requests to *plain*, another front end, as long as state can be kept."""

    def __init__(self, plain: Application, service: Service, state: State) -> None:
        self.limit = plain.limit
        self._plain = plain
        self._service = service
        self._state = state
        self._homes = Homes(service, state)
        self._relay = Relay(state.secret)
        self.relay_server = RelayServer(state.secret, self.respond_to_replica)
        """Responds to what other replicas relay."""
        self._elsewhere: dict[str, str] = {}
        """Addresses of replicas by the ids of sandboxes that they had."""
        self._waiting: deque[tuple[int, int, asyncio.Future[bool]]] = deque()
        """Numbers of changes, and eras, whose commit is awaited, in ascending order."""
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def executor(self) -> Executor:
        """Return what runs functions that may take long."""
        return self._plain.executor

    def reject(self, error: BadRequest) -> Response:
        """Return the response to a request that cannot be read."""
        return self._plain.reject(error)

    def respond(self, request: Request) -> Response | Awaitable[Response]:
        """Return the response to a request, or what is awaited for it."""
        state = self._state
        if self._loop is None:
            self._begin()
        if request.path.startswith(CONTROL_PREFIX):
            return self._respond_slowly(request)
        home = self._homes.of(request)
        if not isinstance(home, Home):
            return self._plain.respond(request)
        if state.problem is not None:
            return self._unavailable(request, state.problem)
        if state.is_here(home.id):
            return self.respond_here(request)
        address = self._elsewhere.get(home.id)
        if address is not None:
            return self._relayed_again(home, address, request)
        return self._respond_slowly(request)

    def _begin(self) -> None:
        loop = self._loop = asyncio.get_running_loop()

        def tell() -> None:
            with suppress(RuntimeError):  # the server has stopped
                loop.call_soon_threadsafe(self._look)

        self._state.on_commit = tell

    async def _respond_slowly(self, request: Request) -> Response:
        problem = ""
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(_PAUSE)
            try:
                return await self._respond_where_it_is(request)
            except Moved as moved:
                problem = str(moved)
            except Unavailable as unavailable:
                return self._unavailable(request, str(unavailable))
        return self._unavailable(request, f"{problem}; try again")

    async def _respond_where_it_is(self, request: Request) -> Response:
        """Respond to a request, here or elsewhere. Raises Moved and Unavailable."""
        home, address = await self._in_thread(self._enter, request)
        if home is None:
            return await self._respond_anyway(request)
        if isinstance(home, Everywhere):
            return await self._respond_everywhere(request, home)
        if address is not None:
            return await self._relayed(home, address, request)
        return await self._respond_now(request)

    def _enter(self, request: Request) -> tuple[Home | Everywhere | None, str | None]:
        """Have the sandbox of a request in memory; return its home, and the address of that.

        The address is None if it is here. Raises Unavailable.
        """
        home, state = self._homes.of(request), self._state
        if home is None:
            return home, None
        if state.problem is not None:
            raise Unavailable(state.problem)
        if isinstance(home, Everywhere):
            state.enter_all()
            return home, None
        try:
            return home, state.enter(home.id, home.masked_key)
        except KeyError:  # the service says that there is no such sandbox
            home = self._homes.anonymous
            return home, state.enter(home.id, home.masked_key)

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.executor, function, *arguments)

    # -- other replicas ----------------------------------------------------------------------

    async def respond_to_replica(self, request: Request, part: bool) -> Response:  # noqa: FBT001
        """Respond to what another replica has relayed; *part* is of what concerns all sandboxes.

        Raises Moved.
        """
        if self._loop is None:
            self._begin()
        if part:
            return await self._respond_now(request)
        try:
            _, address = await self._in_thread(self._enter, request)
        except Unavailable as problem:
            return self._unavailable(request, str(problem))
        if address is not None:
            raise Moved("its sandbox is being moved")
        return await self._respond_now(request)

    async def _relayed(self, home: Home, address: str, request: Request) -> Response:
        try:
            response = await self._relay.ask(address, request)
        except (Moved, Unavailable):
            self._elsewhere.pop(home.id, None)
            raise
        if len(self._elsewhere) >= _MOST_KNOWN:
            self._elsewhere.clear()
        self._elsewhere[home.id] = address
        return response

    async def _relayed_again(self, home: Home, address: str, request: Request) -> Response:
        try:
            return await self._relayed(home, address, request)
        except Moved:
            return await self._respond_slowly(request)
        except Unavailable as problem:
            return self._unavailable(request, str(problem))

    async def _respond_everywhere(self, request: Request, home: Everywhere) -> Response:
        """Put the responses of all replicas together; what waits for events asks repeatedly."""
        relay, state = self._relay, self._state
        if not state.is_shared:
            return await self._respond_now(request)
        others = await self._in_thread(state.others)
        known = set(others)
        request, wait = without_wait(request) if home.name == "list_events" else (request, 0.0)
        deadline = real_seconds() + wait
        while True:
            asked = [relay.ask(one, request, part=True) for one in others]
            responses = await asyncio.gather(self._respond_now(request), *asked)
            response = merged(home.name, request, responses, lambda: state.known_others == known)
            if has_events(response) or real_seconds() >= deadline:
                return response
            await asyncio.sleep(_LOOK)

    # -- responses ---------------------------------------------------------------------------

    async def _respond_anyway(self, request: Request) -> Response:
        """Respond to what concerns no sandbox, and so needs nothing to be kept."""
        return await response_of(self._plain.respond(request))

    async def _respond_now(self, request: Request) -> Response:
        return await response_of(self.respond_here(request))

    def respond_here(self, request: Request) -> Response | Awaitable[Response]:
        """Return the response to a request whose sandbox is in memory."""
        state, era = self._state, self._state.era
        responding = self._plain.respond(request)
        if not isinstance(responding, Response):
            return self._after(request, era, responding)
        if state.committed == state.changed and state.era == era and state.is_certain():
            return responding
        return self._when_kept(request, era, responding)

    async def _after(self, request: Request, era: int, responding: Awaitable[Response]) -> Response:
        return await self._when_kept(request, era, await responding)

    async def _when_kept(self, request: Request, era: int, response: Response) -> Response:
        self._state.confirm()
        state, number = self._state, self._state.changed
        if state.era == era and state.committed < number:
            kept = asyncio.get_running_loop().create_future()
            self._waiting.append((number, era, kept))
            state.urge()
            self._look()
            await kept
        if state.era != era:
            return self._unavailable(request, state.problem or "it was lost; try again")
        return response

    def _look(self) -> None:
        """Let those go on whose changes are kept, or lost."""
        state, waiting = self._state, self._waiting
        while waiting and (waiting[0][0] <= state.committed or waiting[0][1] != state.era):
            kept = waiting.popleft()[2]
            if not kept.done():
                kept.set_result(True)

    def _unavailable(self, request: Request, problem: str) -> Response:
        return unavailable(self._service.contract, request, problem)
