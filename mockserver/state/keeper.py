"""Keeps the sandboxes of one server in a database: what was answered is committed before.

The engine works in memory and tells what has changed. One thread writes that: all changes that
have come while it was writing make the next transaction, so many submissions share one commit. A
response waits for the commit of everything that had changed when it was made. What the journal
records can wait a moment, and delays no response.

If a commit fails, what is in memory is more than what is kept: all sandboxes are discarded, those
who wait are told, and the next request makes its sandbox again from the database. `era` counts
this, so that nobody takes a change of an earlier one for kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Condition, Lock, Thread
from typing import TYPE_CHECKING

from mockserver.engine.clock import real_seconds
from mockserver.engine.events import AnyEvent
from mockserver.engine.keeping import KeptSandbox, KeptWebhook, Unavailable
from mockserver.engine.sandbox import Sandbox
from mockserver.settings import SettingError, Settings, changed_settings
from mockserver.state.codec import Unreadable
from mockserver.state.database import Busy, StateError
from mockserver.state.store import Elsewhere, Store
from mockserver.state.writer import Batch, Writer

if TYPE_CHECKING:
    from datetime import datetime

    from mockserver.engine.service import Service
    from mockserver.engine.webhooks.scheduler import ScheduledDelivery

_log = logging.getLogger(__name__)

_REST = 0.1
"""Real seconds for which the journal alone may wait for its commit."""
_LONGEST_COMMIT = 30.0
"""Real seconds that a thread waits for a commit."""


class StateKeeper:
    """Keeps the sandboxes of *service*, once it is attached; safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self.era = 0
        """Counts how often what is in memory was discarded."""
        self.problem: str | None = "it was not opened yet"
        """Why state cannot be kept now."""
        self.known_others: set[str] = set()
        """The addresses of the other replicas when they were last looked for."""
        self.on_commit: Callable[[], object] = bool
        """Called after each commit, and after each failure, in the thread that commits."""
        self.changed = 0
        """The number of the latest change that responses wait for."""
        self.committed = 0
        """Changes up to this one are kept, or were given up with their era."""
        self.released: dict[str, Sandbox] = {}
        """Sandboxes that are to be only in the database."""
        self.holds_until = 0.0
        """In real seconds, until when nobody else can have this server's sandboxes."""
        self._store = store
        self._batch = Batch()
        self._writing: Batch | None = None
        self._is_urgent = False
        self._is_closed = False
        self._when_certain: list[Callable[[], object]] = []
        """Called once nobody else can have this server's sandboxes."""
        self._changes = Condition(Lock())
        """Guards all of the above; nothing else is locked while it is held."""
        self._entering = Lock()
        """Held while a sandbox is claimed, so that it is made only once."""
        self._service: Service
        self._writer: Writer
        self._thread: Thread | None = None

    def attach(self, service: Service) -> None:
        """Keep the sandboxes of *service* from now on."""
        self._service, self._writer = service, Writer(self._store, service)
        self._thread = Thread(target=self._run, name="state", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Commit what has changed, and end."""
        with self._changes:
            self._is_closed = True
            self._changes.notify_all()
        if self._thread is not None:
            self._thread.join(_LONGEST_COMMIT)

    # -- told by the engine ------------------------------------------------------------------

    def sandbox_changed(self, sandbox: Sandbox) -> None:
        """Note that something of the `Kept` of a sandbox has changed."""
        with self._changes:
            self._note(sandbox)

    def task_changed(self, sandbox: Sandbox, task_id: str) -> None:
        """Note that a task was submitted, changed or forgotten."""
        with self._changes:
            self._note(sandbox)
            self._batch.tasks[sandbox.id, task_id] = None

    def webhook_changed(
        self, sandbox: Sandbox, task_id: str, ends: datetime, following: ScheduledDelivery | None
    ) -> None:
        """Note that an attempt has ended, and which one is *following*."""
        webhook = KeptWebhook(ends, None)
        if following is not None:
            webhook = KeptWebhook(ends, following.due, following.attempt)
        with self._changes:
            self._note(sandbox)
            self._batch.webhooks[sandbox.id, task_id] = webhook

    def was_reset(self, sandbox: Sandbox) -> None:
        """Note that a sandbox has begun anew."""
        with self._changes:
            self._note(sandbox)
            batch, id_ = self._batch, sandbox.id
            batch.tasks = {key: None for key in batch.tasks if key[0] != id_}
            kept = {key: webhook for key, webhook in batch.webhooks.items() if key[0] != id_}
            batch.webhooks = kept
            batch.emptied.add(id_)

    def _note(self, sandbox: Sandbox) -> None:
        self._batch.sandboxes[sandbox.id] = sandbox
        self._batch.is_awaited = True
        self.changed += 1

    def offer(self, event: AnyEvent) -> None:
        """Note an event, while the log is locked."""
        with self._changes:
            if not self._batch.events:
                self._changes.notify()
            self._batch.events.append(event)

    def release(self, sandbox: Sandbox) -> bool:
        """Ask for a sandbox to be only where it is kept; it is, so return True."""
        self.released[sandbox.id] = sandbox
        return True

    def holds(self, sandbox: Sandbox) -> bool:
        """Return whether nobody else acts for a sandbox."""
        return self.is_certain() and self._is_current(sandbox)

    def is_certain(self) -> bool:
        """Return whether nobody else can have this server's sandboxes."""
        return real_seconds() < self.holds_until

    def _is_current(self, sandbox: Sandbox) -> bool:
        return self._service.sandboxes.of_id(sandbox.id) is sandbox

    def when_kept(self, sandbox: Sandbox, task_id: str, action: Callable[[], object]) -> bool:
        """Call *action*, in some thread, once a task is kept and nobody else acts for it.

        Return False if that is so already.
        """
        with self._changes:
            for batch in (self._batch, self._writing):
                if batch is not None and (sandbox.id, task_id) in batch.tasks:
                    batch.actions.append(action)
                    self._urge()
                    return True
        return self.when_certain(sandbox, action)

    def when_certain(self, sandbox: Sandbox, action: Callable[[], object]) -> bool:
        """Call *action*, in some thread, once nobody else can have a sandbox of this server.

        Return False if that is so already, or never will be.
        """
        with self._changes:
            if self.is_certain() or not self._is_current(sandbox):
                return False
            self._when_certain.append(action)
            return True

    # -- waiting -----------------------------------------------------------------------------

    def urge(self) -> None:
        """Have everything committed that has changed so far: somebody waits for it."""
        with self._changes:
            self._urge()

    def confirm(self) -> None:
        """Have the next commit prove that nobody else has the sandboxes, unless that is certain."""
        with self._changes:
            if not self.is_certain():
                self._batch.is_awaited = self._batch.is_doubted = True
                self.changed += 1

    def _urge(self) -> None:
        if not self._is_urgent:
            self._is_urgent = True
            self._changes.notify_all()

    def commit(self) -> None:
        """Return when everything that has changed so far is kept. Raises Unavailable."""
        self.confirm()
        with self._changes:
            number, era = self.changed, self.era
            self._urge()
            self._changes.wait_for(
                lambda: self.committed >= number or self.era != era or self._is_closed,
                _LONGEST_COMMIT,
            )
            if self.era != era or self.committed < number:
                raise Unavailable(self.problem or "it was not committed in time")

    # -- sandboxes that come and go ----------------------------------------------------------

    @property
    def is_shared(self) -> bool:
        """Return whether there can be other replicas."""
        return self._store.is_shared

    def is_here(self, id_: str) -> bool:
        """Return whether a sandbox is in memory."""
        return self._service.sandboxes.of_id(id_) is not None

    def enter(self, id_: str, masked_key: str | None) -> str | None:
        """Have a sandbox in memory; or return the address of the replica that has it.

        One that is unknown is added, if its *masked_key* is given. Raises Unavailable, or
        KeyError for a sandbox that is not known.
        """
        with self._entering:
            if self.is_here(id_):
                return None
            if self.problem is not None:
                raise Unavailable(self.problem)
            era = self.era
            try:
                found = self._store.claim(id_, masked_key)
            except (Busy, Unreadable) as error:  # it concerns only this sandbox
                raise Unavailable(f"sandbox {id_}: {error}") from None
            except (Unavailable, StateError) as error:
                self.fail(error)
                raise Unavailable(str(error)) from None
            if isinstance(found, Elsewhere):
                return found.address
            if found is None:
                self._service.sandboxes.add(id_, masked_key or "")
            else:
                self.adopt(found)
            if era != self.era:
                self._service.sandboxes.discard(id_)
                raise Unavailable(self.problem or "try again")
            return None

    def adopt(self, whole: KeptSandbox) -> None:
        """Have a sandbox in memory that this server has claimed."""
        service = self._service
        sandbox = service.sandboxes.restore(whole, self._change_settings)
        service.dispatcher.restore(sandbox, whole.webhooks)

    def _change_settings(self, settings: Settings, texts: Mapping[str, str]) -> Settings:
        """Change *settings*; what is no longer accepted is left out, and said."""
        for name, text in texts.items():
            try:
                settings = changed_settings(settings, {name: text}, self._service.contract)
            except SettingError as error:
                _log.warning("a setting of a sandbox is left out: %s", error)
        return settings

    def enter_all(self) -> None:
        """Have all sandboxes in memory that no other replica has. Raises Unavailable."""
        for id_ in self._store.ids():
            with suppress(KeyError):  # forgotten meanwhile
                self.enter(id_, None)

    def home_of_task(self, task_id: str) -> str | None:
        """Return the id of the sandbox that has a task. Raises Unavailable."""
        return self._store.sandbox_of(task_id)

    def others(self) -> list[str]:
        """Return the addresses of the other replicas. Raises Unavailable."""
        found = self._store.others()
        self.known_others = set(found)
        return found

    def secret(self) -> str:
        """Return that by which replicas know each other; it is empty before it is known."""
        return self._store.secret

    def claim_due(self, until: float) -> None:
        """Have the sandboxes in memory that nobody has, and whose webhooks are due."""
        with self._unless_entering() as may_claim:
            era = self.era
            for whole in self._store.claim_due(until) if may_claim else ():
                if not self.is_here(whole.id):
                    self.adopt(whole)
                if era != self.era:
                    self._service.sandboxes.discard(whole.id)

    def let_go(self) -> None:
        """Release the sandboxes that are to be only in the database."""
        if not self.released:
            return
        with self._unless_entering() as may_release:
            asked = self._take_released() if may_release else []
            free = [one for one in asked if self._is_at_rest(one)]
            for sandbox in free:
                self._service.sandboxes.discard(sandbox.id)
            if free:
                self._store.release([sandbox.id for sandbox in free])

    @contextmanager
    def _unless_entering(self) -> Iterator[bool]:
        """Keep out claims; yield False if one is in progress, which may not delay the lease."""
        is_free = self._entering.acquire(blocking=False)
        try:
            yield is_free
        finally:
            if is_free:
                self._entering.release()

    def _take_released(self) -> list[Sandbox]:
        """Return those that were asked for and are kept as they are; others may be later."""
        with self._changes:
            if self._writing is not None:
                return []
            asked, self.released = self.released, {}
            dirty = {*self._batch.sandboxes, *(event.sandbox for event in self._batch.events)}
            return [one for one in asked.values() if one.id not in dirty]

    def _is_at_rest(self, sandbox: Sandbox) -> bool:
        return (
            self._is_current(sandbox)
            and not sandbox.advancing.locked()
            and not any(True for _ in sandbox.held)
            and not self._service.dispatcher.is_busy(sandbox)
        )

    def fail(self, error: Exception) -> None:
        """Discard what is in memory, and tell those who wait that it was not kept."""
        with self._changes:
            self.era += 1
            self.problem = str(error)
            self._batch = Batch()
            self.committed = self.changed
            self.holds_until = 0.0
            self._when_certain = []
            self._changes.notify_all()
        _log.warning("state cannot be kept: %s", error)
        for sandbox in self._service.sandboxes:
            self._service.sandboxes.discard(sandbox.id)
        self.on_commit()

    def recover(self, holds_until: float) -> None:
        """Keep state again; nobody else has the sandboxes until then."""
        if self.problem is not None and self.era:
            _log.warning("state is kept again")
        with self._changes:
            self.problem = None
            self.holds_until = holds_until
            actions, self._when_certain = self._when_certain, []
        for action in actions:
            action()

    # -- writing -----------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._changes:
                batch, number, era = self._next_batch(), self.changed, self.era
                replica = self._store.replica
            if batch is None:
                return
            try:
                self._writer.write(batch, replica)
            except (Unavailable, StateError) as error:
                self._done(None)
                if era == self.era:
                    self.fail(error)
            except Exception as error:
                _log.exception("state cannot be written")
                self._done(None)
                self.fail(error)
            else:
                self._done(number if era == self.era else None)
                self.on_commit()
                for action in batch.actions:
                    action()

    def _next_batch(self) -> Batch | None:
        """Wait for something to write, and return it; None at the end."""
        self._changes.wait_for(lambda: self._is_closed or self._is_urgent or self._has_changes())
        if not self._is_urgent and not self._is_closed:
            self._changes.wait_for(lambda: self._is_closed or self._is_urgent, _REST)
        if self._is_closed and not self._has_changes():
            return None
        batch, self._batch, self._is_urgent = self._batch, Batch(), False
        self._writing = batch
        return batch

    def _has_changes(self) -> bool:
        return self._batch.is_awaited or bool(self._batch.events)

    def _done(self, number: int | None) -> None:
        with self._changes:
            self._writing = None
            if number is not None:
                self.committed = max(self.committed, number)
            self._changes.notify_all()
