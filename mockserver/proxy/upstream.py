"""The far half of a connection through the proxy: what a server answers goes back as it comes."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from mockserver.network.origin import Origin
from mockserver.proxy.http1 import (
    Head,
    Length,
    Segment,
    StreamParser,
    Until,
    response_length,
    responses,
)

OBSERVED = 2 * 1024 * 1024
"""Bytes of a body that are looked at; all of them are passed on."""
_LINGER = 30.0
"""Real seconds that a client has to hang up after the server has."""
_HIGH = 256 * 1024
"""Bytes that may wait for a client before no more are read for it."""


@dataclass(slots=True, repr=False)
class ObservedExchange:
    """A request that has passed through, and what came of it; it holds secrets."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    began: float
    """Real seconds, as `time.monotonic` counts."""
    ended: float = 0.0
    body: bytearray = field(default_factory=bytearray)
    status: int | None = None
    """None if there was no whole answer."""
    response_headers: list[tuple[str, str]] = field(default_factory=list)
    response_body: bytearray = field(default_factory=bytearray)
    error: str | None = None
    """Why there was no whole answer."""
    sent: bool = False
    """Whether the body of the request has come to its end."""
    cut: bool = False
    """Whether not all of both bodies is here: one was too large, or answered too early."""
    token: str | None = None
    """Of the address that a webhook is led to."""
    webhook_url: str | None = None
    """Where a webhook went on to; None for a request to the API."""

    def add(self, body: bytearray, data: bytes) -> None:
        """Take a part of one of the bodies."""
        room = OBSERVED - len(body)
        body += data[:room]
        self.cut |= len(data) > room


@dataclass(frozen=True, slots=True)
class Observer:
    """Who is told of what passes; each returns at once."""

    exchange: Callable[[ObservedExchange], object]
    notice: Callable[[str], object]


class UpstreamConnection(asyncio.Protocol):
    """A connection to a server on behalf of a client; ends when either of them has enough."""

    def __init__(self, origin: Origin, client: asyncio.StreamWriter, observer: Observer) -> None:
        self.origin = origin
        self.ended = asyncio.Event()
        self.idle = asyncio.Event()
        """Whether nothing is awaited from the server."""
        self.idle.set()
        self.on_lost: Callable[[], object] = lambda: None
        """Called when what comes is no longer understood."""
        self._client = client
        self._observer = observer
        self._pending: deque[ObservedExchange] = deque()
        self._parser: StreamParser = responses(self._length)
        self._responded = 0
        self._begun = False
        """Whether there is a part of an answer."""
        self._released = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.Transport

    @property
    def understood(self) -> bool:
        """Whether the answers can still be told apart."""
        return not self._parser.lost

    # -- to the server -----------------------------------------------------------------------

    def expect(self, exchange: ObservedExchange) -> None:
        """Await the answer to a request."""
        if not self._parser.lost:
            self._pending.append(exchange)
            self.idle.clear()

    async def write(self, data: bytes) -> None:
        """Send *data*, as fast as the server takes it."""
        if not self._transport.is_closing():
            self._transport.write(data)
        await self._writable.wait()

    def finish(self) -> None:
        """Say that no more will be sent, if the server can be told."""
        if self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()
        elif self.idle.is_set():
            self._transport.close()

    def release(self, *, rudely: bool = False) -> None:
        """End it; the client is told nothing of that."""
        self._released = True
        if rudely:
            reset(self._transport)
        else:
            self._transport.close()

    def lose(self) -> None:
        """Only carry bytes from here on."""
        self._parser.lose()
        self._pending.clear()
        self.idle.set()

    # -- from the server ---------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport

    def pause_writing(self) -> None:
        """Let who writes wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let who writes go on."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Pass it on, and only then look at it."""
        if self._released:
            return
        if not self._client.is_closing():
            self._client.write(data)
            if self._client.transport.get_write_buffer_size() > _HIGH:
                self._transport.pause_reading()
                self._soon(self._resume())
        if not self._parser.lost:
            try:
                for segment in self._parser.feed(data):
                    self._take(segment)
                    if self._parser.lost:
                        break
            except Exception as error:  # whatever it is, the client gets its bytes
                self._observer.notice(f"an answer was not understood: {type(error).__name__}")
                self._give_up()

    async def _resume(self) -> None:
        with suppress(OSError):
            await self._client.drain()
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _soon(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def eof_received(self) -> bool:
        """Tell the client, who may still be sending."""
        self._end(None)
        return not self.origin.tls

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the client see the same: an end, or a reset."""
        self._end(exc)
        self._writable.set()
        if exc is not None and not self._released:
            self._soon(reset_when_sent(self._client))

    def _end(self, exc: Exception | None) -> None:
        if self.ended.is_set():
            return
        self.ended.set()
        if self._pending and not self._parser.lost and not self._released:
            self._last(exc)
        self._pending.clear()
        self.idle.set()
        if exc is None and not self._released and not self._client.is_closing():
            self._client.write_eof()
            asyncio.get_running_loop().call_later(_LINGER, self._client.close)

    # -- what is seen ------------------------------------------------------------------------

    def _length(self, head: Head) -> Length:
        return response_length(head, self._pending[0].method) if self._pending else Until.UNKNOWN

    def _take(self, segment: Segment) -> None:
        if not self._pending:
            self._observer.notice(f"{self.origin} sent what nobody had asked for")
            self._give_up()
            return
        exchange = self._pending[0]
        head = segment.head
        if head is not None and head.words[0][0] == "1" and head.words[0] != "101":
            return
        if segment.lost:
            what = "a body whose chunks cannot be read" if self._begun else "what is not HTTP"
            self._settle(exchange, f"the answer was {what}: {segment.wire[:80]!r}")
            self._give_up()
            return
        self._begun = True
        if head is not None:
            exchange.status, exchange.response_headers = int(head.words[0]), head.headers
        exchange.add(exchange.response_body, segment.body)
        if segment.ends:
            self._settle(exchange)
        elif self._parser.lost:  # a tunnel from here on, or a length that cannot be read
            tunnel = exchange.status == 101 or exchange.method == "CONNECT"
            self._settle(exchange, None if tunnel else "the answer had no readable length")
            self._give_up()

    def _give_up(self) -> None:
        if self._pending:
            self._observer.notice(f"answers that were not looked at: {len(self._pending)}")
        self.lose()
        self.on_lost()

    def _last(self, exc: Exception | None) -> None:
        """Say what became of the request whose answer was under way."""
        exchange, how = self._pending[0], f"the connection {'was reset' if exc else 'ended'}"
        if exc is None and self._parser.until_close:
            self._settle(exchange)
        elif self._begun:
            self._settle(
                exchange, f"{how} after {len(exchange.response_body)} bytes of a {exchange.status}"
            )
        elif self._responded == 0 or not self._parser.between:
            rest = self._parser.rest()
            self._settle(
                exchange, f"{how} {f'after {rest[:80]!r}' if rest else 'without an answer'}"
            )
        # else the server had let an old connection go just then, as it may: clients try again

    def _settle(self, exchange: ObservedExchange, error: str | None = None) -> None:
        self._pending.popleft()
        self._begun = False
        self._responded += 1
        exchange.ended, exchange.error = time.monotonic(), error
        exchange.cut |= not exchange.sent
        if error is not None:
            exchange.status = None
        if not self._pending:
            self.idle.set()
        self._observer.exchange(exchange)


def reset(transport: Any) -> None:
    """End a connection as a crash would."""
    bound = transport.get_extra_info("socket")
    with suppress(OSError):
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def reset_when_sent(writer: asyncio.StreamWriter) -> None:
    """Let a client have what was sent to it, and then end its connection as a crash would."""
    with suppress(OSError):
        writer.transport.set_write_buffer_limits(0)
        await writer.drain()
    reset(writer.transport)
