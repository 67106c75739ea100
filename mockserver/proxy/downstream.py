"""The client's half of a connection through the proxy: its requests go on as they come.

Almost every byte is passed on at once. The exceptions are the few requests that the proxy answers
itself (`routes`), and submissions while webhooks are redirected: these are held back until they
are complete, as the length of a body has to be sent before the body.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass

from mockserver.network.origin import Origin, origin_of, target_of
from mockserver.network.outbound import connect, why_not_connected
from mockserver.proxy.http1 import Head, Segment, requests
from mockserver.proxy.observer import ObservedExchange, Observer
from mockserver.proxy.routes import is_own, own_response, path_of
from mockserver.proxy.upstream import UpstreamConnection, reset_when_sent
from mockserver.proxy.webhook_redirect import WebhookRedirect

_CHUNK = 64 * 1024
_CLOSE_TIMEOUT = 30.0
"""Real seconds that a server has to close its half after the client has closed its own."""
_RESPONSE_TIMEOUT = 900.0
"""The same while it still owes a response."""
_MAX_HELD = 16 * 1024 * 1024
"""Bytes of the largest submission whose callBackUrl is replaced."""


@dataclass(frozen=True, slots=True)
class ProxyConfig:
    """What all client connections of a proxy share."""

    upstream: Origin
    context: ssl.SSLContext
    submission: tuple[str, str]
    """Method and path of a submission."""
    webhooks: WebhookRedirect
    observer: Observer
    report: Callable[[bool], Future[bytes]]
    host: str
    """The address at which the proxy listens."""


def _unreachable(origin: Origin, error: Exception, *, is_upstream: bool) -> str:
    """Return why a server cannot be reached, and what to look at."""
    why = why_not_connected(error, origin.place)
    if is_upstream:
        return f"--upstream: {why}; is it running, and is the URL right?"
    return f"a webhook was not passed on: {why}; is the app's receiver running?"


class _Finished(Exception):
    """The client has been sent everything that it will get."""


class ClientConnection:
    """One client's connection."""

    def __init__(
        self, config: ProxyConfig, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._config = config
        self._reader, self._writer = reader, writer
        self._parser = requests()
        self._upstream: UpstreamConnection | None = None
        self._current: ObservedExchange | None = None
        """The request that is under way."""
        self._own: Head | None = None
        """Its head, if the proxy is to answer it."""
        self._held: tuple[Head, bytearray] | None = None
        """Its head, and its body as it came, if it is held back until it is complete."""
        self._out = bytearray()

    async def run(self) -> None:
        """Serve the client until one side ends the connection."""
        try:
            while data := await self._reader.read(_CHUNK):
                for segment in self._parser.feed(data):
                    await self._take(segment)
                await self._flush()
            await self._wind_up()
        except _Finished:
            pass
        except OSError:  # the client has reset its connection
            if self._upstream is not None:
                self._upstream.release(by_reset=True)

    def close(self) -> None:
        """End the connection to the server."""
        if self._upstream is not None:
            self._upstream.release()

    # -- what comes --------------------------------------------------------------------------

    async def _take(self, segment: Segment) -> None:
        if segment.lost:
            await self._tunnel(segment.wire)
        elif segment.head is not None:
            await self._begin(segment.head, segment.wire.removesuffix(segment.head.raw))
        elif self._held is not None:
            await self._hold(*self._held, segment)
        elif self._own is None:
            self._observe(segment.body)
            self._out += segment.wire
        if segment.ends:
            await self._end()

    def _observe(self, body: bytes) -> None:
        if self._current is not None and not self._current.ended:
            self._current.add(self._current.body, body)

    async def _begin(self, head: Head, blank: bytes) -> None:
        (method, target), path = head.words, path_of(head)
        self._current = ObservedExchange(method, target, head.headers, time.monotonic())
        token = self._config.webhooks.token_in(path)
        url = None if token is None else self._config.webhooks.url_of(token)
        if self._parser.lost:
            self._out += blank
            await self._tunnel(head.changed(host=self._config.upstream.name).raw)
        elif token is not None and url is not None:
            self._current.token, self._current.webhook_url = token, url
            await self._forward(head.to(target_of(url)), origin_of(url))
        elif token is not None or is_own(head):
            self._own = head
        elif (method, path) == self._config.submission and self._can_be_redirected(head):
            self._held = head, bytearray()
            if head.values("expect"):
                await self._idle()
                self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        else:
            await self._forward(head, self._config.upstream, blank)

    def _can_be_redirected(self, head: Head) -> bool:
        """Return whether the callBackUrl of a submission is to be replaced, and can be read."""
        return self._config.webhooks.is_active and not head.values("content-encoding")

    async def _hold(self, head: Head, raw: bytearray, segment: Segment) -> None:
        raw += segment.wire
        self._observe(segment.body)
        if len(raw) > _MAX_HELD:
            self._config.observer.notice(
                "a submission is too large for its callBackUrl to be replaced; "
                "its webhooks do not come through the proxy"
            )
            await self._send_held(head.changed(expect=None), bytes(raw))

    async def _send_held(self, head: Head, body: bytes) -> None:
        self._held = None
        await self._forward(head, self._config.upstream)
        self._out += body

    async def _end(self) -> None:
        """Do what can only be done once a request is complete."""
        current = self._current
        if current is not None:
            current.sent = True
        if self._own is not None:
            await self._respond(self._own)
        elif self._held is not None and current is not None:
            await self._send_held(*self._redirected(current, *self._held))
        self._current = None

    def _redirected(
        self, exchange: ObservedExchange, head: Head, raw: bytearray
    ) -> tuple[Head, bytes]:
        """Put an address of the proxy into a submission, if there is a URL to replace.

        `Expect` is dropped, as the proxy has already asked the client to continue.
        """
        head = head.changed(expect=None)
        replaced = None if exchange.cut else self._config.webhooks.replace(bytes(exchange.body))
        if replaced is None:
            return head, bytes(raw)
        body, exchange.token = replaced
        if head.values("transfer-encoding"):
            return head, b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        return head.changed(content_length=str(len(body))), body

    # -- where it goes -----------------------------------------------------------------------

    async def _forward(self, head: Head, origin: Origin, blank: bytes = b"") -> None:
        upstream = await self._connected(origin)
        if self._current is not None:
            upstream.expect(self._current)
        self._out += blank + head.changed(host=origin.name).raw

    async def _tunnel(self, wire: bytes) -> None:
        """Pass on what comes from here on, without parsing it."""
        upstream = self._upstream or await self._connected(self._config.upstream)
        if self._held is not None:
            head, raw = self._held
            self._held, wire = None, head.changed(host=upstream.origin.name).raw + bytes(raw) + wire
        self._out += wire
        self._current = None
        if upstream.understood:
            self._config.observer.notice(
                "a connection is not understood, and is passed on without being checked"
            )
            await self._flush()
            upstream.lose()

    async def _connected(self, origin: Origin) -> UpstreamConnection:
        """Return a connection to *origin*: the one that there is, or a new one."""
        if self._upstream is not None and self._upstream.origin != origin:
            await self._idle()
            self._upstream.release()
            self._upstream = None
        if self._upstream is None:
            self._upstream = await self._connect(origin)
        elif self._upstream.ended.is_set():  # the client saw that end, and sends a request anyway
            await reset_when_sent(self._writer)
            raise _Finished
        return self._upstream

    async def _connect(self, origin: Origin) -> UpstreamConnection:
        upstream = UpstreamConnection(origin, self._writer, self._config.observer)
        upstream.on_lost = self._parser.lose
        try:
            context = self._config.context if origin.tls else None
            await connect(lambda: upstream, origin.host, origin.port, context)
        except (OSError, ValueError) as error:
            self._config.observer.notice(
                _unreachable(origin, error, is_upstream=origin == self._config.upstream)
            )
            await reset_when_sent(self._writer)
            raise _Finished from None
        return upstream

    async def _flush(self) -> None:
        if self._out and self._upstream is not None:
            data = bytes(self._out)
            self._out.clear()
            await self._upstream.write(data)

    async def _idle(self) -> None:
        """Await all responses that are owed."""
        await self._flush()
        if self._upstream is not None:
            await self._upstream.idle.wait()
            if self._upstream.ended.is_set():
                raise _Finished

    async def _wind_up(self) -> None:
        """Pass on that the client sends no more, and await what is still to come for it."""
        rest = self._parser.rest()
        if self._held is not None or rest:
            await self._tunnel(rest)
            await self._flush()
        upstream = self._upstream
        if upstream is None:
            return
        if self._current is not None:  # cut off by the client: no response to it is an error
            upstream.lose()
        upstream.finish()
        gone = asyncio.ensure_future(self._writer.wait_closed())
        try:
            for event, timeout in (
                (upstream.idle, _RESPONSE_TIMEOUT),
                (upstream.ended, _CLOSE_TIMEOUT),
            ):
                waiting = asyncio.ensure_future(event.wait())
                await asyncio.wait(
                    {waiting, gone}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED
                )
                waiting.cancel()
                upstream.finish()
        finally:
            gone.cancel()
            with suppress(OSError, asyncio.CancelledError):
                await gone

    async def _respond(self, head: Head) -> None:
        """Respond to a request that is not for the server, and close the connection."""
        await self._idle()
        self._writer.write(await own_response(head, self._config.host, self._config.report))
        with suppress(OSError):
            await self._writer.drain()
        raise _Finished
