"""The laws of what is seen again: tasks and files long after their end, and many looks in a row."""

from __future__ import annotations

from mockserver.conformance.model import History
from mockserver.conformance.session.session import Lab
from mockserver.conformance.check import EXPERIMENT, Broken, Checks, Held, law, promised
from .tasks import urls_of

_LATER = 8.0
"""Seconds after which everything is looked at again."""
_MOST_AGAIN = 4
"""Tasks of a model that are looked at again."""
_TIMES = 3
"""How often each of them is."""
_LOOKS = 24
"""Polls of a task in a row, to see what happens once in twenty times."""


@law("many-looks", "A task shows the same, however often it is looked at", EXPERIMENT, "final",
     submits=True)  # fmt: skip
def many_looks(lab: Lab) -> Checks:
    """Poll one task many times at its beginning, and many times after its end."""
    model = lab.cheapest()
    several = {"n": 2} if "n" in lab.contract.cards[model].fields else {}
    history = lab.started(lab.with_webhook(lab.request(model, **several)))
    if history is None:
        return
    looks = _LOOKS if not lab.options.thrifty else _LOOKS // 2
    for _ in range(looks):
        lab.target.poll(history.task_id)
    lab.follow([history], closely=False)
    for _ in range(looks):
        lab.target.poll(history.task_id)
    for url in urls_of(history) * 2:
        history.files.append(lab.target.fetch(url))
    yield _shown([history])


@law("afterwards", "What has ended is the same later, when others have come", EXPERIMENT, "final",
     "file_is_same", submits=True)  # fmt: skip
def afterwards(lab: Lab) -> Checks:
    """Look again at some tasks of each model, at what was cancelled, and at their files, twice."""
    again = _some_of_each(lab)
    if again:
        lab.target.pause(_LATER)
    for number, history in enumerate(again):
        for _ in range(_TIMES):
            lab.target.poll(history.task_id)
        urls = list(dict.fromkeys(file.url for file in history.files[:2]))
        for url in urls * (_TIMES if number % _MOST_AGAIN == 0 else 1):
            history.files.append(lab.target.fetch(url))
    if again:
        yield _shown(again)


def _shown(histories: list[History]) -> Held | Broken:
    """Hold all looks at tasks against each other: none is without the task."""
    polls = [poll for history in histories for poll in history.polls]
    without = [poll for poll in polls if poll.task is None]
    if not without:
        return Held(promised("final"))
    observed = f"{len(without)} of {len(polls)} polls do not show the task: {without[0]}"
    return Broken(promised("final"), "the task, every time", observed, without[0])


def _some_of_each(lab: Lab) -> list[History]:
    """Choose the first ended tasks of each model and end."""
    chosen: dict[tuple[str, str], list[History]] = {}
    for history in lab.histories.values():
        if lab.has_ended(history):
            kind = str(history.document.get("model")), str(history.last.get("status"))
            listed = chosen.setdefault(kind, [])
            if len(listed) < _MOST_AGAIN:
                listed.append(history)
    return [history for listed in chosen.values() for history in listed]
