"""Requests for a sandbox that another replica has in memory are relayed to it.

Replicas keep one connection to each other, over which frames go: a length, a type, the number of
the request, and content. What a response needs of the client's connection (delays, faults, pieces)
is done by the replica that has the client; what it needs of the sandbox (a wait for a release),
by the one that has that. Both know the secret that is in their database.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count
from socket import socket
from typing import Any

from mockserver.domain.script import Drip, WireFault
from mockserver.engine.clock import real_seconds
from mockserver.engine.keeping import Unavailable
from mockserver.engine.messages import STREAM_INTERVAL, Fault, Request, Response, Stream
from mockserver.network.loop_thread import is_set_within
from mockserver.web.response_steps import Wait, finish

_FRAME = struct.Struct("!IcQ")
"""The bytes of the content, the type, the number of the request."""
_HELLO, _ASK, _ANSWER, _PART, _END, _LEAVE, _PING = b"H", b"Q", b"A", b"P", b"E", b"L", b"I"
_LARGEST = 256 * 1024 * 1024
_ROUND = 1.0
"""Real seconds between two signs of life."""
_SILENCE = 5.0
"""Real seconds without a sign after which the other replica counts as gone."""


class Moved(Exception):
    """The sandbox is not at the replica that was asked, or nothing could be asked there."""


Respond = Callable[[Request, bool], Awaitable[Response]]
"""Responds to a request whose sandbox is here, or as far as it concerns what is here. Raises Moved.
"""


class _Link:
    """One connection between two replicas."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._heard = real_seconds()

    def send(self, kind: bytes, number: int = 0, content: bytes = b"") -> None:
        """Send a frame; if the other replica is gone, it is lost."""
        if not self._writer.is_closing():
            self._writer.write(_FRAME.pack(len(content), kind, number) + content)

    async def receive(self) -> tuple[bytes, int, bytes]:
        """Return the next frame. Raises OSError or EOFError."""
        size, kind, number = _FRAME.unpack(await self._reader.readexactly(_FRAME.size))
        if size > _LARGEST:
            raise EOFError
        content = await self._reader.readexactly(size)
        self._heard = real_seconds()
        return kind, number, content

    async def stay_alive(self) -> None:
        """Send signs of life, and close the connection when there are none."""
        while real_seconds() - self._heard < _SILENCE:
            self.send(_PING)
            await asyncio.sleep(_ROUND)
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._writer.transport.abort()


class RelayServer:
    """Responds to what other replicas relay."""

    def __init__(self, secret: Callable[[], str], respond: Respond) -> None:
        self._secret = secret
        self._respond = respond

    async def serve(self, bound: socket) -> None:
        """Accept other replicas on a listening socket, for good."""
        server = await asyncio.start_server(self._accept, sock=bound)
        async with server:
            await server.serve_forever()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link, tasks = _Link(reader, writer), dict[int, tuple[asyncio.Task[None], asyncio.Event]]()
        alive = asyncio.ensure_future(link.stay_alive())
        with suppress(OSError, EOFError):
            kind, _, content = await asyncio.wait_for(link.receive(), _SILENCE)
            secret = self._secret().encode()
            while secret and kind == _HELLO and hmac.compare_digest(content, secret):
                asked, number, content_of = await link.receive()
                if asked == _ASK:
                    left = asyncio.Event()
                    task = asyncio.ensure_future(self._answer(link, number, content_of, left))
                    tasks[number] = task, left
                    task.add_done_callback(partial(_forget, tasks, number))
                elif asked == _LEAVE and number in tasks:
                    tasks[number][1].set()
        alive.cancel()
        for _, left in tasks.values():
            left.set()
        link.close()

    async def _answer(self, link: _Link, number: int, content: bytes, left: asyncio.Event) -> None:
        request, is_part = _read_request(content)
        try:
            response = await self._respond(request, is_part)
        except Moved:
            link.send(_ANSWER, number, b'{"moved": true}\n')
            return
        response = await _prepared(response, left)
        link.send(_ANSWER, number, _written(response))
        finish(response)
        if response.stream is not None:
            await _follow(link, number, response.stream, left)


def _forget(tasks: dict[int, Any], number: int, _task: object) -> None:
    tasks.pop(number, None)


async def _prepared(response: Response, left: asyncio.Event) -> Response:
    """Do what only the replica that has the sandbox can do before the response is sent."""
    if response.first is not None:
        await asyncio.get_running_loop().run_in_executor(None, response.first)
    fault = response.fault
    if fault is None or fault.held is None:
        return replace(response, first=None)
    await is_set_within(fault.latency, left)
    await Wait(fault.held).until_over(left)
    return replace(response, first=None, fault=replace(fault, latency=0.0))


async def _follow(link: _Link, number: int, stream: Stream, left: asyncio.Event) -> None:
    is_heard = stream.begin()
    try:
        while is_heard and not await is_set_within(STREAM_INTERVAL, left):
            data = stream.take()
            if data is None:
                break
            if data:
                link.send(_PART, number, data)
    finally:
        stream.end()
        link.send(_END, number)


class Relay:
    """Relays requests to other replicas, by the addresses of these."""

    def __init__(self, secret: Callable[[], str]) -> None:
        self._secret = secret
        self._peers: dict[str, _Peer] = {}

    async def ask(self, address: str, request: Request, *, part: bool = False) -> Response:
        """Return the response of the replica at *address*; for *part*, as far as it knows.

        Raises Moved, and Unavailable if the replica went while it responded.
        """
        peer = self._peers.get(address)
        if peer is None or peer.is_gone:
            peer = self._peers[address] = _Peer(address, self._secret())
        return await peer.ask(request, part)


class _Peer:
    """Another replica, once it was asked for the first time."""

    def __init__(self, address: str, secret: str) -> None:
        self.is_gone = False
        self._numbers = count(1)
        self._asked: dict[int, asyncio.Future[Response]] = {}
        self._streams: dict[int, _RelayedStream] = {}
        self._link: asyncio.Task[_Link] = asyncio.ensure_future(self._connect(address, secret))

    async def _connect(self, address: str, secret: str) -> _Link:
        host, _, port = address.rpartition(":")
        try:
            async with asyncio.timeout(_SILENCE):
                link = _Link(*await asyncio.open_connection(host.strip("[]"), int(port)))
        except (OSError, TimeoutError) as error:
            self.is_gone = True
            raise Moved(f"the replica at {address} does not respond ({error})") from None
        link.send(_HELLO, 0, secret.encode())
        self._reading = asyncio.ensure_future(self._read(link, address))
        return link

    async def ask(self, request: Request, part: bool) -> Response:  # noqa: FBT001
        link = await asyncio.shield(self._link)
        number = next(self._numbers)
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        if self.is_gone:
            raise Moved("the replica that has its sandbox is gone")
        link.send(_ASK, number, _asked(request, part))
        try:
            response: Response = await answer
        except asyncio.CancelledError:
            link.send(_LEAVE, number)
            raise
        finally:
            self._asked.pop(number, None)
        return response

    async def _read(self, link: _Link, address: str) -> None:
        alive = asyncio.ensure_future(link.stay_alive())
        with suppress(OSError, EOFError):
            while True:
                kind, number, content = await link.receive()
                if kind == _ANSWER and number in self._asked:
                    self._answered(link, number, content)
                elif kind == _PART and number in self._streams:
                    self._streams[number].parts.append(content)
                elif kind == _END and number in self._streams:
                    self._streams.pop(number).has_ended = True
        self.is_gone = True
        for stream in self._streams.values():
            stream.has_ended = True
        alive.cancel()
        link.close()
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(Unavailable(f"the replica at {address} is gone"))
        self._asked.clear()

    def _answered(self, link: _Link, number: int, content: bytes) -> None:
        answer = self._asked[number]
        head, _, body = content.partition(b"\n")
        about = json.loads(head)
        if answer.done():
            return
        if about.get("moved"):
            answer.set_exception(Moved("its sandbox is being moved"))
            return
        stream = None
        if about["stream"]:
            stream = self._streams[number] = _RelayedStream(lambda: link.send(_LEAVE, number))
        headers = tuple((name, value) for name, value in about["headers"])
        answer.set_result(
            Response(about["status"], headers, body, _fault(about["fault"]), stream=stream)
        )


class _RelayedStream:
    """A stream of another replica."""

    def __init__(self, leave: Callable[[], object]) -> None:
        self.parts: list[bytes] = []
        self.has_ended = False
        self._leave = leave

    def begin(self) -> bool:
        return True

    def take(self) -> bytes | None:
        if self.has_ended and not self.parts:
            return None
        parts, self.parts = self.parts, []
        return b"".join(parts)

    def end(self) -> None:
        self._leave()


def _asked(request: Request, part: bool) -> bytes:  # noqa: FBT001
    about = {
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "scheme": request.scheme,
        "headers": dict(request.headers),
        "part": part,
    }
    return json.dumps(about).encode() + b"\n" + request.body


def _read_request(content: bytes) -> tuple[Request, bool]:
    head, _, body = content.partition(b"\n")
    about: dict[str, Any] = json.loads(head)
    part = about.pop("part")
    return Request(**about, body=body), part


def _written(response: Response) -> bytes:
    fault = response.fault
    about = {
        "status": response.status,
        "headers": response.headers,
        "stream": response.stream is not None,
        "fault": fault
        and {
            "latency": fault.latency,
            "wire": fault.wire,
            "drip": fault.drip and [fault.drip.size, fault.drip.pause.total_seconds()],
        },
    }
    return json.dumps(about).encode() + b"\n" + response.body


def _fault(about: dict[str, Any] | None) -> Fault | None:
    if about is None:
        return None
    drip = about["drip"] and Drip(about["drip"][0], timedelta(seconds=about["drip"][1]))
    wire = about["wire"] and WireFault(about["wire"])
    return Fault(about["latency"], wire, drip)
