"""Compares HTTP servers for Python that have the mock's application behind them."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from itertools import product
from multiprocessing.connection import Connection
from typing import Any

from comparison import KINDS, Target, rows, take_turns
from example import contract
from load import HOST
from processes import child, generator, take
from table import Row, Scale

from mockserver.commands.serve import be_quick
from mockserver.engine.messages import Request, Response
from mockserver.engine.service import Service
from mockserver.settings import make_settings
from mockserver.web import connection
from mockserver.web.gateway import Gateway
from mockserver.web.incoming import BadRequest

Respond = Callable[[Request], Response]

_BACKLOG = 1024
_YARDSTICK = "uvicorn"
_OURS = "ours"


def servers(scale: Scale) -> Iterator[Row | str]:
    """Measure submits and polls on each server, with asyncio's own loop and with uvloop."""
    targets = []
    with ExitStack() as stack:
        execute = stack.enter_context(generator())
        for name, loop in product(SERVERS, ("asyncio", "uvloop")):
            missing = [one for one in (name, loop) if one != _OURS and find_spec(one) is None]
            if missing:
                yield f"  without {name} on {loop}: {missing[0]} is in the extra `bench`"
            else:
                port, pid = take(stack.enter_context(child(_serve, name, loop)))
                targets.append(Target(f"{name} on {loop}", port, pid, port))
        yardsticks = [one for one in targets if one.name.startswith(_YARDSTICK)][:1]
        for kind in KINDS:
            take_turns(execute, targets, kind, replace(scale, rounds=1))  # to warm them
            rounds = take_turns(execute, targets, kind, scale)
            for one in targets:
                what = f"{kind}: {one.name}"
                yield from rows(what, "rate", rounds, one, yardsticks)
            for one in targets:
                what = f"{kind}: {one.name}, processor time"
                yield from rows(what, "processor", rounds, one, yardsticks)


def _serve(pipe: Connection[Any, Any], name: str, loop: str) -> None:
    """Serve the mock's application; send port and process id."""
    be_quick()
    respond = Gateway(Service(contract(), make_settings(contract()))).respond
    factory = import_module("uvloop").new_event_loop if loop == "uvloop" else None
    tcp = socket.IPPROTO_TCP  # without it, asyncio does not set TCP_NODELAY
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, tcp) as bound:
        bound.bind((HOST, 0))
        bound.listen(_BACKLOG)
        bound.settimeout(0)
        pipe.send((bound.getsockname()[1], os.getpid()))
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(SERVERS[name](respond, bound))


async def _serve_by_granian(respond: Respond, bound: socket.socket) -> None:
    constants = import_module("granian.constants")
    holder_of = import_module("granian._granian").SocketHolder
    holder = holder_of(bound.fileno(), False, _BACKLOG)  # noqa: FBT003

    class OnSocket(import_module("granian.server.embed").Server):  # type: ignore[misc]
        def _init_shared_socket(self: Any) -> None:
            self._ssp, self._sfd, self._shd = None, bound.fileno(), holder

    async def application(scope: Any, proto: Any) -> None:
        headers = dict(scope.headers.items())
        body = await proto() if "content-length" in headers else b""
        request = Request(scope.method, scope.path, headers, body, scope.query_string)
        response = respond(request)
        proto.response_bytes(response.status, list(response.headers), response.body)

    await OnSocket(
        application,
        *bound.getsockname(),
        interface=constants.Interfaces.RSGI,
        http=constants.HTTPModes.http1,
        websockets=False,
        log_enabled=False,
    ).serve()


async def _serve_by_uvicorn(respond: Respond, bound: socket.socket) -> None:
    async def application(scope: Any, receive: Any, send: Any) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        query = scope["query_string"].decode()
        response = respond(Request(scope["method"], scope["path"], headers, body, query))
        pairs = [(name.encode(), value.encode()) for name, value in response.headers]
        length = (b"content-length", str(len(response.body)).encode())
        start = {"type": "http.response.start", "status": response.status}
        await send(start | {"headers": [*pairs, length]})
        await send({"type": "http.response.body", "body": response.body})

    uvicorn = import_module("uvicorn")
    config = uvicorn.Config(
        application,
        http="httptools",
        loop="none",
        lifespan="off",
        access_log=False,
        log_config=None,
    )
    await uvicorn.Server(config).serve(sockets=[bound])


@dataclass(frozen=True)
class _Application:
    """Passes all requests to *respond* at once."""

    respond: Respond
    executor: Executor = field(default_factory=ThreadPoolExecutor)
    limit: int = 1 << 20

    def reject(self, error: BadRequest) -> Response:
        """Raise the error: all requests of the bench can be read."""
        raise error


async def _serve_by_ourselves(respond: Respond, bound: socket.socket) -> None:
    application, connections = _Application(respond), set[connection.Connection]()
    server = await asyncio.get_running_loop().create_server(
        lambda: connection.Connection(application, connections), sock=bound
    )
    await server.serve_forever()


SERVERS: Mapping[str, Callable[[Respond, socket.socket], Coroutine[object, object, None]]] = {
    "granian": _serve_by_granian,
    _YARDSTICK: _serve_by_uvicorn,
    _OURS: _serve_by_ourselves,
}
