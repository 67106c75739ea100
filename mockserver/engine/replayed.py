"""Responds with what was recorded for the same request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import Any

from mockserver.contract import Contract, Lifecycle
from mockserver.domain.recording import (
    RecordedRejection,
    RecordedTask,
    key_of,
    matched,
    replayed_plan,
)
from mockserver.domain.recording_form import FILES, FOLDER, MEDIA_TYPES
from mockserver.domain.script import Script
from mockserver.domain.task import Task
from mockserver.engine.messages import ApiError, Response, json_response
from mockserver.engine.pending_request import PendingRequest
from mockserver.engine.recordings import Recordings, read_recordings
from mockserver.engine.result_files import ResultFile

RECORDING_HEADER = "X-Mock-Recording"


class Replayed:
    """The recordings of a folder, as responses; None is a folder without any.

    Equal requests of a sandbox get the recordings in their order, and then the last one again.
    """

    def __init__(self, folder: Path | None, contract: Contract) -> None:
        """Raise SettingError for a folder that cannot be replayed."""
        self.recordings: Recordings | None = None
        self._lifecycle: Lifecycle = contract.lifecycle
        self._by_key: dict[str, list[str]] = {}
        self._by_id: dict[str, str] = {}
        self._adopting = Lock()
        if folder is None:
            return
        self.recordings = read_recordings(folder, contract)
        for name, recording in self.recordings.by_name.items():
            self._by_key.setdefault(key_of(recording.request), []).append(name)
            if isinstance(recording.outcome, RecordedTask):
                self._by_id.setdefault(recording.outcome.id, name)

    def choose(
        self, pending: PendingRequest, recorded_url: Callable[[str], str | None]
    ) -> str | None:
        """Return the name of the recording that decides about a submission; None if none does.

        *recorded_url* returns what was recorded for the URL of a result. A scenario about the
        task comes first. Raises ApiError for a recorded rejection.
        """
        if self.recordings is None or _decides(pending.script):
            return None
        key = key_of(matched(pending.document, recorded_url))
        names = self._by_key.get(key)
        if names is None:
            return None
        number = pending.sandbox.count(f"replay {key}")
        name = names[min(number, len(names)) - 1]
        outcome = self.recordings.by_name[name].outcome
        if isinstance(outcome, RecordedRejection):
            raise RecordedError(outcome, name)
        return name

    def adopt(
        self, pending: PendingRequest, task_id: str, make: Callable[[Any, str], Task]
    ) -> Task | None:
        """Add the recorded task with an id that the sandbox does not know, as one that has ended.

        So what an app kept of its recorded tasks stays of use. *make* makes the task of a
        submission and of the recording with a name. None if no recorded task has the id. Raises
        ApiError if something else decides about the task.
        """
        name = self._by_id.get(task_id)
        if name is None or self.recordings is None:
            return None
        request = self.recordings.by_name[name].request

        def made() -> Task:
            task = make(request, name)
            if task.id != task_id:  # a scenario of the poll, or a lack of money, has prevented it
                raise ApiError(404, f"task {task_id!r} is recorded, but cannot be replayed now")
            after = task.plan.steps[-1].after or timedelta()
            return replace(task, created_at=pending.now - after)

        with self._adopting:
            if pending.sandbox.get(task_id) is None:
                pending.sandbox.submit(made)
        return pending.sandbox.get(task_id)

    def applied(self, pending: PendingRequest, task: Task, name: str | None) -> Task:
        """Return a new *task* as one that becomes what the recording *name* says."""
        recorded = self._task(name)
        if recorded is None or task.plan.final == self._lifecycle.failure:  # there is no money
            return task
        settings, sandbox = pending.sandbox.settings, pending.sandbox
        plan = replayed_plan(task.plan, recorded, settings.pace, self._lifecycle)
        count = min(len(recorded.urls) or task.count, task.script.fewer_results or 10**6)
        is_new = sandbox.get(recorded.id) is None
        id_ = recorded.id if is_new else task.id
        return replace(task, id=id_, plan=plan, count=count, recording=name)

    def url_of(self, task: Task, index: int) -> str | None:
        """Return the recorded URL of a result of *task*, if it is replayed."""
        recorded = self._task(task.recording)
        return None if recorded is None or index >= len(recorded.urls) else recorded.urls[index]

    def file(self, task: Task, index: int) -> ResultFile | None:
        """Return the recorded result file of *task*, if it is replayed and the file is there."""
        recorded = self._task(task.recording)
        if self.recordings is None or recorded is None or index >= len(recorded.files):
            return None
        name = recorded.files[index]
        if name is None:
            return None
        try:
            body = (self.recordings.folder / FOLDER / FILES / name).read_bytes()
        except OSError:  # it was there when the mock started
            return None
        return ResultFile(body, MEDIA_TYPES[name.rpartition(".")[2]])

    def _task(self, name: str | None) -> RecordedTask | None:
        """Return a recorded task; None if it is no longer in the folder of a mock with a state."""
        if name is None or self.recordings is None or name not in self.recordings.by_name:
            return None
        outcome = self.recordings.by_name[name].outcome
        return outcome if isinstance(outcome, RecordedTask) else None


def _decides(script: Script) -> bool:
    """Return whether scenarios decide what becomes of a task, so that nothing is replayed."""
    return bool(script.end or script.stuck or script.duration is not None or script.flagged)


def named(recording: str | None) -> dict[str, str]:
    """Return the header that names a recording, if there is one, in ASCII."""
    return {} if recording is None else {RECORDING_HEADER: ascii(recording)[1:-1]}


class RecordedError(ApiError):
    """A submission is rejected as it was when it was recorded."""

    def __init__(self, recorded: RecordedRejection, name: str) -> None:
        wait = recorded.retry_after
        headers = {**named(name), **({} if wait is None else {"Retry-After": wait})}
        super().__init__(recorded.body["code"], recorded.body["msg"], headers=headers)
        self._recorded = recorded

    def response(self, _contract: Contract) -> Response:
        """Return the recorded response."""
        return json_response(self._recorded.status, self._recorded.body, self.headers)
