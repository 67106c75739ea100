"""The pages of the console: which path is which page, its files, and its headers.

A page is a row of `PAGES`, a module `static/page-<name>.js` that fills it, and perhaps a
`static/page-<name>.css`. Everything else it gets from the control plane, as any other client does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from mockserver.engine.messages import ApiError, Request, Response
from mockserver.engine.service import CONTROL_PREFIX
from mockserver.settings import Settings
from mockserver.version import __version__
from mockserver.web.access import Session, check_access, has_token
from mockserver.web.control_request import Routes, allowed

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the console."""

    path: str
    """Below the console's address, with placeholders."""
    name: str
    title: str
    styles: tuple[str, ...] = ()
    """Sheets that it shares with other pages."""


PAGES = (
    Page("", "now", "Now"),
    Page("console/tasks/{taskId}", "task", "Task", ("attempt", "result-files")),
    Page("console/requests", "requests", "Requests", ("list-detail",)),
    Page("console/requests/{number}", "requests", "Requests", ("list-detail",)),
    Page("console/webhooks", "webhooks", "Webhooks", ("list-detail", "attempt")),
    Page("console/gallery", "gallery", "Gallery", ("result-files",)),
    Page("console/steer", "steer", "Steer"),
    Page("console/contract", "contract", "Contract"),
    Page("console/contract/{model}", "contract", "Contract"),
)
_LOGIN, _STATIC = f"{CONTROL_PREFIX}console/login", f"{CONTROL_PREFIX}console/static/{{name}}"
_FOLDER = Path(__file__).parent / "static"
_FILE = re.compile(r"[a-z][a-z0-9-]*\.(css|js|svg)")
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_SAFETY = (
    ("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
)


def is_for_console(request: Request) -> bool:
    """Return whether the console responds, and not the control plane or the API."""
    path = request.path
    if path in ("/", CONTROL_PREFIX.rstrip("/")):
        is_read = request.method in ("GET", "HEAD")
        return is_read and "text/html" in request.headers.get("accept", "")
    return path == CONTROL_PREFIX or f"{path}/".startswith(f"{CONTROL_PREFIX}console/")


class Console:
    """Responds to browsers, with HTML whatever happens."""

    def __init__(self, settings: Settings, session: Session) -> None:
        self._settings = settings
        self._session = session
        paths = [CONTROL_PREFIX + page.path for page in PAGES]
        operations = {str(n): {"path": path, "method": "GET"} for n, path in enumerate(paths)}
        operations["login"] = {"path": _LOGIN, "method": "GET"}
        operations["static"] = {"path": _STATIC, "method": "GET"}
        self._routes = Routes(operations)

    def respond(self, request: Request) -> Response:
        """Return the response to a request that is for the console."""
        if not request.path.startswith(CONTROL_PREFIX):
            return _redirect(CONTROL_PREFIX)
        try:
            names, place = self._routes.find(request)
            if request.method == "OPTIONS":
                return Response(200, (("Allow", allowed(names)),), b"")
            return self._shown(request, names["GET"], place)
        except ApiError as rejection:
            return _problem(rejection)

    def _shown(self, request: Request, name: str, place: Mapping[str, str]) -> Response:
        if name == "static":
            return _file(place["name"])
        token = self._settings.control_token
        is_locked = not (token is None or has_token(request, token))
        if is_locked and not self._session.is_known(request):
            if name == "login":
                return _html(200, "login.html")
            query = f"?{request.query}" if request.query else ""
            return _redirect(f"{_LOGIN}?next={quote(request.path + query)}")
        check_access(request, self._settings, self._session)
        if name == "login":
            return _redirect(CONTROL_PREFIX)
        return _page(PAGES[int(name)], place, has_session=is_locked)


def _page(page: Page, place: Mapping[str, str], *, has_session: bool) -> Response:
    paths: dict[str, str] = {}
    for one in PAGES:
        paths.setdefault(one.name, (CONTROL_PREFIX + one.path).partition("/{")[0])
    return _html(
        200,
        "page.html",
        page=page,
        place=json.dumps(dict(place)),
        paths=paths,
        links=[one for one in PAGES if "{" not in one.path],
        styled=_exists(f"page-{page.name}.css"),
        has_session=has_session,
    )


def _problem(rejection: ApiError) -> Response:
    page = _html(rejection.code, "problem.html", code=rejection.code, message=rejection.msg)
    return replace(page, headers=(*page.headers, *rejection.headers.items()))


def _redirect(address: str) -> Response:
    return Response(303, (("Location", address), *_SAFETY), b"")


def _html(status: int, template: str, **values: Any) -> Response:
    text = _environment().get_template(template).render(version=__version__, **values)
    return Response(status, (("Content-Type", "text/html; charset=utf-8"), *_SAFETY), text.encode())


def _file(name: str) -> Response:
    if not _exists(name):
        raise ApiError(404, f"the console has no file {name[:40]!r}")
    kind = f"{_TYPES[name.rpartition('.')[2]]}; charset=utf-8"
    return Response(200, (("Content-Type", kind), *_SAFETY), (_FOLDER / name).read_bytes())


def _exists(name: str) -> bool:
    return _FILE.fullmatch(name) is not None and (_FOLDER / name).is_file()


@cache
def _environment() -> Environment:
    """Return what renders the templates; Jinja is imported with the first page."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("mockserver.web.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
