"""All sandboxes of a mock, by API key."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from itertools import islice
from threading import Lock
from weakref import ref

from mockserver.contract import Lifecycle
from mockserver.domain.redaction import masked
from mockserver.engine.clock import Clock, real_seconds
from mockserver.engine.events import EventLog
from mockserver.engine.ids import sandbox_id
from mockserver.engine.journal import Watch
from mockserver.engine.keeping import MEMORY, Keeper, KeptSandbox, Unavailable
from mockserver.engine.sandbox import ChangeSettings, Sandbox
from mockserver.engine.tasks import TaskBudget
from mockserver.settings import Settings

ANONYMOUS = ""
"""Stands for the key of requests without an accepted token; it does not count as one."""
ANONYMOUS_ID = sandbox_id(ANONYMOUS)

_LOOKED_AT = 20
"""Sandboxes among which an idle one is searched; if none is, the least recently used is dropped."""
_MOST_UNCONTROLLED = 1000
"""Requests to sandboxes that nobody controls which are remembered."""


class Sandboxes:
    """All sandboxes by API key; when there are too many, the longest idle one is forgotten."""

    def __init__(
        self,
        settings: Settings,
        lifecycle: Lifecycle,
        make_clock: Callable[[], Clock],
        clock_changed: Callable[[Sandbox], object],
        *,
        watch: Watch | None = None,
        keeper: Keeper = MEMORY,
    ) -> None:
        self._settings = settings
        self._lifecycle = lifecycle
        self._make_clock = make_clock
        self._clock_changed = clock_changed
        self._watch = watch
        self._spent_by_forgotten = Decimal()
        self._unpriced_of_forgotten = 0
        self._keeper = keeper
        self.log = EventLog(settings.journal_bytes, keeper)
        self._task_budget = TaskBudget(settings.task_bytes)
        self._by_id: OrderedDict[str, Sandbox] = OrderedDict()
        """The least recently used one first."""
        self._by_key: dict[str, Sandbox] = {}
        """Those whose key is known: of others that were kept, it comes with the next request."""
        self._keys: dict[str, str] = {}
        """The same keys by the id of their sandbox."""
        self._uncontrolled: deque[tuple[float, str]] = deque(maxlen=_MOST_UNCONTROLLED)
        """Real seconds, and the sandbox's id, of each request to an uncontrolled sandbox."""
        self._told_at = 0.0
        """In real seconds, when it was last told what tasks have reached."""
        self._lock = Lock()

    def of_key(self, key: str) -> Sandbox:
        """Return the sandbox of an API key; a new key gets a new one."""
        with self._lock:
            sandbox = self._by_key.get(key)
            if sandbox is None:
                id_ = sandbox_id(key)
                sandbox = self._by_id.get(id_) or self._create(id_, masked(key))
                self._by_key[key], self._keys[sandbox.id] = sandbox, key
            self._by_id.move_to_end(sandbox.id)
            self._task_budget.touch(sandbox)
            return sandbox

    def of_id(self, id_: str) -> Sandbox | None:
        """Find a sandbox by the id that its result URLs contain."""
        return self._by_id.get(id_)

    def of_task(self, task_id: str) -> Sandbox | None:
        """Find the sandbox that has a task."""
        return next((one for one in self if one.get(task_id) is not None), None)

    @property
    def is_kept(self) -> bool:
        """Whether they are kept anywhere but in memory."""
        return self._keeper is not MEMORY

    def note_request(self, sandbox: Sandbox) -> None:
        """Remember a request if its sandbox is not controlled: a test may use the wrong key."""
        if not sandbox.is_controlled:
            self._uncontrolled.append((sandbox.clock.real(), sandbox.id))

    def uncontrolled_since(self, began: float) -> Counter[str]:
        """Count the requests to sandboxes that are still uncontrolled, by sandbox id.

        *began* is in real seconds, from the origin of the clocks.
        """
        counts = Counter(id_ for at, id_ in list(self._uncontrolled) if at >= began)
        controlled = {one.id for one in self if one.is_controlled}
        return Counter({id_: n for id_, n in counts.items() if id_ not in controlled})

    def __iter__(self) -> Iterator[Sandbox]:
        with self._lock:
            return iter(list(self._by_id.values()))

    def tell_reached(self, *, within: float = 0.0) -> None:
        """Record what the tasks of all sandboxes have reached, so that listeners hear of it.

        Nothing is done if that was done *within* so many real seconds.
        """
        now = real_seconds()
        if now - self._told_at < within:
            return
        self._told_at = now
        for sandbox in self:
            sandbox.tell_reached()

    @property
    def keys(self) -> list[str]:
        """The API keys that were used, of sandboxes that are not forgotten."""
        with self._lock:
            return list(self._by_key)

    @property
    def spent_ever(self) -> Decimal:
        """US dollars for the tasks of all keys, including forgotten ones."""
        return self._spent_by_forgotten + sum(one.spent_ever for one in self)

    @property
    def unpriced_ever(self) -> int:
        """Charged tasks of all keys, including forgotten ones, whose cost is unknown."""
        return self._unpriced_of_forgotten + sum(one.unpriced_ever for one in self)

    def _create(self, id_: str, masked_key: str) -> Sandbox:
        if self._keeper is not MEMORY:  # whoever keeps it adds it
            raise Unavailable("its sandbox is being moved; try again")
        sandbox = self._make(id_, masked_key)
        self._add(sandbox)
        return sandbox

    def _make(self, id_: str, masked_key: str) -> Sandbox:
        clock = self._make_clock()
        sandbox = Sandbox(
            id_,
            clock,
            self._settings,
            self._lifecycle,
            log=self.log,
            task_budget=self._task_budget,
            watch=self._watch,
            keeper=self._keeper,
            masked_key=masked_key,
        )
        clock.on_change = partial(_tell, ref(sandbox), self._clock_changed)
        return sandbox

    def _add(self, sandbox: Sandbox) -> None:
        self._by_id[sandbox.id] = sandbox
        if len(self._by_id) - (ANONYMOUS_ID in self._by_id) > self._settings.max_sandboxes:
            self._forget_one(sandbox)

    def _forget_one(self, newest: Sandbox) -> None:
        candidates = islice(self._by_id.items(), _LOOKED_AT)
        old = [one for id_, one in candidates if id_ != ANONYMOUS_ID and one is not newest]
        idle = (one for one in old if self._is_idle(one))
        sandbox = next(idle, old[0] if old else None)
        if sandbox is not None and not self._keeper.release(sandbox):
            self._spent_by_forgotten += sandbox.spent_ever
            self._unpriced_of_forgotten += sandbox.unpriced_ever
            self._remove(sandbox)
            sandbox.close()
            self._clock_changed(sandbox)

    def _remove(self, sandbox: Sandbox) -> None:
        del self._by_id[sandbox.id]
        key = self._keys.pop(sandbox.id, None)
        if key is not None:
            del self._by_key[key]

    # -- sandboxes that are kept elsewhere ---------------------------------------------------

    def add(self, id_: str, masked_key: str) -> None:
        """Add a new sandbox by its id; the key comes with the next request."""
        with self._lock:
            self._add(self._make(id_, masked_key))

    def restore(
        self,
        whole: KeptSandbox,
        change_settings: ChangeSettings,
    ) -> Sandbox:
        """Add a sandbox that was kept, in place of one with the same id.

        Raises whatever *change_settings* raises, which applies texts of settings.
        """
        return self.put(self.made_of(whole, change_settings))

    def made_of(
        self,
        whole: KeptSandbox,
        change_settings: ChangeSettings,
    ) -> Sandbox:
        """Return a sandbox that was kept, without adding it. Raises as `restore` does."""
        sandbox = self._make(whole.id, whole.masked_key)
        sandbox.restore(whole, change_settings)
        return sandbox

    def put(self, sandbox: Sandbox) -> Sandbox:
        """Add a sandbox that was made, in place of one with the same id."""
        self.discard(sandbox.id)
        with self._lock:
            self._add(sandbox)
        return sandbox

    def discard(self, id_: str) -> None:
        """Let go of a sandbox without a word to anybody: it goes on from what was kept."""
        with self._lock:
            sandbox = self._by_id.get(id_)
            if sandbox is None:
                return
            self._remove(sandbox)
        sandbox.discard()
        self._clock_changed(sandbox)

    @staticmethod
    def _is_idle(sandbox: Sandbox) -> bool:
        return sandbox.is_idle(sandbox.clock.now())


def _tell(changed: ref[Sandbox], clock_changed: Callable[[Sandbox], object]) -> None:
    """Report that the clock of a sandbox has changed.

    The clock belongs to the sandbox, so it knows it only weakly: no cycle keeps what was forgotten.
    """
    sandbox = changed()
    if sandbox is not None:
        sandbox.keeper.sandbox_changed(sandbox)
        clock_changed(sandbox)
