"""The HTTP server: the service behind a port, in a thread of its own.

The API responds on the event loop, without Flask's routing: that is several times faster, and a
response that is made to wait blocks no other. Whatever takes longer (result files, the control
plane) runs in a few threads; more of them would only compete with the loop for the interpreter.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self

from mockserver.engine.events import MOST_LISTENERS
from mockserver.engine.inboxes import is_webhook
from mockserver.engine.keeping import State
from mockserver.engine.messages import Request, Response
from mockserver.engine.service import Service
from mockserver.errors import MaxapiMockError
from mockserver.interception.certificates import Authority, api_hosts
from mockserver.network.listening import address_of, base_of, listen_on
from mockserver.network.loopback import LOOPBACK_HOSTS
from mockserver.web.gateway import Gateway, Kind, kind_of
from mockserver.web.incoming import BadRequest
from mockserver.web.kept import KeptFrontEnd
from mockserver.web.listener import Listener

if TYPE_CHECKING:
    import ssl

_CONTROL_THREADS = MOST_LISTENERS + 64
"""Each that waits for events takes one, and must not keep out who makes something happen."""
_NAMEABLE = re.compile(
    r"(?!-)[A-Za-z0-9-]{1,63}(\.(?!-)[A-Za-z0-9-]{1,63})*|[0-9a-fA-F]*:[0-9a-fA-F:.]*"
)
"""Names and addresses that a certificate can contain."""


class ServerError(MaxapiMockError):
    """The server cannot listen; the message names the address and the reason."""


class Server:
    """Serves a service over HTTP between `start` and `stop`, or as a context manager.

    *context* is for TLS, in place of that with certificates of its own; *state* is what keeps the
    sandboxes of the service, if anything does.
    """

    def __init__(
        self,
        service: Service,
        context: ssl.SSLContext | None = None,
        state: State | None = None,
    ) -> None:
        self.service = service
        self._context = context
        self.host = _address(service.settings.host)
        """The numeric address in use."""
        self.port = service.settings.port
        """The port in use; if the settings ask for a free one, it is known once started."""
        self.authority: Authority | None = None
        """The authority of its own certificates, once started, if there are any."""
        self._front_end = _FrontEnd(service)
        self._kept: KeptFrontEnd | None = None
        if state is not None:
            self._kept = KeptFrontEnd(self._front_end, service, state)
        self._listener = Listener(self._kept or self._front_end)

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
        if self.service.settings.tls and self._context is None:
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
        context = self._context if self.authority is None else self.authority.context()
        try:
            self._listener.start(bound, context)
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
            return Authority(sorted(names), settings.tls_folder)
        except OSError as error:
            problem = f"tls-folder: {error.filename}: {error.strerror}"
            raise ServerError(f"{problem}; use a writable folder") from None

    def serve_replicas(self, bound: socket.socket) -> None:
        """Serve other replicas on a listening socket, once started, and if state is kept."""
        if self._kept is not None:
            self._listener.also(self._kept.relay_server.serve(bound))

    def keep(self, response: Response) -> str:
        """Keep a response for the one client that learns its path, which is returned."""
        path = f"/{secrets.token_urlsafe()}"
        self._front_end.kept[path] = response
        return path

    def stop(self) -> None:
        """Stop responding and sending webhooks; requests in progress have a second to end."""
        self.service.closed.set()
        self._listener.stop()
        self._front_end.close()
        self.service.close()
        if self.authority is not None:
            self.authority.close()


class _FrontEnd:
    """Passes requests to the gateway: those of the API at once, what may take long in threads."""

    def __init__(self, service: Service) -> None:
        self.limit = service.settings.max_body
        self.executor = ThreadPoolExecutor(_CONTROL_THREADS, thread_name_prefix="control")
        self.kept: dict[str, Response] = {}
        """Responses that were made without a connection and need one, by path."""
        self._gateway = Gateway(service)
        self._service = service
        self._files = ThreadPoolExecutor(max_workers=4, thread_name_prefix="files")

    def respond(self, request: Request) -> Response | Awaitable[Response]:
        """Return the response to a request, or what is awaited for it."""
        if self.kept and request.path in self.kept:
            return self.kept.pop(request.path)
        kind = kind_of(self._service, request.path)
        if kind is Kind.API or is_webhook(request):  # an advance of a clock waits for inboxes
            return self._gateway.respond(request)
        pool = self.executor if kind is Kind.CONTROL else self._files
        loop = asyncio.get_running_loop()
        responding = loop.run_in_executor(pool, self._gateway.respond, request)
        return asyncio.shield(responding)  # it takes effect even if its client has left

    def reject(self, error: BadRequest) -> Response:
        """Return the response to a request that cannot be read."""
        return self._gateway.reject(error)

    def close(self) -> None:
        """Stop the threads."""
        for pool in (self._files, self.executor):
            pool.shutdown(wait=False, cancel_futures=True)


def _address(host: str) -> str:
    """Look up the name of an interface. Raises ServerError."""
    try:
        return address_of(host)
    except OSError as error:
        raise _cannot_listen(host, error) from None


def _cannot_listen(where: str, error: OSError) -> ServerError:
    return ServerError(f"cannot listen on {where}: {error.strerror or error}")
