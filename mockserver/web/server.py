"""The HTTP server: granian, in this process, in a thread of its own.

The API is answered on the event loop, past Flask's routing: that is several times faster, and
a request that is made to wait blocks nobody. Whatever takes longer (result files, the control
plane) is answered in a few threads; more of them only fight the loop for the interpreter.
"""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote

from mockserver.engine.exchange import Mischief, Request, Response
from mockserver.engine.service import CONTROL_PREFIX, Service
from mockserver.web.tls import LOCAL, Authority, api_hosts
from mockserver.web.whole import WholeMock

if TYPE_CHECKING:
    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

_NAMEABLE = re.compile(
    r"(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})*|[0-9a-fA-F]*:[0-9a-fA-F:.]*"
)
"""Names and addresses that a certificate can hold."""
_DEADLINE = 10.0
"""Real seconds that a server may take to start."""
_GRACE = 1.0
"""Real seconds that requests in flight have when the server stops."""


class ServerError(Exception):
    """The server cannot listen; the message names the address and the reason."""


class Server:
    """Serves a service over HTTP between `start` and `stop`, or as a context manager."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.host = _address(service.settings.host)
        """The address in use, numeric."""
        self.port = service.settings.port
        """The port in use once started, also if the settings asked for a free one."""
        self._front = _Front(service)
        self.authority: Authority | None = None
        """What signs for this server if the settings ask for TLS, once started."""
        self._thread: Thread | None = None
        self._stop: Any = None
        self._native: set[str] = set()

    @property
    def url(self) -> str:
        """The base URL for a client on this machine."""
        host = reachable(self.host)
        scheme = "https" if self.service.settings.tls else "http"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; when this returns, a request is answered. Raises ServerError."""
        if self.service.settings.tls:
            self.authority = self._certify()
        try:
            self._listen()
        except ServerError:
            if self.authority is not None:
                self.authority.close()
            raise

    def _listen(self) -> None:
        with _take_port(self.host, self.port) as placeholder:
            self.port = placeholder.getsockname()[1]
            self._thread = Thread(target=self._run, name="http", daemon=True)
            others = _native_threads()
            self._thread.start()
            deadline = time.monotonic() + _DEADLINE
            while not self._listens():
                if time.monotonic() > deadline or not self._thread.is_alive():
                    raise ServerError(f"{self.url}: the server did not start")
                time.sleep(0.001)
            self.service.listens_on(self.url)
            self._native = _native_threads() - others

    def _certify(self) -> Authority:
        settings = self.service.settings
        names = {*api_hosts(self.service.contract), *LOCAL}
        if settings.is_public:
            others = {settings.host, socket.gethostname()} - {"0.0.0.0", "::"}  # noqa: S104
            names |= {name for name in others if _NAMEABLE.fullmatch(name)}
        try:
            return Authority(sorted(names), settings.tls_folder)
        except OSError as error:
            said = f"tls-folder: {error.filename}: {error.strerror}"
            raise ServerError(f"{said}; use a folder that can be written") from None

    def stop(self) -> bool:
        """Stop answering and sending webhooks.

        Say whether the server has ended: a client that is still sending its request can keep it
        alive, but not this process.
        """
        self.service.closed.set()
        if self._thread is not None and self._thread.is_alive():
            self._stop()
            deadline = time.monotonic() + _GRACE
            self._thread.join(_GRACE)
            self._await_native_threads(deadline)
        self._front.close()
        self.service.close()
        if self.authority is not None:
            self.authority.close()
        return self._thread is None or not self._thread.is_alive()

    def _await_native_threads(self, deadline: float) -> None:
        """Let granian's own threads end: one that outlives the interpreter panics."""
        while self._native & _native_threads() and time.monotonic() < deadline:
            time.sleep(0.001)

    def _listens(self) -> bool:
        with socket.socket(_family(self.host)) as probe:
            probe.settimeout(1)
            return probe.connect_ex((reachable(self.host), self.port)) == 0

    def _run(self) -> None:
        from granian.constants import HTTPModes, Interfaces
        from granian.server.embed import Server as Granian

        signed = self.authority
        tls = {} if signed is None else {"ssl_cert": signed.certificate, "ssl_key": signed.key}

        async def serve() -> None:
            granian = Granian(
                self._front,
                address=self.host,
                port=self.port,
                interface=Interfaces.RSGI,
                http=HTTPModes.http1,
                websockets=False,
                log_enabled=False,
                backlog=1024,
                backpressure=65536,  # requests made to wait must never keep others out
                **tls,  # type: ignore[arg-type]
            )
            loop = asyncio.get_running_loop()
            self._stop = lambda: loop.call_soon_threadsafe(self._end, granian)
            await granian.serve()

        asyncio.run(serve())

    def _end(self, granian: Any) -> None:
        self._front.stopping.set()
        granian.stop()


class _Front:
    """The RSGI application: turns what the server hands over into requests of the service."""

    def __init__(self, service: Service) -> None:
        self.stopping = asyncio.Event()
        """Set when nobody is to be kept waiting any longer."""
        self._mock = WholeMock(service)
        self._drawing = ThreadPoolExecutor(max_workers=4, thread_name_prefix="drawing")
        self._waiting = ThreadPoolExecutor(max_workers=64, thread_name_prefix="control")
        self._limit = service.settings.max_body
        self._fast = service.contract.service["authentication"]["prefix"]

    async def __rsgi__(self, scope: Scope, proto: HTTPProtocol) -> None:
        headers = _joined(scope.headers.items())
        path = unquote(scope.path, errors="replace")
        body = await self._body(headers, proto)
        request = Request(scope.method, path, headers, body, scope.query_string, scope.scheme)
        loop = asyncio.get_running_loop()
        if path.startswith(self._fast):
            response = self._mock.answer(request)
        else:
            pool = self._waiting if path.startswith(CONTROL_PREFIX) else self._drawing
            response = await loop.run_in_executor(pool, self._mock.answer, request)
        if response.first is not None:
            await loop.run_in_executor(self._waiting, response.first)
        if response.mischief is None:
            proto.response_bytes(response.status, list(response.headers), response.body)
        else:
            await self._misbehave(response, response.mischief, proto)

    async def _misbehave(self, response: Response, mischief: Mischief, proto: HTTPProtocol) -> None:
        """Be late, be silent, or hang up in the middle; only this one connection has to wait."""
        if mischief.latency or mischief.hang:
            await self._pause(None if mischief.hang else mischief.latency, proto)
        if not mischief.cut and not mischief.hang:
            proto.response_bytes(response.status, list(response.headers), response.body)
            return
        length = ("Content-Length", str(max(1, len(response.body))))
        transport = proto.response_stream(response.status, [*response.headers, length])
        await transport.send_bytes(response.body[: len(response.body) // 2])

    async def _pause(self, seconds: float | None, proto: HTTPProtocol) -> None:
        """Wait, but no longer than there is a client and a server."""
        reasons = [
            asyncio.ensure_future(proto.client_disconnect()),
            asyncio.ensure_future(self.stopping.wait()),
        ]
        await asyncio.wait(reasons, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for reason in reasons:
            reason.cancel()

    def close(self) -> None:
        """Let the threads go."""
        for pool in (self._drawing, self._waiting):
            pool.shutdown(wait=False, cancel_futures=True)

    async def _body(self, headers: Mapping[str, str], proto: HTTPProtocol) -> bytes:
        """Read the body, but keep no more of it than shows that it is too large."""
        length = headers.get("content-length")
        if length is None and "transfer-encoding" not in headers:
            return b""
        if length is not None and int(length) <= self._limit:
            return await proto()
        kept = bytearray()
        async for chunk in proto:
            kept += chunk[: self._limit + 1 - len(kept)]
        return bytes(kept)


def _native_threads() -> set[str]:
    """List the threads of this process, also those that Python does not know, where it is told."""
    try:
        return {path.name for path in Path("/proc/self/task").iterdir()}
    except OSError:
        return set()


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """Give the headers by name; those that come several times are one list, as HTTP says."""
    headers = dict(pairs)
    if len(headers) < len(pairs):
        for name in headers:
            headers[name] = ", ".join(value for key, value in pairs if key == name)
    return headers


def reachable(host: str) -> str:
    """Give an address that reaches a server on this machine that listens on *host*."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def _address(host: str) -> str:
    """Look the name of an interface up, for the server takes numbers only. Raises ServerError."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ServerError(f"cannot listen on {host}: {reason}") from None
    found.sort(key=lambda one: one[0] != socket.AF_INET)  # a name can mean both; clients try IPv4
    return str(found[0][4][0])


def _take_port(host: str, port: int) -> socket.socket:
    """Make sure that nobody listens on the port, and keep it until the server has it.

    The server shares the port (SO_REUSEPORT), so it would not notice another one there.
    """
    if port:
        _bind(host, port, share=False).close()
    return _bind(host, port, share=True)


def _bind(host: str, port: int, *, share: bool) -> socket.socket:
    """Bind a socket to the address, alone or next to others. Raises ServerError."""
    bound = socket.socket(_family(host))
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        bound.bind((host, port))
    except (OSError, UnicodeError) as error:
        bound.close()
        reason = getattr(error, "strerror", None) or error
        raise ServerError(f"cannot listen on {host}:{port}: {reason}") from None
    return bound


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
