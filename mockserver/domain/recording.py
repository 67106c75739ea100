"""What became of a submission, as the proxy records it and the mock replays it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mockserver.contract import Lifecycle
from mockserver.domain.plan import PaceName
from mockserver.domain.redaction import without_user_and_query
from mockserver.domain.task import Plan, Status, Step

_PERSONAL = ("callBackUrl", "user_id")
"""Fields that are never recorded, wherever they are."""
_URL = re.compile(r"(?i)https?://\S+")


@dataclass(frozen=True, slots=True)
class RecordedState:
    """The first time at which a task was known to be in a state."""

    after: timedelta
    """Since its submission."""
    status: Status


@dataclass(frozen=True, slots=True)
class RecordedTask:
    """What became of an accepted submission."""

    id: str
    states: tuple[RecordedState, ...] = ()
    """Ascending in time; without a terminal state, the end was not seen."""
    failure_reason: str | None = None
    urls: tuple[str, ...] = ()
    """Of its results, without queries."""
    files: tuple[str | None, ...] = ()
    """The names of the result files, in the order of the URLs; None for one that is missing."""


@dataclass(frozen=True, slots=True)
class RecordedRejection:
    """The response to a submission that was rejected."""

    status: int
    body: Mapping[str, Any]
    retry_after: str | None = None


Outcome = RecordedTask | RecordedRejection


@dataclass(frozen=True, slots=True)
class Recording:
    """A submission, and what became of it."""

    request: Mapping[str, Any]
    """Its model and input, as `matched` returns them."""
    outcome: Outcome


# -- which requests are the same -------------------------------------------------------------


def matched(document: Any, recorded_url: Callable[[str], str | None] | None = None) -> Any:
    """Return the part of a submission by which it is recognised: its model and its input.

    URLs lose users and queries, which change with each signature, and which are never recorded;
    *recorded_url* returns what stands for a URL instead, if anything does. None if *document* is
    not an object.
    """
    if not isinstance(document, Mapping):
        return None
    part = {name: document[name] for name in ("model", "input") if name in document}
    return _plain(part, recorded_url or _nothing)


def _nothing(_url: str) -> None:
    return None


def _plain(node: Any, recorded_url: Callable[[str], str | None]) -> Any:
    if isinstance(node, dict):
        kept = ((name, value) for name, value in node.items() if name not in _PERSONAL)
        return {name: _plain(value, recorded_url) for name, value in kept}
    if isinstance(node, list):
        return [_plain(one, recorded_url) for one in node]
    if isinstance(node, str) and _URL.fullmatch(node):
        return recorded_url(node) or without_user_and_query(node)
    return node


def key_of(request: Any) -> str:
    """Return a text that is the same for what `matched` returns for equal submissions."""
    text = json.dumps(request, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


# -- what a replayed task goes through -------------------------------------------------------


def replayed_plan(
    ordinary: Plan, recorded: RecordedTask, pace: PaceName, lifecycle: Lifecycle
) -> Plan:
    """Return the plan of a task that becomes what *recorded* became.

    Where its end is unknown, or was a cancellation, that of the *ordinary* plan follows.
    """
    seen = [one for one in recorded.states if one.status != lifecycle.cancelled]
    steps = [Step(one.after, one.status) for one in seen if one.status != ordinary.initial]
    reason = recorded.failure_reason
    if not steps or steps[-1].status not in lifecycle.terminal:
        since = recorded.states[-1].after if recorded.states else timedelta()
        names, last = [one.status for one in ordinary.steps], seen[-1].status if seen else None
        rest = ordinary.steps[names.index(last) + 1 if last in names else 0 :]
        steps += [Step(since + (one.after or timedelta()), one.status) for one in rest]
        reason = ordinary.failure_reason
    if pace != "realtime":
        after = None if pace == "per-poll" else timedelta()
        steps = [Step(after, one.status) for one in steps]
    return Plan(ordinary.initial, tuple(steps), reason)
