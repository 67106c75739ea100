"""The complete mock as one function: the API by the service, the control plane, the console."""

from __future__ import annotations

import logging
from enum import Enum, auto

from mockserver.contract import Contract
from mockserver.engine.keeping import Unavailable
from mockserver.engine.messages import ApiError, Request, Response, warn
from mockserver.engine.service import CONTROL_PREFIX, Service
from mockserver.web.access import Session
from mockserver.web.console.pages import Console, is_for_console
from mockserver.web.control import ControlPlane
from mockserver.web.incoming import BadRequest

_log = logging.getLogger(__name__)


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


def unavailable(contract: Contract, request: Request, problem: str) -> Response:
    """Return the response while state cannot be kept; the control plane says why in its body."""
    why, headers = f"state cannot be kept: {problem}", {"Retry-After": "1"}
    if request.path.startswith(CONTROL_PREFIX):
        return ApiError(503, why, headers=headers).response(contract)
    return ApiError(503, headers={**headers, **warn([why])}).response(contract)


class Gateway:
    """Responds to any request in this process; never raises."""

    def __init__(self, service: Service) -> None:
        self.service = service
        session = Session(service.settings)
        self._control = ControlPlane(service, session)
        self._console = Console(service.settings, session)

    def respond(self, request: Request) -> Response:
        """Return the response to *request*; the caller delivers it, see `web.response_steps`."""
        if request.path == "*" and request.method == "OPTIONS":
            return Response(204, (("Allow", "GET, HEAD, POST, OPTIONS"),), b"")
        try:
            kind = kind_of(self.service, request.path)
            if kind is not Kind.API and is_for_console(request):
                return self._console.respond(request)
            if kind is Kind.CONTROL:
                return self._control.respond(request)
            return self.service.respond(request)
        except Unavailable as problem:
            return unavailable(self.service.contract, request, str(problem))
        except Exception:
            _log.exception("%s %s", request.method, request.path)
            return ApiError(500).response(self.service.contract)

    def reject(self, error: BadRequest) -> Response:
        """Return the response to a request that cannot be read."""
        return ApiError(error.status, str(error)).response(self.service.contract)
