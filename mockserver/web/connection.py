"""One client's connection: requests are read, passed to an application, and answered in order.

Keep-alive and pipelining, `Expect`, limits of time, back-pressure, and the faults that
`web.response_steps` asks for. Only what is made to wait has a task; other responses are written
as soon as their request has been read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, MutableSet
from contextlib import suppress
from typing import cast

from mockserver.domain.script import Drip, WireFault
from mockserver.engine.messages import STREAM_INTERVAL, Response, Stream
from mockserver.network.listening import reset
from mockserver.network.loop_thread import is_set_within
from mockserver.web.application import Application, response_of
from mockserver.web.incoming import BadRequest, Received, make_request
from mockserver.web.outgoing import (
    CLOSE,
    CONTINUE,
    KEEP_ALIVE,
    response_bytes,
    stream_head,
    stream_part,
)
from mockserver.web.request_reader import Phase, RequestReader
from mockserver.web.response_steps import (
    Follow,
    Hang,
    Pause,
    Run,
    Send,
    Step,
    Wait,
    finish,
    steps_of,
    takes_time,
)

TICK = 5.0
"""Real seconds between two looks at the patience with a client."""
_HEAD_TICKS = 6
"""Ticks that a client may take to send a head."""
_STALLED_TICKS = 12
"""Ticks without a byte of a body, or of a response, that moves."""
STALLED = TICK * _STALLED_TICKS
"""Real seconds that a client of TLS has to take what was sent before the end."""
_IDLE_TICKS = 120
"""Ticks that a connection is kept open without a request."""
_LINGER_TICKS = 1
"""Ticks that a client has to read why the rest of its request is not read."""
_LARGE = 64 * 1024
"""Bytes of a body that takes longer to copy than to be sent by itself."""
_PATIENCE = {
    Phase.BETWEEN: _IDLE_TICKS,
    Phase.HEAD: _HEAD_TICKS,
    Phase.BODY: _STALLED_TICKS,
    Phase.END: _LINGER_TICKS,
}


class Connection(asyncio.Protocol):
    """Serves one client, and is one of *connections* meanwhile."""

    def __init__(self, application: Application, connections: MutableSet[Connection]) -> None:
        self.finished = asyncio.Event()
        """Set when nothing more is to be sent: the client has gone, or the server stops."""
        self._application = application
        self._connections = connections
        self._reader = RequestReader(application.limit)
        self._transport: asyncio.Transport
        self._scheme = "http"
        self._delivery: asyncio.Task[None] | None = None
        """The delivery of a response that has to wait; further responses wait for it."""
        self._left = asyncio.Event()
        """Set when the client has gone, or the server stops."""
        self._can_write = asyncio.Event()
        self._can_write.set()
        self._is_half_closed = False
        """Whether the client sends no more."""
        self._is_responding = False
        """Whether the response is awaited."""
        self._is_hanging = False
        self._is_lingering = False
        """Whether the last response is sent, but the client may still be sending."""
        self._is_finishing = False
        """Whether the server stops."""
        self._is_broken = False
        """Whether the next request is to find the connection reset."""
        self._ticks = 0
        self._unsent = 0

    # -- called by asyncio ----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve a client."""
        self._transport = cast("asyncio.Transport", transport)
        if transport.get_extra_info("sslcontext") is not None:
            self._scheme = "https"
        self._connections.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """Forget the client."""
        self._reader.close()
        self._left.set()
        self._can_write.set()
        self._connections.discard(self)
        self.finished.set()
        if self._is_responding and self._delivery is not None:
            self._delivery.cancel()  # nobody is left to get the response

    def data_received(self, data: bytes) -> None:
        """Read what the client has sent, and respond."""
        if self._is_broken:
            reset(self._transport)
            return
        if self._reader.phase is not Phase.HEAD and not self._is_lingering:
            self._ticks = 0
        self._reader.feed(data)
        self._proceed()

    def eof_received(self) -> bool:
        """Respond to what has been read: HTTP lets a client close its half of the connection."""
        self._is_half_closed = True
        is_over = self._scheme == "https"  # asyncio ends both halves of TLS
        if is_over or self._is_hanging:
            self._left.set()
        self._reader.end()
        self._proceed()
        return not is_over and (self._delivery is not None or bool(self._reader.complete))

    def pause_writing(self) -> None:
        """Respond to no more requests until the client has read more."""
        self._can_write.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._can_write.set()
        self._proceed()

    # -- called by the listener -----------------------------------------------------------------

    def tick(self) -> None:
        """Give up a client that has not done what is expected of it for too long."""
        unsent = self._transport.get_write_buffer_size()
        is_waiting = self._delivery is not None and not unsent
        if is_waiting or unsent != self._unsent:
            self._ticks = 0
        self._unsent = unsent
        self._ticks += 1
        is_sending = unsent or self._transport.is_closing()  # TLS does not tell what is unsent
        patience = _STALLED_TICKS if is_sending else _PATIENCE[self._reader.phase]
        if self._ticks <= patience:
            return
        if self._reader.phase in (Phase.HEAD, Phase.BODY) and not unsent:
            self._reader.fail(408, "it did not come to an end in time")
            self._proceed()
        elif self._is_lingering and not self._transport.is_closing():
            self._transport.close()
        else:
            self._transport.abort()

    def finish(self) -> None:
        """Accept no more requests, and end every wait; the response in progress is still sent."""
        self._is_finishing = True
        self._left.set()
        self._reader.close()
        self._proceed()

    def abort(self) -> None:
        """End at once."""
        if self._delivery is not None:
            self._delivery.cancel()
        self._transport.abort()

    # -- requests and responses -----------------------------------------------------------------

    def _proceed(self) -> None:
        """Respond to what has been read, as far as nothing else has to come first."""
        reader, transport = self._reader, self._transport
        if transport.is_closing():  # after which transports of TLS do not bear much
            return
        while reader.complete and self._delivery is None and self._can_write.is_set():
            self._respond(reader.complete.popleft())
            if transport.is_closing():  # the client was found to have gone
                return
        if self._delivery is not None or reader.complete:
            if reader.complete:
                transport.pause_reading()  # TCP tells the client to wait, too
            return
        transport.resume_reading()
        if reader.failure is not None:
            self._reject(reader.failure)
        elif reader.phase is Phase.END and (self._is_finishing or not self._is_lingering):
            transport.close()
            if self._is_finishing and not transport.get_write_buffer_size():
                self.finished.set()  # in TLS, clients may take long to agree
        elif reader.wants_continue:
            reader.wants_continue = False
            transport.write(CONTINUE)

    def _respond(self, received: Received) -> None:
        try:
            response = self._application.respond(make_request(received, self._scheme))
        except BadRequest as error:
            response = self._application.reject(error)
        if isinstance(response, Response) and not takes_time(response):
            self._write(received, response, None)
        else:
            self._delivery = asyncio.ensure_future(self._deliver(received, response))

    def _reject(self, failure: BadRequest) -> None:
        """Tell the client why no more is read; to close at once could lose that."""
        self._reader.failure = None
        self._transport.write(b"".join(response_bytes(self._application.reject(failure), CLOSE)))
        if self._is_half_closed:
            self._transport.close()
            return
        if self._transport.can_write_eof():
            with suppress(OSError):  # the client has gone
                self._transport.write_eof()
        self._is_lingering, self._ticks = True, 0

    async def _deliver(
        self, received: Received, responding: Response | Awaitable[Response]
    ) -> None:
        """Perform the steps of a delivery; only this one client has to wait."""
        try:
            response = await self._awaited(responding)
            for step in steps_of(response):
                await self._perform(step, received, response)
        except BaseException:
            self._transport.abort()
            raise
        finally:
            self._delivery = None
        self._proceed()

    async def _awaited(self, responding: Response | Awaitable[Response]) -> Response:
        self._is_responding = True
        try:
            return await response_of(responding)
        finally:
            self._is_responding = False

    async def _perform(self, step: Step, received: Received, response: Response) -> None:
        match step:
            case Run(function):
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._application.executor, function)
            case Pause(seconds):
                await is_set_within(seconds, self._left)
            case Wait():
                self._is_hanging = True
                await step.until_over(self._left)
                self._is_hanging = False
            case Hang():
                finish(response)
                await self._hang()
            case Send(fault, drip):
                if drip is None:
                    self._write(received, response, fault)
                else:
                    await self._drip(received, response, fault, drip)
                self._break(fault)
                finish(response)
            case Follow(stream):
                await self._follow(received, response, stream)

    async def _follow(self, received: Received, response: Response, stream: Stream) -> None:
        """Send what the stream has; its end is that of the connection."""
        version = received.version
        self._end_with_client()
        self._transport.write(stream_head(response, version))
        if received.method == "HEAD":
            return
        is_heard = stream.begin()
        try:
            while is_heard and not await is_set_within(STREAM_INTERVAL, self._left):
                data = stream.take()
                if data is None:
                    break
                if data:
                    self._transport.write(stream_part(data, version))
                    await self._can_write.wait()
        finally:
            stream.end()
        if not self._transport.is_closing():
            self._transport.write(stream_part(b"", version))

    async def _hang(self) -> None:
        """Wait until the client or the server gives up; a client that says no more has."""
        self._end_with_client()
        await self._left.wait()

    def _end_with_client(self) -> None:
        """Take a client that says no more for one that has left."""
        self._is_hanging = True
        self._read_no_more()
        self._transport.resume_reading()
        if self._is_half_closed:
            self._left.set()

    def _write(self, received: Received, response: Response, fault: WireFault | None) -> None:
        head, body = self._bytes_of(received, response, fault)
        if len(body) < _LARGE:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._transport.write(body)

    async def _drip(
        self, received: Received, response: Response, fault: WireFault | None, drip: Drip
    ) -> None:
        head, body = self._bytes_of(received, response, fault)
        self._transport.write(head)
        for at in range(0, len(body), drip.size):
            if await is_set_within(drip.pause.total_seconds(), self._left):
                self._reader.close()  # the response is incomplete
                return
            self._transport.write(body[at : at + drip.size])
            await self._can_write.wait()

    def _bytes_of(
        self, received: Received, response: Response, fault: WireFault | None
    ) -> tuple[bytes, bytes]:
        connection = b""
        if self._is_finishing or not received.keep_alive:
            connection = CLOSE
            self._read_no_more()
        elif received.version == "1.0":
            connection = KEEP_ALIVE
        head, body = response_bytes(response, connection, fault)
        return head, b"" if received.method == "HEAD" else body

    def _break(self, fault: WireFault | None) -> None:
        if fault is WireFault.RESET:
            reset(self._transport)
        elif fault is WireFault.KEEP_ALIVE_BROKEN:
            self._is_broken = True
            if self._reader.complete or self._reader.phase in (Phase.HEAD, Phase.BODY):
                reset(self._transport)  # the next request is here already
        elif fault is not None:
            self._read_no_more()

    def _read_no_more(self) -> None:
        self._reader.complete.clear()
        self._reader.failure = None
        self._reader.close()
