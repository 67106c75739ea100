"""Checks that look again: many polls in a row, and tasks and files long after their end."""

from __future__ import annotations

from mockserver.conformance.check import Failed, Observations, Passed, promised
from mockserver.conformance.model import History
from mockserver.conformance.session.active_check import active_check
from mockserver.conformance.session.session import Session

from .tasks import urls_of

_LATER = 8.0
"""Seconds to wait before ended tasks are polled again."""
_MOST_AGAIN = 4
"""Tasks of each model and end that are polled again."""
_TIMES = 3
"""How often each of them is polled."""
_POLLS = 24
"""Polls of a task in a row: enough to see what happens once in twenty times."""


@active_check(
    "repeated-polls", "A task shows the same however often it is polled", "final", submits=True
)
def repeated_polls(session: Session) -> Observations:
    """Poll one task many times right after its submission, and many times after its end."""
    model = session.cheapest()
    several = {"n": 2} if "n" in session.contract.cards[model].fields else {}
    history = session.started(session.with_webhook(session.request(model, **several)))
    if history is None:
        return
    polls = _POLLS if not session.options.thrifty else _POLLS // 2
    for _ in range(polls):
        session.client.poll(history.task_id)
    session.follow([history], closely=False)
    for _ in range(polls):
        session.client.poll(history.task_id)
    for url in urls_of(history) * 2:
        history.files.append(session.client.fetch(url))
    yield _shown([history])


@active_check(
    "later-polls",
    "An ended task stays the same, also after later tasks",
    "final",
    "file_is_same",
    submits=True,
)
def later_polls(session: Session) -> Observations:
    """Poll some ended tasks of each model and end again, and fetch their files again."""
    again = _some_of_each(session)
    if again:
        session.client.pause(_LATER)
    for number, history in enumerate(again):
        for _ in range(_TIMES):
            session.client.poll(history.task_id)
        urls = list(dict.fromkeys(file.url for file in history.files[:2]))
        for url in urls * (_TIMES if number % _MOST_AGAIN == 0 else 1):
            history.files.append(session.client.fetch(url))
    if again:
        yield _shown(again)


def _shown(histories: list[History]) -> Passed | Failed:
    """Check that every poll of the tasks showed the task."""
    polls = [poll for history in histories for poll in history.polls]
    without = [poll for poll in polls if poll.task is None]
    if not without:
        return Passed(promised("final"))
    observed = f"{len(without)} of {len(polls)} polls do not show the task: {without[0]}"
    return Failed(promised("final"), "the task, every time", observed, without[0])


def _some_of_each(session: Session) -> list[History]:
    """Choose the first ended tasks of each model and each end."""
    chosen: dict[tuple[str, str], list[History]] = {}
    for history in session.histories.values():
        if session.has_ended(history):
            kind = str(history.document.get("model")), str(history.last.get("status"))
            listed = chosen.setdefault(kind, [])
            if len(listed) < _MOST_AGAIN:
                listed.append(history)
    return [history for listed in chosen.values() for history in listed]
