"""The server's half of a connection through the proxy: its responses go back as they come.

What the server sends is written to the client first and parsed afterwards, so nothing that goes
wrong in parsing can hold back a byte. The end of the connection is information too, and the client
is shown the same end as the proxy:

- The server closes: the client gets all bytes, and then an end of stream. It may still be sending,
  so its own half stays open for a while.
- The connection is reset: so is the client's, but only after it has been given all bytes that came
  before (`reset_when_sent`); a reset discards what still waits in a buffer.

The last bytes also decide what is reported of the request under way (`_last`): a response without
a length is complete with them; a response that has begun was cut off; before the first byte of a
response, it depends on whether the connection had been used. A server may close an idle connection
at any moment, and a client that sends a request just then has to send it again (RFC 9112, 9.3.1):
this is not an error of the server, and nothing is reported.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress

from mockserver.network.origin import Origin
from mockserver.proxy.http1 import (
    BodyEnd,
    BodyLength,
    Head,
    Segment,
    StreamParser,
    response_body_length,
    responses,
)
from mockserver.proxy.observer import ObservedExchange, Observer

_LINGER = 30.0
"""Real seconds that a client has to close its half after the server has."""
_HIGH_WATER = 256 * 1024
"""Bytes that may wait for a client before no more are read for it."""


class UpstreamConnection(asyncio.Protocol):
    """A connection to a server on behalf of one client; ends when either of them ends it."""

    def __init__(self, origin: Origin, client: asyncio.StreamWriter, observer: Observer) -> None:
        self.origin = origin
        self.ended = asyncio.Event()
        self.idle = asyncio.Event()
        """Set while the server owes no response."""
        self.idle.set()
        self.on_lost: Callable[[], object] = lambda: None
        """Called when the responses can no longer be parsed."""
        self._client = client
        self._observer = observer
        self._pending: deque[ObservedExchange] = deque()
        self._parser: StreamParser = responses(self._body_length)
        self._settled = 0
        """How many requests have been settled, on this connection."""
        self._begun = False
        """Whether a part of the current response has come."""
        self._released = False
        self._writable = asyncio.Event()
        self._writable.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.Transport

    @property
    def understood(self) -> bool:
        """Whether the responses can still be parsed."""
        return not self._parser.lost

    # -- to the server -----------------------------------------------------------------------

    def expect(self, exchange: ObservedExchange) -> None:
        """Expect the response to a request."""
        if not self._parser.lost:
            self._pending.append(exchange)
            self.idle.clear()

    async def write(self, data: bytes) -> None:
        """Send *data*; return once the server keeps up."""
        if not self._transport.is_closing():
            self._transport.write(data)
        await self._writable.wait()

    def finish(self) -> None:
        """Close the sending half, or, with TLS (which has no halves), an idle connection."""
        if self._transport.can_write_eof() and not self._transport.is_closing():
            self._transport.write_eof()
        elif self.idle.is_set():
            self._transport.close()

    def release(self, *, by_reset: bool = False) -> None:
        """End the connection, without ending that of the client."""
        self._released = True
        if by_reset:
            reset(self._transport)
        else:
            self._transport.close()

    def lose(self) -> None:
        """Only pass bytes on from here on."""
        self._parser.lose()
        self._pending.clear()
        self.idle.set()

    # -- from the server ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of TCP or TLS
        self._transport = transport

    def pause_writing(self) -> None:
        """Let `write` wait."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let `write` return."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Pass *data* on, and only then parse it."""
        if self._released:
            return
        if not self._client.is_closing():
            self._client.write(data)
            if self._client.transport.get_write_buffer_size() > _HIGH_WATER:
                self._transport.pause_reading()
                self._start(self._resume())
        if not self._parser.lost:
            try:
                for segment in self._parser.feed(data):
                    self._take(segment)
                    if self._parser.lost:
                        break
            except Exception as error:  # the client has its bytes already
                self._observer.notice(f"a response could not be parsed: {type(error).__name__}")
                self._give_up()

    async def _resume(self) -> None:
        with suppress(OSError):
            await self._client.drain()
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def eof_received(self) -> bool:
        """Pass the end on; the client may still be sending."""
        self._end(None)
        return not self.origin.tls

    def connection_lost(self, exc: Exception | None) -> None:
        """End the client's connection in the same way: by a close, or by a reset."""
        self._end(exc)
        self._writable.set()
        if exc is not None and not self._released:
            self._start(reset_when_sent(self._client))

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

    # -- what is observed ------------------------------------------------------------------------

    def _body_length(self, head: Head) -> BodyLength:
        if not self._pending:
            return BodyEnd.UNKNOWN
        return response_body_length(head, self._pending[0].method)

    def _take(self, segment: Segment) -> None:
        if not self._pending:
            self._observer.notice(f"{self.origin} sent a response without a request")
            self._give_up()
            return
        exchange = self._pending[0]
        head = segment.head
        if head is not None and head.words[0][0] == "1" and head.words[0] != "101":
            return  # 1xx: the final response is still to come
        if segment.lost:
            what = "a body with malformed chunks" if self._begun else "not HTTP"
            self._settle(exchange, f"the response was {what}: {segment.wire[:80]!r}")
            self._give_up()
            return
        self._begun = True
        if head is not None:
            exchange.status, exchange.response_headers = int(head.words[0]), head.headers
        exchange.add(exchange.response_body, segment.body)
        if segment.ends:
            self._settle(exchange)
        elif self._parser.lost:  # a tunnel from here on, or a malformed length
            tunnel = exchange.status == 101 or exchange.method == "CONNECT"
            self._settle(exchange, None if tunnel else "the response had no readable length")
            self._give_up()

    def _give_up(self) -> None:
        if self._pending:
            self._observer.notice(f"responses that were not observed: {len(self._pending)}")
        self.lose()
        self.on_lost()

    def _last(self, exc: Exception | None) -> None:
        """Settle the request whose response was under way when the connection ended."""
        exchange, how = self._pending[0], f"the connection {'was reset' if exc else 'ended'}"
        if exc is None and self._parser.until_close:
            self._settle(exchange)
        elif self._begun:
            self._settle(
                exchange, f"{how} after {len(exchange.response_body)} bytes of a {exchange.status}"
            )
        elif self._settled == 0 or not self._parser.between:
            rest = self._parser.rest()
            self._settle(
                exchange, f"{how} {f'after {rest[:80]!r}' if rest else 'without a response'}"
            )
        # else the server has closed an idle connection, as it may: the client tries again

    def _settle(self, exchange: ObservedExchange, error: str | None = None) -> None:
        self._pending.popleft()
        self._begun = False
        self._settled += 1
        exchange.ended, exchange.error = time.monotonic(), error
        exchange.cut |= not exchange.sent
        if error is not None:
            exchange.status = None
        if not self._pending:
            self.idle.set()
        self._observer.exchange(exchange)


def reset(transport: asyncio.WriteTransport) -> None:
    """End a connection at once, with a reset: without SO_LINGER, the system would close it."""
    connected = transport.get_extra_info("socket")
    with suppress(OSError):
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def reset_when_sent(writer: asyncio.StreamWriter) -> None:
    """Reset a client's connection once everything that was written to it has been sent.

    With a limit of 0, `drain` returns only when the buffer is empty.
    """
    with suppress(OSError):
        writer.transport.set_write_buffer_limits(0)
        await writer.drain()
    reset(writer.transport)
