"""How to repeat by hand what a sandbox saw: lines for a shell."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from mockserver.contract import load_contract
from mockserver.domain.scenario import HEADER
from mockserver.settings import make_settings, show_value
from mockserver.settings.texts import HIDDEN
from mockserver.testing.control import Json
from mockserver.testing.sandbox import shown_key

_MOST_CURLS = 12
_LONGEST_BODY = 4000
_DEFAULT_MOCK = "http://127.0.0.1:6290"
_AUTHORIZED = '-H "Authorization: Bearer $KEY"'


def submits(request: Json) -> bool:
    """Return whether *request* submitted a task."""
    return bool(request["taskId"]) and str(request["path"]).endswith("/submit")


def recipe(
    requests: list[Json],
    api_key: str,
    url: str | None,
    settings: Mapping[str, str],
    now: str | None,
) -> list[str]:
    """Write the requests as lines for a shell; the ids of tasks are taken from the answers.

    *settings* are the sandbox's; those that are not the default are set first. *now* is what a
    clock shows that stands still: it is then moved as it was moved between the requests.
    """
    every = settings.get("pace") == "per-poll"  # then each poll moves its task on
    lines = list(_lines(requests, now, every=every))
    start = "" if url else ", against a mock of its own (maxapi-mock serve)"
    named = f"MOCK={url or _DEFAULT_MOCK} KEY={shown_key(api_key)}"
    left_out = len(lines) - _MOST_CURLS
    if left_out > 0:
        lines = [*lines[:_MOST_CURLS], f": and {left_out} more"]
    lines = [named, *_set_up(settings, frozen=now is not None), *lines]
    return [
        f"to repeat it by hand{start}:",
        *(f"  {one}" for line in lines for one in line.split("\n  ")),
    ]


def _set_up(settings: Mapping[str, str], *, frozen: bool) -> Iterator[str]:
    defaults = make_settings(load_contract())
    changed = {
        name: value
        for name, value in settings.items()
        if value != show_value(name.replace("-", "_"), getattr(defaults, name.replace("-", "_")))
    }
    hidden = [name for name, value in changed.items() if value == HIDDEN]
    plain = {name: value for name, value in changed.items() if name not in hidden}
    if hidden:
        yield f"# not shown: {', '.join(hidden)}"
    if plain:
        yield _control("settings", plain, "-X PATCH ")
    if frozen:
        yield _control("clock", {"freeze": True})


def _control(path: str, body: Any, method: str = "") -> str:
    text = shlex.quote(json.dumps(body, ensure_ascii=False))
    return f'curl -sg {method}"$MOCK"/__mock/{path} {_AUTHORIZED} -d {text}'


def _lines(requests: list[Json], now: str | None, *, every: bool) -> Iterator[str]:
    """Write the requests, each run of equal ones as one, and what moves the clock before it."""
    names: dict[str, str] = {}
    last, at = "", str(requests[0]["at"])
    for request in requests:
        if submits(request):
            names[request["taskId"]] = f"TASK_{len(names) + 1}"
        line = _curl(request, names)
        moved = "" if now is None else _moved(at, request["at"])
        at = request["at"]
        if every or moved or line != last:
            yield f"{moved}{line}"
        last = line
    moved = "" if now is None else _moved(at, now)
    if moved:
        yield moved.rstrip()


def _moved(before: str, after: str) -> str:
    passed = datetime.fromisoformat(after) - datetime.fromisoformat(before)
    seconds = passed.total_seconds()
    seconds = int(seconds) if seconds.is_integer() else seconds
    return f"{_control('clock', {'advance': seconds})}\n  " if seconds > 0 else ""


def _curl(request: Json, names: dict[str, str]) -> str:
    words = [f'curl -sg "$MOCK"{_path(request, names)}', _AUTHORIZED]
    if request["method"] != "GET":
        words.insert(1, "-I" if request["method"] == "HEAD" else f"-X {request['method']}")
    body = request["body"]
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    asked = [one for one in request["scenarios"] if f"#mock:{one}" not in text]
    if asked:
        words.append(f"-H {shlex.quote(HEADER + ': ' + ', '.join(asked))}")
    if text:
        kind = request["headers"].get("content-type", "")
        words.append(f"-H {shlex.quote('Content-Type: ' + kind)}")
        whole = len(text) <= _LONGEST_BODY
        words.append(
            f"--data-raw {shlex.quote(text)}" if whole else f"-d @body-of-{len(text)}-characters"
        )
    line = " ".join(words)
    if submits(request):
        name = names[request["taskId"]]
        return f"{name}=$({line} | grep -o '[0-9a-f-]\\{{36\\}}'); echo ${name}"
    return line


def _path(request: Json, names: dict[str, str]) -> str:
    """Write a path for the shell; the journal has it decoded."""
    path = shlex.quote(quote(request["path"]))
    for task_id, name in names.items():
        path = path.replace(task_id, f"${name}")
    return path
