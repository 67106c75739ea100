"""What happens in a mock, line by line: for people, or as JSON for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event as Flag
from threading import Thread
from typing import TYPE_CHECKING, Any

import click

from mockserver.commands.output import on_one_line, without_secrets
from mockserver.engine.event_lines import EventLines, Tone, short
from mockserver.engine.events import EventKind
from mockserver.engine.listener import Listener
from mockserver.engine.sandboxes import Sandboxes

if TYPE_CHECKING:
    from mockserver.commands.serve import LogForm

_WIDTH = 240
_INTERVAL = 0.05
"""Real seconds between two looks at what has happened: many events cost one write."""
_PATIENCE = 1.0
"""Real seconds that the last lines may take."""
_MISSED = "... some lines are left out: there was more than could be printed"
_STYLES: Mapping[Tone, Mapping[str, Any]] = {
    Tone.PLAIN: {},
    Tone.GOOD: {"fg": "green"},
    Tone.BAD: {"fg": "red"},
    Tone.WARNING: {"fg": "yellow"},
    Tone.QUIET: {"dim": True},
}


class EventWriter:
    """Writes events, as the control plane returns them, to standard output.

    *secrets* returns what must not be printed. Lines are coloured on a terminal, unless `NO_COLOR`
    is set.
    """

    def __init__(self, form: LogForm, secrets: Callable[[], Iterable[str | None]] = tuple) -> None:
        self._form = form
        self._secrets = secrets
        self._lines = EventLines()
        self._names: dict[str, str] = {}
        """The labels of sandboxes, or their ids; written once there are several."""
        no_color = os.environ.get("NO_COLOR")
        self._colours = not no_color and sys.stdout is not None and sys.stdout.isatty()

    def write(self, events: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> None:
        """Write events; *names* are those of sandboxes by their ids. Raises OSError."""
        text = "".join(self._text(event, names) for event in events)
        if text and sys.stdout is not None:
            sys.stdout.write(without_secrets(text, self._secrets()))
            sys.stdout.flush()

    def note(self, text: str) -> None:
        """Write a line that is about no event. Raises OSError."""
        if self._form != "json" and sys.stdout is not None:
            print(self._styled(text, Tone.WARNING), flush=True)

    def _text(self, event: Mapping[str, Any], names: Mapping[str, str]) -> str:
        if self._form == "json":
            return f"{json.dumps(event)}\n"
        if self._form == "requests" and event["kind"] != EventKind.REQUEST:
            return ""
        sandbox = event["sandbox"]
        self._names[sandbox] = names.get(sandbox) or short(sandbox)
        mark = f"[{self._names[sandbox]}] " if len(self._names) > 1 else ""
        return "".join(
            f"{self._styled(on_one_line(mark + line.text, _WIDTH), line.tone)}\n"
            for line in self._lines.lines(event)
        )

    def _styled(self, text: str, tone: Tone) -> str:
        style = _STYLES[tone]
        return click.style(text, **style) if self._colours and style else text


class EventLog:
    """Writes what happens in *sandboxes* in a thread of its own, between `start` and `stop`.

    Nothing in the mock waits for it: what it cannot write in time is left out, and it says so.
    """

    def __init__(self, sandboxes: Sandboxes, writer: EventWriter) -> None:
        self._sandboxes = sandboxes
        self._writer = writer
        self._listener = Listener(sandboxes.log)
        self._ended = Flag()
        self._thread = Thread(target=self._run, name="event-log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """Write the rest, if that does not take long, and end."""
        self._ended.set()
        self._thread.join(_PATIENCE)
        self._listener.close()

    def _run(self) -> None:
        with suppress(OSError, ValueError):  # nobody may be there to read it
            while not self._ended.wait(_INTERVAL):
                self._write()
            self._write()
        self._listener.close()

    def _write(self) -> None:
        self._sandboxes.tell_reached(within=_INTERVAL)
        found = self._listener.take()
        if not found.is_complete:
            self._writer.note(_MISSED)
        names = {}
        for event in found.events:
            sandbox = self._sandboxes.of_id(event.sandbox)
            if sandbox is not None and sandbox.label is not None:
                names[event.sandbox] = sandbox.label
        self._writer.write([event.as_json() for event in found.events], names)


@contextmanager
def written(
    sandboxes: Sandboxes, form: LogForm, secrets: Callable[[], Iterable[str | None]]
) -> Iterator[None]:
    """Write what happens in *sandboxes* until the block ends, unless *form* is `off`."""
    if form == "off":
        yield
        return
    log = EventLog(sandboxes, EventWriter(form, secrets))
    log.start()
    try:
        yield
    finally:
        log.stop()
