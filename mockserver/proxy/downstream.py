"""The near half of a connection through the proxy: what a client asks goes on as it comes."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass

from mockserver.proxy.webhook_redirect import Callbacks
from mockserver.proxy.http1 import Head, Piece, requests
from mockserver.proxy.upstream import Leg, Passed, Watch, reset_when_sent
from mockserver.network.origin import Origin, origin_of, target_of
from mockserver.network.outbound import connect
from mockserver.proxy.routes import is_own, own_answer, path_of

_CHUNK = 64 * 1024
_PATIENCE = 30.0
"""Real seconds that a server has to hang up on a client that has hung up."""
_LONGEST = 900.0
"""The same while it still owes an answer."""
_HELD = 16 * 1024 * 1024
"""Bytes of the largest submission whose callBackUrl is led through the proxy."""


@dataclass(frozen=True, slots=True)
class Way:
    """What all lines of a proxy share."""

    upstream: Origin
    context: ssl.SSLContext
    submission: tuple[str, str]
    """Method and path of a submission."""
    callbacks: Callbacks
    watch: Watch
    report: Callable[[bool], Future[bytes]]
    local: frozenset[str]
    """The names by which programs of this machine call the proxy."""


class _Over(Exception):
    """The client has been told all that it will be."""


class Line:
    """One client's connection."""

    def __init__(
        self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._way = way
        self._reader, self._writer = reader, writer
        self._cutter = requests()
        self._leg: Leg | None = None
        self._passed: Passed | None = None
        """The request that is under way."""
        self._own: Head | None = None
        """The same if the proxy is to answer it."""
        self._held: tuple[Head, bytearray] | None = None
        """The head of a submission, and its body as it came: it waits until it is whole."""
        self._out = bytearray()

    async def run(self) -> None:
        """Serve the client until one side has enough."""
        try:
            while data := await self._reader.read(_CHUNK):
                for piece in self._cutter.feed(data):
                    await self._take(piece)
                await self._flush()
            await self._wind_up()
        except _Over:
            pass
        except OSError:  # the client has gone in a hurry
            if self._leg is not None:
                self._leg.release(rudely=True)

    def close(self) -> None:
        """End the connection to the server."""
        if self._leg is not None:
            self._leg.release()

    # -- what comes --------------------------------------------------------------------------

    async def _take(self, piece: Piece) -> None:
        if piece.lost:
            await self._tunnel(piece.wire)
        elif piece.head is not None:
            await self._begin(piece.head, piece.wire.removesuffix(piece.head.raw))
        elif self._held is not None:
            await self._hold(piece)
        elif self._own is None:
            self._see(piece.body)
            self._out += piece.wire
        if piece.ends:
            await self._end()

    def _see(self, body: bytes) -> None:
        if self._passed is not None and not self._passed.ended:
            self._passed.add(self._passed.body, body)

    async def _begin(self, head: Head, before: bytes) -> None:
        (method, target), path = head.words, path_of(head)
        self._passed = Passed(method, target, head.headers, time.monotonic())
        token = self._way.callbacks.token_in(path)
        url = None if token is None else self._way.callbacks.url_of(token)
        if self._cutter.lost:
            self._out += before
            await self._tunnel(head.changed(host=self._way.upstream.name).raw)
        elif token is not None and url is not None:
            self._passed.token, self._passed.webhook_url = token, url
            await self._forward(head.to(target_of(url)), origin_of(url))
        elif token is not None or is_own(head):
            self._own = head
        elif (method, path) == self._way.submission and self._can_be_led(head):
            self._held = head, bytearray()
            if head.values("expect"):
                await self._idle()
                self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        else:
            await self._forward(head, self._way.upstream, before)

    def _can_be_led(self, head: Head) -> bool:
        """Say whether a callBackUrl is to be replaced, and can be."""
        return self._way.callbacks.wanted and not head.values("content-encoding")

    async def _hold(self, piece: Piece) -> None:
        assert self._held is not None  # noqa: S101 - whoever calls it has looked
        head, raw = self._held
        raw += piece.wire
        self._see(piece.body)
        if len(raw) > _HELD:
            self._way.watch.notice("a submission is too large for its callBackUrl to be led here")
            await self._let_go(head.changed(expect=None), bytes(raw))

    async def _let_go(self, head: Head, body: bytes) -> None:
        self._held = None
        await self._forward(head, self._way.upstream)
        self._out += body

    async def _end(self) -> None:
        """Do what can only be done once a request is whole."""
        passed = self._passed
        if passed is not None:
            passed.sent = True
        if self._own is not None:
            await self._answer(self._own)
        elif self._held is not None and passed is not None:
            await self._let_go(*self._led(passed, *self._held))
        self._passed = None

    def _led(self, passed: Passed, head: Head, raw: bytearray) -> tuple[Head, bytes]:
        """Put an address of the proxy into a submission, if there is one to replace."""
        head = head.changed(expect=None)
        led = None if passed.cut else self._way.callbacks.lead(bytes(passed.body))
        if led is None:
            return head, bytes(raw)
        body, passed.token = led
        if head.values("transfer-encoding"):
            return head, b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        return head.changed(content_length=str(len(body))), body

    # -- where it goes -----------------------------------------------------------------------

    async def _forward(self, head: Head, origin: Origin, before: bytes = b"") -> None:
        leg = await self._leg_to(origin)
        if self._passed is not None:
            leg.expect(self._passed)
        self._out += before + head.changed(host=origin.name).raw

    async def _tunnel(self, wire: bytes) -> None:
        """Only pass on what comes, from here on."""
        leg = self._leg if self._leg is not None else await self._leg_to(self._way.upstream)
        if self._held is not None:
            head, raw = self._held
            self._held, wire = None, head.changed(host=leg.origin.name).raw + bytes(raw) + wire
        self._out += wire
        self._passed = None
        if leg.understood:
            self._way.watch.notice("a connection is not understood, and only passed on")
            await self._flush()
            leg.lose()

    async def _leg_to(self, origin: Origin) -> Leg:
        if self._leg is not None and self._leg.origin != origin:
            await self._idle()
            self._leg.release()
            self._leg = None
        if self._leg is None:
            self._leg = await self._connect(origin)
        elif self._leg.ended.is_set():  # the client has been told, and asks all the same
            await reset_when_sent(self._writer)
            raise _Over
        return self._leg

    async def _connect(self, origin: Origin) -> Leg:
        leg = Leg(origin, self._writer, self._way.watch)
        leg.on_lost = self._cutter.lose
        try:
            context = self._way.context if origin.tls else None
            await connect(lambda: leg, origin.host, origin.port, context)
        except (OSError, ValueError) as error:
            self._way.watch.notice(f"{origin} cannot be reached: {error}")
            await reset_when_sent(self._writer)
            raise _Over from None
        return leg

    async def _flush(self) -> None:
        if self._out and self._leg is not None:
            data = bytes(self._out)
            self._out.clear()
            await self._leg.write(data)

    async def _idle(self) -> None:
        """Await all answers that are owed."""
        await self._flush()
        if self._leg is not None:
            await self._leg.idle.wait()
            if self._leg.ended.is_set():
                raise _Over

    async def _wind_up(self) -> None:
        """Pass it on that the client sends no more, and await what is still to come for it."""
        rest = self._cutter.rest()
        if self._held is not None or rest:
            await self._tunnel(rest)
            await self._flush()
        leg = self._leg
        if leg is None:
            return
        if self._passed is not None:  # it was not sent to its end: whatever comes is no wonder
            leg.lose()
        leg.finish()
        gone = asyncio.ensure_future(self._writer.wait_closed())
        try:
            for event, patience in ((leg.idle, _LONGEST), (leg.ended, _PATIENCE)):
                waiting = asyncio.ensure_future(event.wait())
                await asyncio.wait(
                    {waiting, gone}, timeout=patience, return_when=asyncio.FIRST_COMPLETED
                )
                waiting.cancel()
                leg.finish()
        finally:
            gone.cancel()
            with suppress(OSError, asyncio.CancelledError):
                await gone

    async def _answer(self, head: Head) -> None:
        """Answer a request that is not for the server, and hang up."""
        await self._idle()
        self._writer.write(await own_answer(head, self._way.local, self._way.report))
        with suppress(OSError):
            await self._writer.drain()
        raise _Over
