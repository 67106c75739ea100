"""Reads a folder of recordings, and rejects what is wrong with one when the mock starts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mockserver.contract import Contract, NotJson, parse_json
from mockserver.contract.violation import counted
from mockserver.domain.recording import RecordedRejection, RecordedTask, Recording
from mockserver.domain.recording_form import (
    FILES,
    FOLDER,
    MOST_BYTES,
    MOST_FILE_BYTES,
    of_document,
    recording_violations,
)
from mockserver.settings import SettingError

_MOST = 20_000
"""Recordings in one folder."""
_SHOWN = 3
_HOW = "use a folder that maxapi-mock proxy --record has written"


@dataclass(frozen=True, slots=True)
class Recordings:
    """The recordings of a folder by the names of their files, in the order of recording."""

    folder: Path
    by_name: dict[str, Recording]
    left_out: int
    """Tasks whose requests the contract rejects."""

    def __str__(self) -> str:
        outcomes = [one.outcome for one in self.by_name.values()]
        tasks = [one for one in outcomes if isinstance(one, RecordedTask)]
        rejections = sum(isinstance(one, RecordedRejection) for one in outcomes)
        files = sum(file is not None for one in tasks for file in one.files)
        counts = [counted(len(tasks), "task"), counted(rejections, "rejection")]
        counts += [counted(files, "result file")] * bool(files)
        text = f"replaying {', '.join(counts[:-1])} and {counts[-1]} from {self.folder}"
        if self.left_out:
            why = "the contract rejects what was submitted"
            text += f"; {counted(self.left_out, 'task')} left out, as {why}"
        return text


def read_recordings(folder: Path, contract: Contract) -> Recordings:
    """Read the recordings of *folder*. Raises SettingError, which names file, place and rule."""
    place = folder / FOLDER
    try:
        paths = sorted(path for path in place.iterdir() if path.suffix == ".json")
    except OSError as error:
        raise SettingError(f"replay: {place}: {error.strerror}; {_HOW}") from None
    if not 0 < len(paths) <= _MOST:
        said = f"holds {counted(len(paths), 'recording')}; use 1 to {_MOST}: {_HOW}"
        raise SettingError(f"replay: {place}: {said}")
    found = {path.stem: _read(path, contract) for path in paths}
    kept = {name: one for name, one in found.items() if _is_accepted(one, contract)}
    return Recordings(folder, kept, len(found) - len(kept))


def _is_accepted(recording: Recording, contract: Contract) -> bool:
    """Return whether the mock can make the recorded task: its request has to have a price."""
    if isinstance(recording.outcome, RecordedRejection):
        return True
    return not contract.violations("submit-request", recording.request)


def _read(path: Path, contract: Contract) -> Recording:
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise SettingError(f"replay: {path}: is larger than {MOST_BYTES} bytes; {_HOW}")
        document = parse_json(text)
    except OSError as error:
        raise SettingError(f"replay: {path}: {error.strerror}; use a readable file") from None
    except NotJson as error:
        why = str(error) if text else "it is empty"
        raise SettingError(f"replay: {path}: is not JSON: {why}; record it again") from None
    problems = list(map(str, recording_violations(document, contract.lifecycle)))
    if not problems:
        recording = of_document(document)
        problems = list(_file_problems(path.parent / FILES, recording))
        if not problems:
            return recording
    more = f" | and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    raise SettingError(f"replay: {path}: {' | '.join(problems[:_SHOWN])}{more}")


def _file_problems(folder: Path, recording: Recording) -> Iterator[str]:
    """Yield what is wrong with the result files of a recording, whose names are their hashes."""
    outcome = recording.outcome
    for number, name in enumerate(outcome.files if isinstance(outcome, RecordedTask) else ()):
        problem = None if name is None else _file_problem(folder / name)
        if problem is not None:
            yield f"task.files[{number}]: {FILES}/{name} {problem}; record it again, or use null"


def _file_problem(path: Path) -> str | None:
    try:
        if path.stat().st_size > MOST_FILE_BYTES:
            return f"is larger than {MOST_FILE_BYTES} bytes"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None if digest == path.stem else "is not the file that was recorded: its hash differs"
