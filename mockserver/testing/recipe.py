"""Shell lines that repeat what a sandbox saw."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from urllib.parse import quote

from mockserver.contract import load_contract
from mockserver.domain.scenario import HEADER
from mockserver.network.curl import curl_line, shell_word
from mockserver.network.receiver import is_this_machine
from mockserver.settings import make_settings, show_value
from mockserver.settings.texts import HIDDEN
from mockserver.testing.control import Json
from mockserver.testing.sandbox import shown_key

_MAX_LINES = 12
_MAX_BODY = 4000
_DEFAULT_MOCK = "http://127.0.0.1:6290"
_LISTENER = "http://127.0.0.1:6291"
"""Where `maxapi-mock listen` receives webhooks."""
_HOOK = "$HOOK"
_AUTHORIZATION = shell_word("Authorization: Bearer $KEY", "$KEY")


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
    """Write the requests as lines for a shell; ids of tasks are taken from the responses.

    Webhooks to this machine go to `maxapi-mock listen`, as a test's receivers end with the test.
    *settings* are the sandbox's; those that differ from the defaults are set first. *now* is what
    the clock shows if it stands still: the lines then move it as the test did.
    """
    every = settings.get("pace") == "per-poll"  # then even equal polls have different outcomes
    lines = list(_lines(requests, now, every=every))
    start = "" if url else ", against a mock of its own (maxapi-mock serve)"
    variables = f"MOCK={url or _DEFAULT_MOCK} KEY={shown_key(api_key)}"
    if any(map(_local_receiver, requests)):
        start += f"{' and' if start else ','} with maxapi-mock listen for its webhooks"
        variables += f" HOOK={_LISTENER}"
    left_out = len(lines) - _MAX_LINES
    if left_out > 0:
        lines = [*lines[:_MAX_LINES], f": and {left_out} more"]
    lines = [variables, *_set_up(settings, frozen=now is not None), *lines]
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


def _control(path: str, body: Mapping[str, object], method: str = "") -> str:
    text = shell_word(json.dumps(body, ensure_ascii=False))
    return f'curl -sg {method}"$MOCK"/__mock/{path} -H {_AUTHORIZATION} -d {text}'


def _lines(requests: list[Json], now: str | None, *, every: bool) -> Iterator[str]:
    """Write the requests, a run of equal ones as one, and before each what moves the clock."""
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


def _local_receiver(request: Json) -> str:
    """Return scheme, host and port of a callBackUrl that is on this machine; else nothing."""
    url = request["body"].get("callBackUrl") if isinstance(request["body"], dict) else None
    if not isinstance(url, str) or not is_this_machine(url):
        return ""
    return "/".join(re.split(r"[/?#]", url)[:3])


def _curl(request: Json, names: dict[str, str]) -> str:
    body, receiver = request["body"], _local_receiver(request)
    if receiver:
        body = {**body, "callBackUrl": body["callBackUrl"].replace(receiver, _HOOK, 1)}
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    headers = [_AUTHORIZATION]
    asked = [one for one in request["scenarios"] if f"#mock:{one}" not in text]
    if asked:
        headers.append(shell_word(f"{HEADER}: {', '.join(asked)}"))
    if text:
        kind = request["headers"].get("content-type", "")
        headers.append(shell_word(f"Content-Type: {kind}"))
    is_short = len(text) <= _MAX_BODY
    shown = shell_word(text) if text and is_short else ""
    if receiver:
        member = '"callBackUrl": "'
        shown = shown.replace(f"{member}{_HOOK}", f"{member}'{_HOOK}'")  # outside of the quotes
    line = curl_line(request["method"], f'"$MOCK"{_path(request, names)}', headers, shown)
    if not is_short:
        line += f" -d @body-of-{len(text)}-characters"
    if submits(request):
        name = names[request["taskId"]]
        return f"{name}=$({line} | grep -o '[0-9a-f-]\\{{36\\}}'); echo ${name}"
    return line


def _path(request: Json, names: dict[str, str]) -> str:
    """Return a path for the shell, encoded again: the journal has it decoded."""
    path = shell_word(quote(request["path"]))
    for task_id, name in names.items():
        path = path.replace(task_id, f"${name}")
    return path
