"""The Flask application: the control plane, and everything else as the service answers it."""

from __future__ import annotations

import flask
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from mockserver.engine.messages import ApiError, Fault, Request, Response
from mockserver.engine.service import CONTROL_PREFIX, Service
from mockserver.web.control import control_blueprint
from mockserver.web.wsgi import HANGS, IS_CUT, failing


def create_app(service: Service) -> flask.Flask:
    """Make the application that answers as *service* does, and controls it under `/__mock`."""
    app = flask.Flask(__name__, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False  # else `//` is a redirect to the host that the client named
    app.wsgi_app = failing(app.wsgi_app)  # type: ignore[method-assign, assignment]
    app.register_blueprint(control_blueprint(service))

    @app.before_request
    def answer() -> flask.Response | None:
        if flask.request.path.startswith(CONTROL_PREFIX):
            _check_method()
            return None
        response = service.answer(_from_flask(service.settings.max_body))
        if response.first is not None:
            response.first()
        if response.fault is not None:
            _misbehave(service, response.fault)
        return _to_flask(response)

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
            said = f"{method} is not allowed on {path}; use {allow}"
            return reject(ApiError(405, said, headers={"Allow": allow}))
        code = 404 if error.code == 404 else 400
        see = f"see GET {CONTROL_PREFIX}openapi.json"
        return reject(ApiError(code, f"no such route: {method} {path}; {see}"))

    return app


def _check_method() -> None:
    """Tell `get` from GET, as HTTP does; Werkzeug does not. Raises MethodNotAllowed."""
    rule = flask.request.url_rule
    if rule is not None and _method() not in (rule.methods or ()):
        raise MethodNotAllowed(sorted(rule.methods or ()))


def _method() -> str:
    return str(flask.request.environ["REQUEST_METHOD"])


def _misbehave(service: Service, fault: Fault) -> None:
    """Do what can be done without a connection: wait, and have `failing` do the rest."""
    service.closed.wait(fault.latency)
    flask.request.environ[HANGS] = fault.hang
    flask.request.environ[IS_CUT] = fault.cut


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
