"""Records what becomes of submissions, so that the mock can replay it."""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from mockserver.conformance.model import WEBHOOK, Exchange
from mockserver.conformance.operations import QUERY, SUBMIT
from mockserver.conformance.traffic.file_recorder import FileRecorder
from mockserver.contract import Lifecycle
from mockserver.domain.durations import LONGEST
from mockserver.domain.recording import (
    RecordedRejection,
    RecordedState,
    RecordedTask,
    Recording,
    matched,
)
from mockserver.domain.recording_form import FILES, FOLDER, TASK_ID, as_document
from mockserver.domain.redaction import without_user_and_query
from mockserver.file_writing import write_whole

_MOST = 10_000
"""The most recordings that one run writes."""
_MOST_OPEN = 2000
"""Tasks that have not ended whose news are awaited; the oldest are given up first."""
_ABOUT_THE_KEY = 401
"""The code of a rejection that says nothing about the request."""


@dataclass(slots=True)
class _Open:
    """A recording, and what is needed to continue it."""

    name: str
    request: Any
    task: RecordedTask
    submitted: float


class TaskRecorder:
    """Writes a recording of each submission below *folder*, and keeps it up to date.

    Times are those that the API gives or, without any, those at which the proxy saw something.
    Result files are recorded if *files* is given. What is written has no keys, user ids and
    callBackUrls; URLs have no queries.
    """

    def __init__(
        self, folder: Path, lifecycle: Lifecycle, files: FileRecorder | None = None
    ) -> None:
        self.folder = folder / FOLDER
        self._lifecycle = lifecycle
        self._files = files
        self._run = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        self.count = 0
        """How many recordings were begun."""
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._lock = Lock()

    def record(self, exchange: Exchange, now: float) -> None:
        """Record what an exchange tells of a task. Raises OSError.

        *now* is when it ended, in real seconds.
        """
        if exchange.operation == SUBMIT:
            self._submitted(exchange, now)
        elif exchange.operation == QUERY and exchange.task is not None:
            self._seen(exchange.task, now)
        elif exchange.operation == WEBHOOK and isinstance(exchange.request, dict):
            data = exchange.request.get("data")
            if isinstance(data, dict):
                self._seen(data, now)

    def _submitted(self, exchange: Exchange, now: float) -> None:
        request = matched(exchange.request)
        if request is None or self.count >= _MOST:
            return
        task_id = (exchange.task or {}).get("taskId")
        if exchange.succeeded and isinstance(task_id, str) and re.fullmatch(TASK_ID, task_id):
            begun = _Open(self._new_name(), request, RecordedTask(task_id), now)
            self._open[task_id] = begun
            if len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
            self._write(begun.name, Recording(request, begun.task))
            return
        rejection = _rejection_of(exchange)
        if rejection is not None:
            self._write(self._new_name(), Recording(request, rejection))

    def _new_name(self) -> str:
        self.count += 1
        return f"{self._run}-{self.count:06}"

    def _seen(self, shown: Mapping[str, Any], now: float) -> None:
        """Note the state that a task shows, if it is a later one than before."""
        known = self._open.get(str(shown.get("taskId")))
        status = shown.get("status")
        if known is None or not self._is_later(known.task, status):
            return
        before = known.task.states[-1].after if known.task.states else timedelta()
        observed = timedelta(seconds=max(0.0, now - known.submitted))
        after = min(max(before, _time_in(shown, observed)), LONGEST)
        state = RecordedState(after, str(status))
        reason = shown.get("failure_reason")
        urls = _urls_of(shown) if status == self._lifecycle.success else ()
        with self._lock:
            known.task = replace(
                known.task,
                states=(*known.task.states, state),
                failure_reason=reason if isinstance(reason, str) else None,
                urls=tuple(map(without_user_and_query, urls)),
                files=(None,) * len(urls),
            )
            self._write(known.name, Recording(known.request, known.task))
        if status in self._lifecycle.terminal:
            del self._open[known.task.id]
            self._fetch(known, urls)

    def _is_later(self, task: RecordedTask, status: Any) -> bool:
        """Return whether *status* is a state after all that were seen of *task*."""
        path = self._lifecycle.path
        if status not in path and status not in self._lifecycle.terminal:
            return False
        if not task.states:
            return True
        last = task.states[-1].status
        return last in path and (status not in path or path.index(status) > path.index(last))

    def _fetch(self, known: _Open, urls: tuple[str, ...]) -> None:
        if self._files is None:
            return
        for number, url in enumerate(urls):
            self._files.fetch(url, self.folder / FILES, partial(self._add_file, known, number))

    def _add_file(self, known: _Open, number: int, name: str) -> None:
        with self._lock:
            files = list(known.task.files)
            files[number] = name
            known.task = replace(known.task, files=tuple(files))
            self._write(known.name, Recording(known.request, known.task))

    def _write(self, name: str, recording: Recording) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(as_document(recording), indent=2, ensure_ascii=False) + "\n"
        write_whole({self.folder / f"{name}.json": text.encode("utf-8", "backslashreplace")})


def _rejection_of(exchange: Exchange) -> RecordedRejection | None:
    """Return the rejection of a request for its own sake; None for any other response."""
    body, status = exchange.json, exchange.status or 0
    if not isinstance(body, dict) or not (status == 200 or 400 <= status < 500):
        return None
    code, said = body.get("code"), body.get("msg")
    is_code = type(code) is int and 400 <= code < 500 and code != _ABOUT_THE_KEY
    if not is_code or status == _ABOUT_THE_KEY or not isinstance(said, str):
        return None
    wait = exchange.response_headers.get("retry-after", "")
    return RecordedRejection(status, body, wait if re.fullmatch("[ -~]{1,60}", wait) else None)


def _time_in(shown: Mapping[str, Any], observed: timedelta) -> timedelta:
    """Return when the task entered its state, after its submission, as its document says.

    If it does not say that, this is when the state was *observed*.
    """
    try:
        created, updated = (
            datetime.fromisoformat(shown[name]) for name in ("created_at", "updated_at")
        )
        return max(timedelta(), updated - created)
    except (KeyError, TypeError, ValueError):
        return observed


def _urls_of(shown: Mapping[str, Any]) -> tuple[str, ...]:
    result = shown.get("result")
    urls = result.get("urls") if isinstance(result, dict) else None
    return (
        tuple(one for one in urls if isinstance(one, str))[:100] if isinstance(urls, list) else ()
    )
