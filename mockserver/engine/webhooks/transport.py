"""Sends one webhook by HTTP, and reports the result."""

from __future__ import annotations

import socket
import ssl
from functools import cached_property, lru_cache
from pathlib import Path

from mockserver.engine.clock import real_seconds
from mockserver.engine.webhooks.attempt import AttemptResult, Failure, WebhookRequest
from mockserver.engine.webhooks.connection import Connection, HungUp, when_possible
from mockserver.engine.webhooks.connection_pool import ConnectionPool, connect
from mockserver.engine.webhooks.response import NotHttpError
from mockserver.engine.webhooks.waiting import Deadline, perform_here
from mockserver.network.outbound import why_not_connected
from mockserver.network.receiver import Reach, Receiver, read_receiver
from mockserver.settings import Settings
from mockserver.version import __version__

USER_AGENT = f"maxapi-mockserver/{__version__}"
"""What the mock's webhooks are known by."""
_read_receiver = lru_cache(256)(read_receiver)
"""Apps send most of their webhooks to one URL."""


class HttpTransport:
    """Sends webhooks over kept-alive connections; follows no redirects.

    It connects only to hosts that *reach* allows, by default this machine. *authorities* is a PEM
    file of authorities to trust besides the system's; without *verify*, every https receiver is
    trusted.
    """

    def __init__(
        self,
        connections: int,
        reach: Reach | None = None,
        *,
        authorities: Path | None = None,
        verify: bool = True,
    ) -> None:
        self._connections = ConnectionPool(connections)
        self._reach = reach or Reach()
        self._authorities = authorities
        self._verify = verify

    def __call__(self, webhook: WebhookRequest) -> AttemptResult:
        """Send *webhook* in this thread; any 2xx within its timeout counts as delivered."""
        return perform_here(self.send(webhook))

    async def send(self, webhook: WebhookRequest) -> AttemptResult:
        """Send *webhook*, awaiting only what `waiting` offers."""
        try:
            receiver = _read_receiver(webhook.url)
        except ValueError as error:
            return AttemptResult(None, f"not sent: {error}", 0.0, Failure.BAD_URL)
        forbidden = self._reach.why_not(receiver)
        if forbidden is not None:
            return AttemptResult(None, f"not sent: {forbidden}", 0.0, Failure.NOT_SENT)
        started = real_seconds()
        try:
            status = await self._post(receiver, webhook)
        except Exception as error:  # a receiver can fail in any way
            kind, why = _explain(error, receiver, webhook.timeout)
            return AttemptResult(None, why, real_seconds() - started, kind)
        return AttemptResult.of_status(status, real_seconds() - started)

    async def _post(self, receiver: Receiver, webhook: WebhookRequest) -> int:
        """Send; if a kept connection turns out to be closed, send again on a new one."""
        deadline = Deadline(webhook.timeout)
        request = _request(receiver, webhook)
        kept = self._connections.take(receiver)
        if kept is not None:
            try:
                return await self._exchange(kept, receiver, request, webhook.method, deadline)
            except HungUp:
                pass
        connection = await self._connect(receiver, deadline)
        return await self._exchange(connection, receiver, request, webhook.method, deadline)

    async def _exchange(
        self,
        connection: Connection,
        receiver: Receiver,
        request: bytes,
        method: str,
        deadline: Deadline,
    ) -> int:
        again = False
        try:
            status, again = await connection.exchange(request, method, deadline)
        finally:
            if not again:
                connection.close()
        if again:
            self._connections.keep(receiver, connection)
        return status

    async def _connect(self, receiver: Receiver, deadline: Deadline) -> Connection:
        try:
            sock = await connect(receiver, deadline)
        except Exception as error:  # a test can forbid sockets, with its own errors
            raise _NoConnection from error
        if receiver.scheme == "http":
            return Connection(sock)
        try:
            return Connection(await self._with_tls(sock, receiver, deadline))
        except TimeoutError:
            raise
        except OSError as error:
            raise _NoTls from error

    async def _with_tls(
        self, sock: socket.socket, receiver: Receiver, deadline: Deadline
    ) -> socket.socket:
        host = receiver.host.partition("%")[0]
        try:
            sock = self._trust.wrap_socket(
                sock, server_hostname=host, do_handshake_on_connect=False
            )
            await when_possible(sock, sock.do_handshake, deadline)
        except BaseException:
            sock.close()
            raise
        return sock

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._authorities is not None:
            context.load_verify_locations(self._authorities)
            # Homemade certificates are often self-signed and lack what Python 3.13 asks for.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if not self._verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()


def transport_of(settings: Settings) -> HttpTransport:
    """Make the transport for webhooks to this machine, and to other hosts that *settings* name.

    A public mock sends none to this machine either: strangers could abuse that.
    """
    return HttpTransport(
        settings.webhook_concurrency,
        Reach(settings.callback_allow or (), own=not settings.is_public),
        authorities=settings.webhook_ca,
        verify=settings.webhook_verify,
    )


class _NoConnection(OSError):
    """The receiver could not be reached; the cause says why."""


class _NoTls(OSError):
    """The receiver was reached, but not with TLS; the cause says why."""


def _request(receiver: Receiver, webhook: WebhookRequest) -> bytes:
    """Return a request as one block of bytes: simple receivers read only once."""
    proof = "".join(f"{name}: {value}\r\n" for name, value in webhook.proof)
    replaced = frozenset(name.lower() for name, _ in webhook.proof)
    head = _head(receiver, webhook.method, webhook.content_type, replaced)
    length = "" if "content-length" in replaced else f"Content-Length: {len(webhook.body)}\r\n"
    return f"{head}{length}{proof}\r\n".encode("latin-1", "replace") + webhook.body


@lru_cache(256)
def _head(receiver: Receiver, method: str, content_type: str, replaced: frozenset[str]) -> str:
    """Return the request line and the headers that are the same for many webhooks."""
    import base64

    headers = {
        "Host": receiver.authority,
        "User-Agent": USER_AGENT,
        "Accept-Encoding": "identity",
        "Content-Type": content_type,
    }
    if receiver.userinfo is not None:
        userinfo = receiver.userinfo if ":" in receiver.userinfo else f"{receiver.userinfo}:"
        headers["Authorization"] = f"Basic {base64.b64encode(userinfo.encode()).decode()}"
    lines = [
        f"{name}: {value}\r\n"
        for name, value in headers.items()
        if value and name.lower() not in replaced
    ]
    return f"{method} {receiver.target} HTTP/1.1\r\n{''.join(lines)}"


def _explain(error: Exception, receiver: Receiver, timeout: float) -> tuple[Failure, str]:
    """Return the kind of a failure, and one line that says why there was no response."""
    if isinstance(error, _NoConnection):
        return _explain_connect(error.__cause__ or error, receiver, timeout)
    if isinstance(error, _NoTls | ssl.SSLError):
        return Failure.TLS, f"TLS failed: {_tls_reason(error.__cause__ or error)}"
    if isinstance(error, TimeoutError):
        return Failure.TIMEOUT, f"no response within {timeout:g} s"
    if isinstance(error, HungUp):
        return Failure.CONNECTION_LOST, "the receiver hung up without a response"
    if isinstance(error, OSError):
        return Failure.CONNECTION_LOST, "the receiver hung up in the middle of its response"
    kind = "" if isinstance(error, NotHttpError) else f"{type(error).__name__}: "
    return Failure.NOT_HTTP, f"what the receiver sent is not HTTP: {kind}{f'{error}'!r:.200}"


def _explain_connect(
    cause: BaseException, receiver: Receiver, timeout: float
) -> tuple[Failure, str]:
    kind = Failure.UNREACHABLE
    if isinstance(cause, TimeoutError):
        kind = Failure.TIMEOUT
    elif isinstance(cause, socket.gaierror):
        kind = Failure.NAME_NOT_FOUND
    elif isinstance(cause, ConnectionRefusedError):
        kind = Failure.CONNECTION_REFUSED
    return kind, why_not_connected(cause, receiver.place, timeout)


def _tls_reason(cause: BaseException) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"{cause.verify_message}; --webhook-ca names a file of additional authorities"
    reason = getattr(cause, "reason", None) or getattr(cause, "strerror", None)
    return str(reason or "the receiver hung up").replace("_", " ").lower()
