"""An HTTPS proxy whose tunnels to the API's hosts end at the mock."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Self
from weakref import WeakSet

from mockserver.network.listening import one_line_errors, reset, stop_accepting
from mockserver.network.loop_thread import LoopThread, cancel_other_tasks
from mockserver.network.outbound import tunnel, why_not_connected
from mockserver.network.receiver import place

_HOST = "127.0.0.1"
_PATIENCE = 30.0
"""Real seconds that a client has to send its CONNECT, and a host to accept a connection."""
_GRACE = 1.0
"""Real seconds that connections have to end when the interceptor stops."""
_HEAD_LIMIT = 64 * 1024
_CHUNK = 64 * 1024
_TRUST = "docs/clients.md says what makes it trust the mock"
_FAILURES = (
    OSError,
    TimeoutError,
    asyncio.IncompleteReadError,
    asyncio.LimitOverrunError,
    ValueError,
)


class Interceptor:
    """Listens on two free ports of this machine, as a context manager.

    `proxy_port` speaks CONNECT, for clients that use a proxy; `tls_port` is the API's host itself,
    for clients that are redirected in another way. What is for one of *hosts* is decrypted with
    *context* and passed to *mock*, a host and port; the rest is rejected unless *allow_others*.
    *rejected* is called with the reason why a connection did not get to the mock, in a thread.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        context: ssl.SSLContext,
        mock: tuple[str, int],
        *,
        allow_others: bool,
        rejected: Callable[[str], object] = lambda _why: None,
    ) -> None:
        self.hosts = tuple(hosts)
        self.allow_others = allow_others
        self.proxy_port = self.tls_port = 0
        self._context = context
        self._mock = mock
        self._rejected = rejected
        self._writers: WeakSet[asyncio.StreamWriter] = WeakSet()
        self._thread = LoopThread(self._serve, "tls")

    def __enter__(self) -> Self:
        """Listen. Raises OSError."""
        self._thread.start(_PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.call(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        asyncio.get_running_loop().set_exception_handler(one_line_errors(lambda _: None))
        proxy = await asyncio.start_server(_quiet(self._tunnel), _HOST, 0, limit=_HEAD_LIMIT)
        direct = await asyncio.start_server(_quiet(self._to_mock), _HOST, 0, ssl=self._context)
        self.proxy_port = proxy.sockets[0].getsockname()[1]
        self.tls_port = direct.sockets[0].getsockname()[1]
        self._thread.started()
        await self._stop.wait()
        await stop_accepting(proxy)
        await stop_accepting(direct)
        for writer in tuple(self._writers):  # a client that does not read must not delay the end
            writer.transport.abort()
        await cancel_other_tasks(_GRACE)

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Connect a client to the host that it names, or tell it why not."""
        self._writers.add(writer)
        try:
            head = await asyncio.wait_for(_read_head(reader), _PATIENCE)
            host, port, error = self._target(head)
            if error:
                self._rejected(error)
                await _reject(writer, error)
            elif host in self.hosts:
                await _accept(writer)
                await self._start_tls(host, writer)
                await self._to_mock(reader, writer)
            else:
                await self._pass_on(reader, writer, host, port)
        except _FAILURES:
            pass
        finally:
            await _close(writer)

    def _target(self, head: bytes) -> tuple[str, int, str]:
        """Return the host and port that a CONNECT names, and why it is rejected, if it is."""
        method, _, rest = head.decode("latin-1").splitlines()[0].partition(" ")
        target = rest.partition(" ")[0]
        host, colon, digits = target.rpartition(":")
        host = host.strip("[]").lower().rstrip(".")
        if method != "CONNECT":
            shown = method[:20] if method.isascii() and method.isalpha() else "this request"
            return "", 0, f"{shown} is not CONNECT; this proxy is for HTTPS only"
        if not colon or not digits.isascii() or not digits.isdigit() or len(digits) > 5:
            return (
                "",
                0,
                f"{target[:100]!r} is not a host and port; use, for example, example.com:443",
            )
        if host in self.hosts and digits != "443":
            return host, 0, f"{host} is not at port {digits}; use 443"
        if host not in self.hosts and not self.allow_others:
            shown = target.rpartition(":")[0]
            return host, 0, f"{shown} is not the API; --allow-others lets it pass"
        return host, int(digits), ""

    async def _start_tls(self, host: str, writer: asyncio.StreamWriter) -> None:
        try:
            await writer.start_tls(self._context)
        except (OSError, ValueError):
            self._rejected(f"{host}: the client ended the TLS handshake; {_TRUST}")
            raise

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
            through = await tunnel(host, port, tls=True)
            opening = (
                asyncio.open_connection(sock=through)
                if through
                else asyncio.open_connection(host, port)
            )
            server = await asyncio.wait_for(opening, _PATIENCE)
        except (OSError, OverflowError, UnicodeError) as error:
            await _reject(writer, why_not_connected(error, place(host, port)))
            return
        await _accept(writer)
        await self._join(reader, writer, *server)

    async def _join(
        self,
        from_client: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        from_server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
    ) -> None:
        """Copy bytes in both directions until both have ended."""
        self._writers.add(to_server)
        copies = [
            asyncio.ensure_future(_copy(from_client, to_server)),
            asyncio.ensure_future(_copy(from_server, to_client)),
        ]
        try:
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait(copies, timeout=_PATIENCE)
        finally:
            for copy in copies:
                copy.cancel()
            await _close(to_server)


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


def _quiet(serve: Serve) -> Serve:
    """Let connections be cancelled in silence: the streams of Python 3.11 would log each."""

    async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):
            await serve(reader, writer)

    return quietly


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    """Read the head of a request. Raises ValueError, as soon as what comes cannot be one."""
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


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    """Copy *source* to *sink*, and then end that as *source* ended."""
    try:
        while chunk := await source.read(_CHUNK):
            sink.write(chunk)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()
        else:
            sink.close()
    except ConnectionResetError:
        reset(sink.transport)
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
