"""The mock as a Flask application, for clients that take one as their transport."""

from __future__ import annotations

import math
from collections.abc import Iterator

import flask

from mockserver.engine.messages import STREAM_INTERVAL, ApiError, Request, Response, Stream
from mockserver.engine.service import Service
from mockserver.web.gateway import Gateway
from mockserver.web.response_steps import Follow, Hang, Pause, Run, Send, Wait, finish, steps_of
from mockserver.web.wsgi import FAULT, failing


def create_app(service: Service) -> flask.Flask:
    """Make the application that responds as *service* and its control plane do."""
    app = flask.Flask(__name__, static_folder=None)
    app.url_map.merge_slashes = False  # otherwise `//` redirects to the host that the client named
    app.wsgi_app = failing(app.wsgi_app)  # type: ignore[method-assign, assignment]
    gateway = Gateway(service)

    @app.before_request
    def respond() -> flask.Response:
        return _deliver(service, gateway.respond(_from_flask(service.settings.max_body)))

    @app.errorhandler(Exception)
    def fail(error: Exception) -> flask.Response:
        app.logger.error("%s %s", flask.request.method, flask.request.path, exc_info=error)
        return _to_flask(ApiError(500).response(service.contract))

    return app


def _deliver(service: Service, response: Response) -> flask.Response:
    """Perform the steps that need no connection; `failing` performs the others."""
    environ = flask.request.environ
    for step in steps_of(response):
        match step:
            case Run(function):
                function()
            case Pause(seconds):
                service.closed.wait(seconds)
            case Wait(held):
                held.wait()
            case Hang():
                pass  # the fault of what is sent says so
            case Send(fault, drip):
                if drip is not None:
                    pieces = math.ceil(len(response.body) / drip.size)
                    service.closed.wait(drip.pause.total_seconds() * pieces)
                environ[FAULT] = fault
            case Follow(stream):
                return flask.Response(
                    _followed(service, stream), response.status, list(response.headers)
                )
    finish(response)
    return _to_flask(response)


def _followed(service: Service, stream: Stream) -> Iterator[bytes]:
    is_heard = stream.begin()
    try:
        while is_heard and not service.closed.wait(STREAM_INTERVAL):
            data = stream.take()
            if data is None:
                return
            yield data
    finally:
        stream.end()


def _from_flask(max_body: int) -> Request:
    request = flask.request
    return Request(
        str(request.environ["REQUEST_METHOD"]),  # as it was sent: Flask takes `get` for GET
        request.path,
        {name.lower(): value for name, value in request.headers.items()},
        request.stream.read(max_body + 1),
        request.query_string.decode("latin-1"),
        request.scheme,
    )


def _to_flask(response: Response) -> flask.Response:
    return flask.Response(response.body, response.status, list(response.headers))
