"""An HTTPS proxy whose tunnels to the API's hosts end in the mock."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from threading import Event, Thread
from typing import Any, Self
from weakref import WeakSet

from mockserver.network.listening import faults_to
from mockserver.network.outbound import tunnel

_HOST = "127.0.0.1"
_PATIENCE = 30.0
"""Real seconds that a client has to say where it wants to go, and a host to be reached."""
_GRACE = 1.0
"""Real seconds that connections have to end, when all is to end."""
_HEAD_LIMIT = 64 * 1024
_CHUNK = 64 * 1024
_FAILURES = (
    OSError,
    TimeoutError,
    asyncio.IncompleteReadError,
    asyncio.LimitOverrunError,
    ValueError,
)


class Interceptor:
    """Listens on two free ports of this machine, as a context manager.

    `proxy_port` speaks CONNECT, for clients that know a proxy; `tls_port` is at once the API's
    host, for those that are led there otherwise. What comes for one of *hosts* is decrypted with
    *context* and passed to *mock*, its host and port; the rest is refused unless *allow_others*.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        context: ssl.SSLContext,
        mock: tuple[str, int],
        *,
        allow_others: bool,
    ) -> None:
        self.hosts = tuple(hosts)
        self.allow_others = allow_others
        self.proxy_port = self.tls_port = 0
        self._context = context
        self._mock = mock
        self._writers: WeakSet[asyncio.StreamWriter] = WeakSet()
        self._ready = Event()
        self._thread = Thread(target=lambda: asyncio.run(self._serve()), name="tls", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(_PATIENCE)
        if not self.tls_port:
            raise OSError("the proxy did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(faults_to(lambda _: None))
        try:
            proxy = await asyncio.start_server(_quiet(self._tunnel), _HOST, 0, limit=_HEAD_LIMIT)
            direct = await asyncio.start_server(_quiet(self._to_mock), _HOST, 0, ssl=self._context)
            self.proxy_port = proxy.sockets[0].getsockname()[1]
            self.tls_port = direct.sockets[0].getsockname()[1]
        finally:
            self._ready.set()
        await self._stop.wait()
        proxy.close()
        direct.close()
        await asyncio.sleep(0)  # a connection that was just accepted gets its task
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        for writer in tuple(self._writers):  # whoever does not read is not waited for
            writer.transport.abort()
        if others:
            await asyncio.wait(others, timeout=_GRACE)

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Let a client through to where it asks to go, or tell it why not."""
        self._writers.add(writer)
        try:
            head = await asyncio.wait_for(_read_head(reader), _PATIENCE)
            host, port, fault = self._way(head)
            if fault:
                await _reject(writer, fault)
            elif host in self.hosts:
                await _accept(writer)
                await writer.start_tls(self._context)
                await self._to_mock(reader, writer)
            else:
                await self._pass_on(reader, writer, host, port)
        except _FAILURES:
            pass
        finally:
            await _close(writer)

    def _way(self, head: bytes) -> tuple[str, int, str]:
        """Read host and port that a client asks for, and what is against it."""
        method, _, rest = head.decode("latin-1").splitlines()[0].partition(" ")
        target = rest.partition(" ")[0]
        host, colon, digits = target.rpartition(":")
        host = host.strip("[]").lower().rstrip(".")
        if method != "CONNECT":
            told = method[:20] if method.isascii() and method.isalpha() else "what came"
            return "", 0, f"{told} is no CONNECT; this proxy is for HTTPS only"
        if not colon or not digits.isascii() or not digits.isdigit() or len(digits) > 5:
            return "", 0, f"{target[:100]!r} is no host and port; use such as example.com:443"
        if host in self.hosts and digits != "443":
            return host, 0, f"{host} is not at port {digits}; use 443"
        if host not in self.hosts and not self.allow_others:
            shown = target.rpartition(":")[0]
            return host, 0, f"{shown} is not the API; --allow-others lets it pass"
        return host, int(digits), ""

    async def _to_mock(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._join(reader, writer, *await asyncio.open_connection(*self._mock))
        except _FAILURES:
            pass
        finally:
            await _close(writer)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int
    ) -> None:
        try:
            by = await tunnel(host, port, tls=True)
            way = asyncio.open_connection(sock=by) if by else asyncio.open_connection(host, port)
            far = await asyncio.wait_for(way, _PATIENCE)
        except (OSError, OverflowError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            await _reject(writer, f"{host}:{port}: {reason}")
            return
        await _accept(writer)
        await self._join(reader, writer, *far)

    async def _join(
        self,
        near_in: asyncio.StreamReader,
        near_out: asyncio.StreamWriter,
        far_in: asyncio.StreamReader,
        far_out: asyncio.StreamWriter,
    ) -> None:
        """Carry bytes both ways until both have ended."""
        self._writers.add(far_out)
        ways = [
            asyncio.ensure_future(_carry(near_in, far_out)),
            asyncio.ensure_future(_carry(far_in, near_out)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(ways, timeout=_PATIENCE)
        finally:
            for way in ways:
                way.cancel()
            await _close(far_out)


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


def _quiet(serve: Serve) -> Serve:
    """Let a connection end with all others: the streams of Python 3.11 would log that."""

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):
            await serve(reader, writer)

    return quietly


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    """Read the head of a request. Raises ValueError, at once for what cannot be one."""
    head = await reader.readexactly(1)
    if not head.isascii() or not (head.isalnum() or head in b"\r\n"):
        raise ValueError(head)
    while len(head) < _HEAD_LIMIT:
        line = await reader.readuntil(b"\n")
        if not line.strip() and head.strip():
            return head.lstrip()
        head += line
    raise ValueError(head)


async def _accept(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await writer.drain()


async def _reject(writer: asyncio.StreamWriter, reason: str) -> None:
    body = f"maxapi-mock: {reason}\n".encode()
    shown = reason.encode("ascii", "replace").decode("ascii")  # most clients show no more
    head = f"HTTP/1.1 403 maxapi-mock: {shown}\r\nContent-Type: text/plain\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
    await writer.drain()


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Carry what comes from *source* to *sink*, and then its end, however it ended."""
    try:
        while chunk := await source.read(_CHUNK):
            sink.write(chunk)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()
        else:
            sink.close()
    except _FAILURES:
        sink.close()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await asyncio.wait_for(writer.wait_closed(), _PATIENCE)
    except _FAILURES:
        pass
    finally:
        writer.transport.abort()
