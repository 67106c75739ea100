"""The whole mock as one function: the API by its service, the control plane by Flask."""

from __future__ import annotations

import logging
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
"""Headers about the connection, and how a body was sent, which is at hand as a whole."""


class Gateway:
    """Answers any request in this process; never raises."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._app: flask.Flask | None = None
        self._lock = Lock()

    @property
    def app(self) -> flask.Flask:
        """The Flask application; Flask is imported with the first request that needs it."""
        from mockserver.web.app import create_app

        with self._lock:  # else each thread of a server would make one
            if self._app is None:
                self._app = create_app(self.service)
            return self._app

    def answer(self, request: Request) -> Response:
        """Answer *request*; what is to go wrong with the connection is left to the caller."""
        try:
            if request.path.startswith(CONTROL_PREFIX):
                return self._control(request)
            return self.service.answer(request)
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
