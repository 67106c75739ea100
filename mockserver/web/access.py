"""Access to the control plane: for programs on this machine, or for clients with the token."""

from __future__ import annotations

import hmac
import secrets
from collections import deque
from urllib.parse import urlsplit

from mockserver.engine.inboxes import is_webhook
from mockserver.engine.messages import ApiError, Request
from mockserver.network.loopback import LOOPBACK_HOSTS, is_localhost
from mockserver.network.origin import name_in
from mockserver.settings import Settings

TOKEN_HEADER = "X-Mock-Control-Token"  # noqa: S105 - its name
_OPEN = ("/__mock/health", "/__mock/version")


class Session:
    """What browsers are known by once they have given the control token: a signed cookie for each.

    Where state is kept, the signature follows from the control token: a load balancer may pass the
    next request to any replica.
    """

    def __init__(self, settings: Settings) -> None:
        shared = settings.control_token if settings.state is not None else None
        self._secret = (shared or secrets.token_urlsafe(32)).encode()
        self._left: deque[str] = deque(maxlen=1000)
        """The cookies of browsers that have left; each replica knows those that it was told."""

    def opened(self, request: Request) -> str:
        """Return the header `Set-Cookie` that lets the browser of *request* in from now on."""
        name = secrets.token_urlsafe(16)
        return self._cookie(request, f"{name}.{self._signature(name)}")

    def closed(self, request: Request) -> str:
        """Forget the cookie of *request*; return the header `Set-Cookie` that deletes it."""
        self._left.extend(self._known(request))
        return f"{self._cookie(request, '')}; Max-Age=0"

    def is_known(self, request: Request) -> bool:
        """Return whether *request* has the cookie of a browser that was let in and has not left."""
        return any(one not in self._left for one in self._known(request))

    def _known(self, request: Request) -> list[str]:
        """Return the cookies of *request* that this session has signed."""
        pairs = (pair.strip() for pair in request.headers.get("cookie", "").split(";"))
        start = f"{_cookie_name(request)}="
        given = [pair.removeprefix(start) for pair in pairs if pair.startswith(start)]
        return [one for one in given if self._is_signed(*one.partition(".")[::2])]

    def _is_signed(self, name: str, signature: str) -> bool:
        return hmac.compare_digest(signature.encode(), self._signature(name).encode())

    def _signature(self, name: str) -> str:
        return hmac.new(self._secret, f"session {name}".encode(), "sha256").hexdigest()

    @staticmethod
    def _cookie(request: Request, value: str) -> str:
        secure = "; Secure" if request.scheme == "https" else ""
        return f"{_cookie_name(request)}={value}; Path=/__mock; HttpOnly; SameSite=Strict{secure}"


def _cookie_name(request: Request) -> str:
    """Return a name for each port: browsers send a cookie to all ports of a host."""
    port = request.headers.get("host", "").rpartition(":")[2]
    return f"maxapi-mock-{port}" if port.isdecimal() else "maxapi-mock"


def check_access(request: Request, settings: Settings, session: Session) -> None:
    """Accept a control request, or raise ApiError 403 that says what is missing.

    A web page of another origin is rejected by its `Origin` or, if it has made its own host name
    resolve to this machine, by its `Host`.
    """
    _check_origin(request)
    if request.path in _OPEN or is_webhook(request):
        return
    if settings.control_token is not None:
        if not (has_token(request, settings.control_token) or session.is_known(request)):
            raise ApiError(403, _no_access(request))
        return
    if settings.is_public:
        raise ApiError(
            403, f"the mock listens on {settings.host}; start it with --control-token to control it"
        )
    _check_host(request, settings)


def _no_access(request: Request) -> str:
    if TOKEN_HEADER.lower() in request.headers:
        return f"{TOKEN_HEADER}: not the control token of this mock"
    return f"the control plane needs its token; send {TOKEN_HEADER}"


def has_token(request: Request, token: str) -> bool:
    """Return whether *request* has the control token in its header."""
    given = request.headers.get(TOKEN_HEADER.lower(), "")
    return hmac.compare_digest(given.encode(), token.encode())


def _check_origin(request: Request) -> None:
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        raise ApiError(403, f"origin {origin[:100]!r} may not control the mock")


def _check_host(request: Request, settings: Settings) -> None:
    own = {*LOOPBACK_HOSTS, settings.host, urlsplit(settings.public_url or "").hostname}
    try:
        host = name_in(request.headers.get("host", "localhost"))
    except ValueError as error:
        raise ApiError(400, str(error)) from None
    if host not in own and not is_localhost(host):
        raise ApiError(403, f"host {host[:100]!r} is not this machine; use http://127.0.0.1")
