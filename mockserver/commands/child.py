"""The command that `run` runs: its process, those that it starts, and the signals for them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from mockserver.errors import MaxapiMockError

_NOT_EXECUTABLE, _NOT_FOUND = 126, 127
"""The statuses that a shell has for a command that cannot be run."""
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_BY_KEY = (signal.SIGINT, signal.SIGQUIT)
"""Signals that a terminal sends to all processes of the foreground."""
_GRACE, _PAUSE = 5.0, 0.02
"""Real seconds that processes have to end after a signal, and between two looks at them."""


class ChildError(MaxapiMockError):
    """The command cannot be run; the status is what a shell has for that."""

    def __init__(self, program: str, error: OSError) -> None:
        super().__init__(f"{program}: {error.strerror}")
        is_missing = isinstance(error, FileNotFoundError)
        self.status = _NOT_FOUND if is_missing else _NOT_EXECUTABLE


class Child:
    """The command's process, and those that it starts.

    Away from a terminal they are a process group, so that a signal reaches all of them. On a
    terminal they stay in its foreground: Ctrl-C and Ctrl-Z reach them, and they can read from it.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._early: int | None = None
        self._is_group = not _in_foreground()
        self._signalled: set[int] = set()
        """The processes that have been sent a signal; of a group, its leader."""

    def run(self, command: list[str], environment: Mapping[str, str]) -> int:
        """Run it to its end; return its status as a shell would. Raises ChildError.

        If it was sent a signal, the processes that it leaves behind are ended as well.
        """
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
        if self._early is not None:
            return 128 + self._early
        group = 0 if self._is_group else None
        try:
            self._process = subprocess.Popen(command, env=environment, process_group=group)
        except OSError as error:
            raise ChildError(command[0], error) from None
        if self._early is not None:
            self._send_all(self._process, self._early)
        status = self._process.wait()
        self._end_the_rest()
        return status if status >= 0 else 128 - status

    def signal(self, number: int, _frame: object) -> None:
        """Pass a signal on, unless the terminal has sent it to the command as well."""
        if self._process is None:
            self._early = number
        elif self._is_group or number not in _BY_KEY or not _in_foreground():
            self._send_all(self._process, number)

    def _send_all(self, process: subprocess.Popen[bytes], number: int) -> None:
        self._signalled.add(process.pid)
        if not self._is_group:
            self._signalled.update(_descendants(process.pid))
            process.send_signal(number)
        for one in self._signalled if self._is_group else self._signalled - {process.pid}:
            self._send(one, number)

    def _send(self, one: int, number: int) -> None:
        with suppress(OSError):
            (os.killpg if self._is_group else os.kill)(one, number)

    def _end_the_rest(self) -> None:
        """Let the processes that got a signal end, and then make them."""
        if not self._signalled:
            return
        for number in (signal.SIGCONT, signal.SIGKILL):
            for one in self._signalled:
                self._send(one, number)
            deadline = time.monotonic() + _GRACE
            while self._is_any_left() and time.monotonic() < deadline:
                time.sleep(_PAUSE)

    def _is_any_left(self) -> bool:
        return any(
            (one.group if self._is_group else one.id) in self._signalled for one in _processes()
        )


class _Process(NamedTuple):
    id: int
    parent: int
    group: int


def _processes() -> list[_Process]:
    """List what runs on this machine, without what has ended and was not awaited."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # pid (name) state parent group: the name can hold anything
            rest = path.read_text("utf-8", "replace").rpartition(")")[2].split()
            lines.append([rest[0], path.parent.name, *rest[1:3]])
    if not lines:
        command = ["/bin/ps", "-A", "-o", "state=,pid=,ppid=,pgid="]
        listed = subprocess.run(command, capture_output=True, text=True, check=False)
        lines = [line.split() for line in listed.stdout.splitlines()]
    return [_Process(*map(int, line[1:4])) for line in lines if not line[0].startswith("Z")]


def _descendants(ancestor: int) -> set[int]:
    """Find the processes that a process has started, and those that they have."""
    running, found = _processes(), {ancestor}
    while more := {one.id for one in running if one.parent in found} - found:
        found |= more
    return found - {ancestor}


@contextmanager
def signals_to(child: Child) -> Iterator[None]:
    """Leave it to the command what a signal means: it ends, and then so does this one.

    Until the command is run, signals wait; a thread that is started before that gets none of
    them, as that would not wake the one that waits for the command.
    """
    heeded = [one for one in _FORWARDED if signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, child.signal) for number in heeded}
    signal.pthread_sigmask(signal.SIG_BLOCK, _FORWARDED)  # before there are threads to inherit it
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _FORWARDED)
        for number, handler in before.items():
            signal.signal(number, handler)


def _in_foreground() -> bool:
    """Return whether a Ctrl-C in the terminal goes to this process and its children."""
    try:
        with Path("/dev/tty").open("rb") as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False
