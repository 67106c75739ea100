"""What of a sandbox outlives the process, and who is told that it has changed.

The engine works in memory, whether state is kept or not. A `Keeper` is told what has changed, and
looks it up when it writes; a sandbox is made again from its `Kept`, its tasks and its events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from mockserver.engine.rules import Rule

if TYPE_CHECKING:
    from mockserver.domain.task import Task
    from mockserver.engine.events import AnyEvent
    from mockserver.engine.sandbox import Sandbox
    from mockserver.engine.webhooks.scheduler import ScheduledDelivery


@dataclass(frozen=True, slots=True)
class KeptCourse:
    """The course of a clock: it showed *moment* at *real*, and runs at *speed* from there."""

    moment: datetime
    real: float
    """Real seconds since 1970, which other processes know as well."""
    speed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Everything of a sandbox but its tasks, their webhooks, and its events."""

    label: str | None
    is_controlled: bool
    began: float
    """Real seconds since 1970."""
    course: KeptCourse
    first_course: KeptCourse
    """That to which a reset goes back."""
    settings: Mapping[str, str]
    """The texts of those that were changed for this sandbox."""
    rules: Sequence[Rule]
    rules_added: int
    counts: Mapping[str, int]
    admitted: Sequence[datetime]
    """When the latest requests were admitted, if there is a rate limit."""
    charged_before: Decimal
    unpriced_before: int
    ids_drawn: int
    """Ids that a seed has made."""
    told_until: datetime | None
    """Up to this moment, all that its tasks have reached was told."""
    recorded: tuple[int, int]
    """The numbers of the latest exchange, and of the latest attempt to deliver a webhook."""
    dropped: tuple[int, int, int]
    """The number of the latest event that each ring has dropped."""


@dataclass(frozen=True, slots=True)
class KeptWebhook:
    """How far the webhook of a task has come; nothing is kept before its first attempt ends."""

    ends: datetime
    """The end of the task that it reports; if the end has changed, this is void."""
    due: datetime | None
    """When the next attempt is due; None if there is none."""
    attempt: int = 1
    """The number of that attempt."""


@dataclass(frozen=True, slots=True)
class KeptSandbox:
    """A sandbox as a whole."""

    id: str
    masked_key: str
    kept: Kept
    tasks: Sequence[Task] = ()
    """In the order of their submission."""
    webhooks: Mapping[str, KeptWebhook] = field(default_factory=dict)
    """By the id of their task."""
    events: Sequence[AnyEvent] = ()
    """In the order of their numbers."""


class Unavailable(Exception):
    """State cannot be kept now, but possibly later; the message says why."""


class Keeper(Protocol):
    """Is told of every change, often while a lock is held: so it only notes what to look up."""

    def sandbox_changed(self, sandbox: Sandbox) -> None:
        """Note that something of the `Kept` of a sandbox has changed."""

    def task_changed(self, sandbox: Sandbox, task_id: str) -> None:
        """Note that a task was submitted, changed or forgotten."""

    def webhook_changed(
        self, sandbox: Sandbox, task_id: str, ends: datetime, following: ScheduledDelivery | None
    ) -> None:
        """Note that an attempt has ended, and which one is *following*."""

    def offer(self, event: AnyEvent) -> None:
        """Note an event, while the log is locked."""

    def was_reset(self, sandbox: Sandbox) -> None:
        """Note that a sandbox has begun anew."""

    def release(self, sandbox: Sandbox) -> bool:
        """Ask for a sandbox to be only where it is kept, which happens soon.

        Return whether it is kept anywhere.
        """

    def holds(self, sandbox: Sandbox) -> bool:
        """Return whether nobody else acts for a sandbox."""

    def when_kept(self, sandbox: Sandbox, task_id: str, action: Callable[[], object]) -> bool:
        """Call *action*, in some thread, once a task is kept and nobody else acts for it.

        Return False if that is so already.
        """

    def when_certain(self, sandbox: Sandbox, action: Callable[[], object]) -> bool:
        """Do the same when the task is kept, but somebody else may have the sandbox.

        Return False also for a sandbox that was discarded.
        """

    def commit(self) -> None:
        """Return when everything that has changed so far is kept. Raises Unavailable."""


class State(Keeper, Protocol):
    """A keeper as those see it who serve requests."""

    era: int
    """Counts how often what is in memory was discarded."""
    problem: str | None
    """Why state cannot be kept now; None if it can."""
    changed: int
    """The number of the latest change that responses wait for."""
    committed: int
    """Changes up to this one are kept, or were given up with their era."""
    known_others: set[str]
    """The addresses of the other replicas when they were last looked for."""
    on_commit: Callable[[], object]
    """Called after each commit, and after each failure, in some thread."""

    @property
    def is_shared(self) -> bool:
        """Return whether there can be other replicas."""

    def urge(self) -> None:
        """Have everything committed that has changed so far: somebody waits for it."""

    def is_certain(self) -> bool:
        """Return whether nobody else can have what is in memory."""

    def confirm(self) -> None:
        """Have the next commit prove that nobody else has it, unless that is certain."""

    def is_here(self, id_: str) -> bool:
        """Return whether a sandbox is in memory."""

    def enter(self, id_: str, masked_key: str | None) -> str | None:
        """Have a sandbox in memory; or return the address of the replica that has it.

        One that is unknown is added, if its *masked_key* is given. Raises Unavailable, or
        KeyError for a sandbox that is not known.
        """

    def enter_all(self) -> None:
        """Have all sandboxes in memory that no other replica has. Raises Unavailable."""

    def home_of_task(self, task_id: str) -> str | None:
        """Return the id of the sandbox that has a task. Raises Unavailable."""

    def others(self) -> list[str]:
        """Return the addresses of the other replicas. Raises Unavailable."""

    def secret(self) -> str:
        """Return that by which replicas know each other; it is empty before it is known."""


class _Memory:
    """Keeps nothing."""

    def sandbox_changed(self, sandbox: Sandbox) -> None: ...

    def task_changed(self, sandbox: Sandbox, task_id: str) -> None: ...

    def webhook_changed(
        self, sandbox: Sandbox, task_id: str, ends: datetime, following: ScheduledDelivery | None
    ) -> None: ...

    def offer(self, event: AnyEvent) -> None: ...

    def was_reset(self, sandbox: Sandbox) -> None: ...

    def release(self, sandbox: Sandbox) -> bool:
        return False

    def holds(self, sandbox: Sandbox) -> bool:
        return True

    def when_kept(
        self,
        sandbox: Sandbox,
        task_id: str,
        action: Callable[[], object],
    ) -> bool:
        return False

    def when_certain(self, sandbox: Sandbox, action: Callable[[], object]) -> bool:
        return False

    def commit(self) -> None: ...


MEMORY: Keeper = _Memory()
"""Keeps nothing: what is in memory ends with the process."""
