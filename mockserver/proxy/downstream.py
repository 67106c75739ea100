"""The near half of a connection through the proxy: what a client asks goes on as it comes."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass

from mockserver.network.origin import Origin, origin_of, target_of
from mockserver.network.outbound import connect
from mockserver.proxy.http1 import Head, Segment, requests
from mockserver.proxy.routes import is_own, own_response, path_of
from mockserver.proxy.upstream import (
    ObservedExchange,
    Observer,
    UpstreamConnection,
    reset_when_sent,
)
from mockserver.proxy.webhook_redirect import WebhookRedirect

_CHUNK = 64 * 1024
_PATIENCE = 30.0
"""Real seconds that a server has to hang up on a client that has hung up."""
_LONGEST = 900.0
"""The same while it still owes an answer."""
_HELD = 16 * 1024 * 1024
"""Bytes of the largest submission whose callBackUrl is led through the proxy."""


@dataclass(frozen=True, slots=True)
class ProxySetup:
    """What all lines of a proxy share."""

    upstream: Origin
    context: ssl.SSLContext
    submission: tuple[str, str]
    """Method and path of a submission."""
    webhooks: WebhookRedirect
    observer: Observer
    report: Callable[[bool], Future[bytes]]
    local: frozenset[str]
    """The names by which programs of this machine call the proxy."""


class _Over(Exception):
    """The client has been told all that it will be."""


class ClientConnection:
    """One client's connection."""

    def __init__(
        self, way: ProxySetup, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._setup = way
        self._reader, self._writer = reader, writer
        self._parser = requests()
        self._upstream_connection: UpstreamConnection | None = None
        self._exchange: ObservedExchange | None = None
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
                for segment in self._parser.feed(data):
                    await self._take(segment)
                await self._flush()
            await self._wind_up()
        except _Over:
            pass
        except OSError:  # the client has gone in a hurry
            if self._upstream_connection is not None:
                self._upstream_connection.release(rudely=True)

    def close(self) -> None:
        """End the connection to the server."""
        if self._upstream_connection is not None:
            self._upstream_connection.release()

    # -- what comes --------------------------------------------------------------------------

    async def _take(self, segment: Segment) -> None:
        if segment.lost:
            await self._tunnel(segment.wire)
        elif segment.head is not None:
            await self._begin(segment.head, segment.wire.removesuffix(segment.head.raw))
        elif self._held is not None:
            await self._hold(segment)
        elif self._own is None:
            self._see(segment.body)
            self._out += segment.wire
        if segment.ends:
            await self._end()

    def _see(self, body: bytes) -> None:
        if self._exchange is not None and not self._exchange.ended:
            self._exchange.add(self._exchange.body, body)

    async def _begin(self, head: Head, before: bytes) -> None:
        (method, target), path = head.words, path_of(head)
        self._exchange = ObservedExchange(method, target, head.headers, time.monotonic())
        token = self._setup.webhooks.token_in(path)
        url = None if token is None else self._setup.webhooks.url_of(token)
        if self._parser.lost:
            self._out += before
            await self._tunnel(head.changed(host=self._setup.upstream.name).raw)
        elif token is not None and url is not None:
            self._exchange.token, self._exchange.webhook_url = token, url
            await self._forward(head.to(target_of(url)), origin_of(url))
        elif token is not None or is_own(head):
            self._own = head
        elif (method, path) == self._setup.submission and self._can_be_led(head):
            self._held = head, bytearray()
            if head.values("expect"):
                await self._idle()
                self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        else:
            await self._forward(head, self._setup.upstream, before)

    def _can_be_led(self, head: Head) -> bool:
        """Say whether a callBackUrl is to be replaced, and can be."""
        return self._setup.webhooks.wanted and not head.values("content-encoding")

    async def _hold(self, segment: Segment) -> None:
        assert self._held is not None  # noqa: S101 - whoever calls it has looked
        head, raw = self._held
        raw += segment.wire
        self._see(segment.body)
        if len(raw) > _HELD:
            self._setup.observer.notice(
                "a submission is too large for its callBackUrl to be led here"
            )
            await self._let_go(head.changed(expect=None), bytes(raw))

    async def _let_go(self, head: Head, body: bytes) -> None:
        self._held = None
        await self._forward(head, self._setup.upstream)
        self._out += body

    async def _end(self) -> None:
        """Do what can only be done once a request is whole."""
        exchange = self._exchange
        if exchange is not None:
            exchange.sent = True
        if self._own is not None:
            await self._answer(self._own)
        elif self._held is not None and exchange is not None:
            await self._let_go(*self._led(exchange, *self._held))
        self._exchange = None

    def _led(self, exchange: ObservedExchange, head: Head, raw: bytearray) -> tuple[Head, bytes]:
        """Put an address of the proxy into a submission, if there is one to replace."""
        head = head.changed(expect=None)
        led = None if exchange.cut else self._setup.webhooks.lead(bytes(exchange.body))
        if led is None:
            return head, bytes(raw)
        body, exchange.token = led
        if head.values("transfer-encoding"):
            return head, b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        return head.changed(content_length=str(len(body))), body

    # -- where it goes -----------------------------------------------------------------------

    async def _forward(self, head: Head, origin: Origin, before: bytes = b"") -> None:
        leg = await self._leg_to(origin)
        if self._exchange is not None:
            leg.expect(self._exchange)
        self._out += before + head.changed(host=origin.name).raw

    async def _tunnel(self, wire: bytes) -> None:
        """Only pass on what comes, from here on."""
        leg = (
            self._upstream_connection
            if self._upstream_connection is not None
            else await self._leg_to(self._setup.upstream)
        )
        if self._held is not None:
            head, raw = self._held
            self._held, wire = None, head.changed(host=leg.origin.name).raw + bytes(raw) + wire
        self._out += wire
        self._exchange = None
        if leg.understood:
            self._setup.observer.notice("a connection is not understood, and only passed on")
            await self._flush()
            leg.lose()

    async def _leg_to(self, origin: Origin) -> UpstreamConnection:
        if self._upstream_connection is not None and self._upstream_connection.origin != origin:
            await self._idle()
            self._upstream_connection.release()
            self._upstream_connection = None
        if self._upstream_connection is None:
            self._upstream_connection = await self._connect(origin)
        elif (
            self._upstream_connection.ended.is_set()
        ):  # the client has been told, and asks all the same
            await reset_when_sent(self._writer)
            raise _Over
        return self._upstream_connection

    async def _connect(self, origin: Origin) -> UpstreamConnection:
        leg = UpstreamConnection(origin, self._writer, self._setup.observer)
        leg.on_lost = self._parser.lose
        try:
            context = self._setup.context if origin.tls else None
            await connect(lambda: leg, origin.host, origin.port, context)
        except (OSError, ValueError) as error:
            self._setup.observer.notice(f"{origin} cannot be reached: {error}")
            await reset_when_sent(self._writer)
            raise _Over from None
        return leg

    async def _flush(self) -> None:
        if self._out and self._upstream_connection is not None:
            data = bytes(self._out)
            self._out.clear()
            await self._upstream_connection.write(data)

    async def _idle(self) -> None:
        """Await all answers that are owed."""
        await self._flush()
        if self._upstream_connection is not None:
            await self._upstream_connection.idle.wait()
            if self._upstream_connection.ended.is_set():
                raise _Over

    async def _wind_up(self) -> None:
        """Pass it on that the client sends no more, and await what is still to come for it."""
        rest = self._parser.rest()
        if self._held is not None or rest:
            await self._tunnel(rest)
            await self._flush()
        leg = self._upstream_connection
        if leg is None:
            return
        if self._exchange is not None:  # it was not sent to its end: whatever comes is no wonder
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
        self._writer.write(await own_response(head, self._setup.local, self._setup.report))
        with suppress(OSError):
            await self._writer.drain()
        raise _Over
