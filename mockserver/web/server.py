"""The HTTP server: the service behind a port, in a thread of its own.

The API responds on the event loop, without Flask's routing: that is several times faster, and a
response that is made to wait blocks no other. Whatever takes longer (result files, the control
plane) runs in a few threads; more of them would only compete with the loop for the interpreter.
"""

from __future__ import annotations

import asyncio
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from mockserver.engine.messages import ApiError, Request, Response
from mockserver.engine.service import Service
from mockserver.errors import MaxapiMockError
from mockserver.interception.certificates import Authority, api_hosts
from mockserver.network.listening import address_of, base_of, listen_on
from mockserver.network.loopback import LOOPBACK_HOSTS
from mockserver.web.gateway import Gateway, Kind, kind_of
from mockserver.web.incoming import BadRequest, take
from mockserver.web.listener import Listener
from mockserver.web.response_steps import Hang, Pause, Run, Send, steps_of

if TYPE_CHECKING:
    from granian._granian import RSGIHTTPProtocol as HTTPProtocol
    from granian.rsgi import Scope

_NAMEABLE = re.compile(
    r"(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})*|[0-9a-fA-F]*:[0-9a-fA-F:.]*"
)
"""Names and addresses that a certificate can contain."""


class ServerError(MaxapiMockError):
    """The server cannot listen; the message names the address and the reason."""


class Server:
    """Serves a service over HTTP between `start` and `stop`, or as a context manager.

    *bundled* says whether other processes are to trust its certificate authority, if it has one.
    """

    def __init__(self, service: Service, *, bundled: bool = True) -> None:
        self.service = service
        self._bundled = bundled
        self.host = _address(service.settings.host)
        """The numeric address in use."""
        self.port = service.settings.port
        """The port in use; if the settings ask for a free one, it is known once started."""
        self.authority: Authority | None = None
        """The authority of this server's certificate, once started, if the settings ask for TLS."""
        self._front_end = _FrontEnd(service)

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
        """Start to listen; when this returns, requests get responses. Raises ServerError."""
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
        own = self.authority
        tls = {} if own is None else {"ssl_cert": own.certificate, "ssl_key": own.key}
        try:
            self._front_end.listener.start(bound, tls)
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
            problem = f"tls-folder: {error.filename}: {error.strerror}"
            raise ServerError(f"{problem}; use a writable folder") from None

    def stop(self) -> bool:
        """Stop responding and sending webhooks.

        Return whether the server has ended: a client that is still sending its request can keep
        it alive, but not this process.
        """
        self.service.closed.set()
        ended = self._front_end.listener.stop()
        self._front_end.close()
        self.service.close()
        if self.authority is not None:
            self.authority.close()
        return ended


class _FrontEnd:
    """The RSGI application: passes requests to the gateway, and delivers its responses."""

    def __init__(self, service: Service) -> None:
        self.listener = Listener(self._handle)
        self._gateway = Gateway(service)
        self._service = service
        self._files = ThreadPoolExecutor(max_workers=4, thread_name_prefix="files")
        self._waiting = ThreadPoolExecutor(max_workers=64, thread_name_prefix="control")

    async def _handle(self, scope: Scope, proto: HTTPProtocol) -> None:
        try:
            response = await self._response(scope, proto)
        except BadRequest as error:
            response = ApiError(error.status, str(error)).response(self._service.contract)
        await self._deliver(response, proto)

    async def _response(self, scope: Scope, proto: HTTPProtocol) -> Response:
        incoming = await take(scope, proto, self._service.settings.max_body)
        if incoming.path == "*" and incoming.method == "OPTIONS":
            return Response(204, (("Allow", "GET, HEAD, POST, OPTIONS"),), b"")
        request = Request(
            incoming.method,
            incoming.path,
            incoming.headers,
            incoming.body,
            incoming.query,
            scope.scheme,
        )
        kind = kind_of(self._service, incoming.path)
        if kind is Kind.API:
            return self._gateway.respond(request)
        pool = self._waiting if kind is Kind.CONTROL else self._files
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(pool, self._gateway.respond, request)

    async def _deliver(self, response: Response, proto: HTTPProtocol) -> None:
        """Perform the steps of a delivery; only this one connection has to wait."""
        for step in steps_of(response):
            match step:
                case Run(function):
                    await asyncio.get_running_loop().run_in_executor(self._waiting, function)
                case Pause(seconds):
                    await self._pause(seconds, proto)
                case Hang():
                    await self._pause(None, proto)
                case Send(complete=True):
                    proto.response_bytes(response.status, list(response.headers), response.body)
                case Send():
                    await _send_half(response, proto)

    async def _pause(self, seconds: float | None, proto: HTTPProtocol) -> None:
        """Wait, but no longer than the client stays and the server runs."""
        reasons = [
            asyncio.ensure_future(proto.client_disconnect()),
            asyncio.ensure_future(self.listener.stopping.wait()),
        ]
        await asyncio.wait(reasons, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for reason in reasons:
            reason.cancel()

    def close(self) -> None:
        """Stop the threads."""
        for pool in (self._files, self._waiting):
            pool.shutdown(wait=False, cancel_futures=True)


async def _send_half(response: Response, proto: HTTPProtocol) -> None:
    """Promise the whole body, send half of it, and close the connection."""
    length = ("Content-Length", str(max(1, len(response.body))))
    transport = proto.response_stream(response.status, [*response.headers, length])
    await transport.send_bytes(response.body[: len(response.body) // 2])


def _address(host: str) -> str:
    """Look up the name of an interface. Raises ServerError."""
    try:
        return address_of(host)
    except OSError as error:
        raise _cannot_listen(host, error) from None


def _cannot_listen(where: str, error: OSError) -> ServerError:
    return ServerError(f"cannot listen on {where}: {error.strerror or error}")
