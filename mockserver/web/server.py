"""The HTTP server: the service behind a port, in a thread of its own.

The API is answered on the event loop, past Flask's routing: that is several times faster, and
a request that is made to wait blocks nobody. Whatever takes longer (result files, the control
plane) is answered in a few threads; more of them only fight the loop for the interpreter.
"""

from __future__ import annotations

import asyncio
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from mockserver.engine.messages import ApiError, Fault, Request, Response
from mockserver.engine.service import CONTROL_PREFIX, Service
from mockserver.interception.certificates import Authority, api_hosts
from mockserver.network.listening import address_of, base_of, listen_on
from mockserver.network.loopback import LOOPBACK_HOSTS
from mockserver.web.gateway import Gateway
from mockserver.web.incoming import BadRequest, take
from mockserver.web.listener import Listener

if TYPE_CHECKING:
    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

_NAMEABLE = re.compile(
    r"(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})*|[0-9a-fA-F]*:[0-9a-fA-F:.]*"
)
"""Names and addresses that a certificate can hold."""


class ServerError(Exception):
    """The server cannot listen; the message names the address and the reason."""


class Server:
    """Serves a service over HTTP between `start` and `stop`, or as a context manager.

    *bundled* is whether its authority, if it has one, is to be trusted by other processes.
    """

    def __init__(self, service: Service, *, bundled: bool = True) -> None:
        self.service = service
        self._bundled = bundled
        self.host = _address(service.settings.host)
        """The address in use, numeric."""
        self.port = service.settings.port
        """The port in use once started, also if the settings asked for a free one."""
        self.authority: Authority | None = None
        """What signs for this server if the settings ask for TLS, once started."""
        self._front = _Front(service)

    @property
    def url(self) -> str:
        """The base URL for a client on this machine."""
        return base_of("https" if self.service.settings.tls else "http", self.host, self.port)

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
        try:
            bound = listen_on(self.host, self.port)
        except OSError as error:
            raise _cannot_listen(f"{self.host}:{self.port}", error) from None
        self.port = bound.getsockname()[1]
        signed = self.authority
        tls = {} if signed is None else {"ssl_cert": signed.certificate, "ssl_key": signed.key}
        try:
            self._front.listener.start(bound, tls)
        except OSError as error:
            raise ServerError(f"{self.url}: {error}") from None
        self.service.listens_on(self.url)

    def _certify(self) -> Authority:
        settings = self.service.settings
        names = {*api_hosts(self.service.contract), *LOOPBACK_HOSTS}
        if settings.is_public:
            others = {settings.host, socket.gethostname()} - {"0.0.0.0", "::"}  # noqa: S104
            names |= {name for name in others if _NAMEABLE.fullmatch(name)}
        try:
            return Authority(sorted(names), settings.tls_folder, bundled=self._bundled)
        except OSError as error:
            said = f"tls-folder: {error.filename}: {error.strerror}"
            raise ServerError(f"{said}; use a folder that can be written") from None

    def stop(self) -> bool:
        """Stop answering and sending webhooks.

        Say whether the server has ended: a client that is still sending its request can keep it
        alive, but not this process.
        """
        self.service.closed.set()
        ended = self._front.listener.stop()
        self._front.close()
        self.service.close()
        if self.authority is not None:
            self.authority.close()
        return ended


class _Front:
    """The RSGI application: turns what the server hands over into requests of the service."""

    def __init__(self, service: Service) -> None:
        self.listener = Listener(self._answer)
        self._mock = Gateway(service)
        self._drawing = ThreadPoolExecutor(max_workers=4, thread_name_prefix="drawing")
        self._waiting = ThreadPoolExecutor(max_workers=64, thread_name_prefix="control")
        self._limit = service.settings.max_body
        self._fast = service.contract.service["authentication"]["prefix"]

    async def _answer(self, scope: Scope, proto: HTTPProtocol) -> None:
        try:
            response = await self._response(scope, proto)
        except BadRequest as error:
            response = ApiError(error.status, str(error)).response(self._mock.service.contract)
        if response.fault is None:
            proto.response_bytes(response.status, list(response.headers), response.body)
        else:
            await self._misbehave(response, response.fault, proto)

    async def _response(self, scope: Scope, proto: HTTPProtocol) -> Response:
        came = await take(scope, proto, self._limit)
        path = came.path
        if path == "*" and came.method == "OPTIONS":
            return Response(204, (("Allow", "GET, HEAD, POST, OPTIONS"),), b"")
        request = Request(came.method, path, came.headers, came.body, came.query, scope.scheme)
        loop = asyncio.get_running_loop()
        if path.startswith(self._fast):
            response = self._mock.answer(request)
        else:
            pool = self._waiting if path.startswith(CONTROL_PREFIX) else self._drawing
            response = await loop.run_in_executor(pool, self._mock.answer, request)
        if response.first is not None:
            await loop.run_in_executor(self._waiting, response.first)
        return response

    async def _misbehave(self, response: Response, fault: Fault, proto: HTTPProtocol) -> None:
        """Be late, be silent, or hang up in the middle; only this one connection has to wait."""
        if fault.latency or fault.hang:
            await self._pause(None if fault.hang else fault.latency, proto)
        if not fault.cut and not fault.hang:
            proto.response_bytes(response.status, list(response.headers), response.body)
            return
        length = ("Content-Length", str(max(1, len(response.body))))
        transport = proto.response_stream(response.status, [*response.headers, length])
        await transport.send_bytes(response.body[: len(response.body) // 2])

    async def _pause(self, seconds: float | None, proto: HTTPProtocol) -> None:
        """Wait, but no longer than there is a client and a server."""
        reasons = [
            asyncio.ensure_future(proto.client_disconnect()),
            asyncio.ensure_future(self.listener.stopping.wait()),
        ]
        await asyncio.wait(reasons, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for reason in reasons:
            reason.cancel()

    def close(self) -> None:
        """Let the threads go."""
        for pool in (self._drawing, self._waiting):
            pool.shutdown(wait=False, cancel_futures=True)


def _address(host: str) -> str:
    """Look the name of an interface up. Raises ServerError."""
    try:
        return address_of(host)
    except OSError as error:
        raise _cannot_listen(host, error) from None


def _cannot_listen(where: str, error: OSError) -> ServerError:
    return ServerError(f"cannot listen on {where}: {error.strerror or error}")
