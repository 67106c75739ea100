"""The Flask application: the control plane, and for everything else the service's responses."""

from __future__ import annotations

import math

import flask
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from mockserver.engine.messages import ApiError, Request, Response
from mockserver.engine.service import CONTROL_PREFIX, Service
from mockserver.web.control import control_blueprint
from mockserver.web.gateway import Kind, kind_of
from mockserver.web.response_steps import Hang, Pause, Run, Send, steps_of
from mockserver.web.wsgi import FAULT, failing


def create_app(service: Service) -> flask.Flask:
    """Make the application that responds as *service* does, and controls it under `/__mock`."""
    app = flask.Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False  # otherwise `//` redirects to the host that the client named
    app.wsgi_app = failing(app.wsgi_app)  # type: ignore[method-assign, assignment]
    app.register_blueprint(control_blueprint(service))

    @app.before_request
    def respond() -> flask.Response | None:
        if kind_of(service, flask.request.path) is Kind.CONTROL:
            _check_method()
            return None
        return _deliver(service, service.respond(_from_flask(service.settings.max_body)))

    @app.errorhandler(ApiError)
    def reject(rejection: ApiError) -> flask.Response:
        return _to_flask(rejection.response(service.contract))

    @app.errorhandler(Exception)
    def fail(error: Exception) -> flask.Response:
        app.logger.error("%s %s", flask.request.method, flask.request.path, exc_info=error)
        return reject(ApiError(500))

    @app.errorhandler(HTTPException)
    def reject_route(error: HTTPException) -> flask.Response:
        if error.code is not None and error.code >= 500:
            return reject(ApiError(500))
        allow = ", ".join(sorted(getattr(error, "valid_methods", None) or ()))
        method, path = _method()[:20], flask.request.path[:100]
        if allow:
            message = f"{method} is not allowed on {path}; use {allow}"
            return reject(ApiError(405, message, headers={"Allow": allow}))
        code = 404 if error.code == 404 else 400
        see = f"see GET {CONTROL_PREFIX}openapi.json"
        return reject(ApiError(code, f"no such route: {method} {path}; {see}"))

    return app


def _check_method() -> None:
    """Distinguish `get` from GET, as HTTP does; Werkzeug does not. Raises MethodNotAllowed."""
    rule = flask.request.url_rule
    if rule is not None and _method() not in (rule.methods or ()):
        raise MethodNotAllowed(sorted(rule.methods or ()))


def _method() -> str:
    return str(flask.request.environ["REQUEST_METHOD"])


def _deliver(service: Service, response: Response) -> flask.Response:
    """Perform the steps that need no connection; `failing` performs the others."""
    environ = flask.request.environ
    for step in steps_of(response):
        match step:
            case Run(function):
                function()
            case Pause(seconds):
                service.closed.wait(seconds)
            case Hang():
                pass  # the fault of what is sent says so
            case Send(fault, drip):
                if drip is not None:
                    pieces = math.ceil(len(response.body) / drip.size)
                    service.closed.wait(drip.pause.total_seconds() * pieces)
                environ[FAULT] = fault
    return _to_flask(response)


def _from_flask(max_body: int) -> Request:
    request = flask.request
    return Request(
        _method(),
        request.path,
        {name.lower(): value for name, value in request.headers.items()},
        request.stream.read(max_body + 1),
        request.query_string.decode("latin-1"),
        request.scheme,
    )


def _to_flask(response: Response) -> flask.Response:
    return flask.Response(response.body, response.status, list(response.headers))
