"""A user's own pictures and videos as results."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from mockserver.contract.violation import counted
from mockserver.domain.task import Task
from mockserver.media.own_file import KINDS, problem_of
from mockserver.settings import SettingError

_MOST = 1000
_NAMES: Mapping[str, str] = {"image": "picture", "video": "video"}


class OwnFiles:
    """The pictures and videos of a folder; hidden files and folders in it do not count."""

    def __init__(self, folder: Path) -> None:
        """Raise SettingError, which names the file, for any that cannot be a result."""
        self._folder = folder
        self._by_kind: dict[str, list[Path]] = {kind: [] for kind in _NAMES}
        try:
            paths = sorted(one for one in folder.iterdir() if one.is_file())
        except OSError as error:
            problem = f"{error.strerror}; use a folder of pictures and videos"
            raise SettingError(f"result-files: {folder}: {problem}") from None
        paths = [path for path in paths if not path.name.startswith(".")]
        if not 0 < len(paths) <= _MOST:
            problem = f"has {counted(len(paths), 'file')}; use 1 to {_MOST} of {', '.join(KINDS)}"
            raise SettingError(f"result-files: {folder}: {problem}")
        for path in paths:
            unfit = problem_of(path)
            if unfit is not None:
                raise SettingError(f"result-files: {path}: {unfit}")
            self._by_kind[KINDS[path.suffix.lower()]].append(path)

    def __str__(self) -> str:
        counts = [
            counted(len(paths), _NAMES[kind]) for kind, paths in self._by_kind.items() if paths
        ]
        return f"results are {' and '.join(counts)} from {self._folder}"

    def choose(self, task: Task, index: int) -> Path | None:
        """Return the file of result number *index*, always the same; None if there is no such kind.

        The results of a task are different files as long as there are enough.
        """
        paths = self._by_kind[task.result_type]
        if not paths:
            return None
        first = int.from_bytes(hashlib.sha256(task.id.encode()).digest()[:8], "big")
        return paths[(first + index) % len(paths)]
