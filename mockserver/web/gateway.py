"""The complete mock as one function: the API by the service, the control plane by Flask."""

from __future__ import annotations

import logging
from enum import Enum, auto
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import quote

from mockserver.engine.messages import ApiError, Request, Response
from mockserver.engine.service import CONTROL_PREFIX, Service
from mockserver.web.wsgi import call

if TYPE_CHECKING:
    import flask

_log = logging.getLogger(__name__)

_FRAMING = ("transfer-encoding", "content-length", "connection", "upgrade")
"""Headers about the connection and the body's transfer; the body has been received completely."""


class Kind(Enum):
    """What a request is for."""

    API = auto()
    """An operation of the API, which responds at once."""
    OTHER = auto()
    """Anything else that the service responds to, for example a result file, which takes time."""
    CONTROL = auto()
    """The mock's own routes; some of them wait for a long time."""


def kind_of(service: Service, path: str) -> Kind:
    """Return what a request for *path* is for; this is the only place that decides it."""
    if path.startswith(CONTROL_PREFIX):
        return Kind.CONTROL
    return Kind.API if path.startswith(service.prefix) else Kind.OTHER


class Gateway:
    """Responds to any request in this process; never raises."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._app: flask.Flask | None = None
        self._lock = Lock()

    @property
    def app(self) -> flask.Flask:
        """The Flask application; Flask is imported with the first request that needs it."""
        from mockserver.web.app import create_app

        with self._lock:  # otherwise each thread of a server would make one
            if self._app is None:
                self._app = create_app(self.service)
            return self._app

    def respond(self, request: Request) -> Response:
        """Return the response to *request*; the caller delivers it, see `web.response_steps`."""
        try:
            if kind_of(self.service, request.path) is Kind.CONTROL:
                return self._control(request)
            return self.service.respond(request)
        except Exception:
            _log.exception("%s %s", request.method, request.path)
            return ApiError(500).response(self.service.contract)

    def _control(self, request: Request) -> Response:
        headers = {k: v for k, v in request.headers.items() if k not in _FRAMING}
        url = f"{request.scheme}://localhost{quote(request.path)}"  # the header names the host
        status, given, body = call(
            self.app, request.method, f"{url}?{request.query}", headers, request.body
        )
        return Response(status, tuple(given), body)
