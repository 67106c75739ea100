"""One server among those that share a database: its lease, and what nobody else sees to.

A replica has the sandboxes that it uses in memory, and nobody else has them meanwhile. Its lease
says that it lives; when the lease of another one has ended, what that had is anybody's. Sandboxes
that nobody has, but whose webhooks are due, are claimed by whoever comes first.
"""

from __future__ import annotations

import logging
import math
import time
from contextlib import suppress
from secrets import token_hex
from threading import Event, Thread
from typing import TYPE_CHECKING

from mockserver.engine.clock import real_seconds
from mockserver.engine.keeping import Unavailable
from mockserver.state.database import Busy, Database, StateError
from mockserver.state.keeper import StateKeeper
from mockserver.state.store import LeaseLost, Store

if TYPE_CHECKING:
    from mockserver.engine.service import Service

_log = logging.getLogger(__name__)

LEASE = 6.0
"""Real seconds after which others take a replica that does not renew its lease for dead."""
_ROUND = 1.0
"""Real seconds between two looks at what is to be done."""
_SOON = 2 * _ROUND
"""Real seconds before a webhook is due at which its sandbox is claimed."""
_SAFETY = 1.0
"""Real seconds before the end of its lease from which a replica does nothing on its own."""


class Replica:
    """Keeps the sandboxes of a server in the database of *url*. Raises StateError."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.store = Store(self.database)
        self.keeper = StateKeeper(self.store)
        self._service: Service
        self._address = ""
        self._is_open = False
        self._ended = Event()
        self._thread = Thread(target=self._run, name="replica", daemon=True)

    @property
    def is_shared(self) -> bool:
        """Whether other servers can use the same database."""
        return self.database.is_shared

    def address_for_others(self, host: str) -> str:
        """Return the address of this machine at which other replicas reach a server on *host*."""
        if host not in ("0.0.0.0", "::"):  # noqa: S104
            return host
        return self.database.own_address()

    def start(self, service: Service, address: str) -> str | None:
        """Begin to keep the sandboxes of *service*, which other replicas reach at *address*.

        Return what is wrong with a shared database that may work later. Raises StateError.
        """
        self._service, self._address = service, address
        self.keeper.attach(service)
        try:
            self._open()
        except Unavailable as problem:
            if not self.is_shared:
                raise StateError(str(problem)) from None
            self.keeper.problem = str(problem)
        self._thread.start()
        return self.keeper.problem

    def stop(self) -> None:
        """Commit what has changed, and give everything back."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self.keeper.close()
        if self._is_open and self.keeper.problem is None:
            with suppress(Unavailable, StateError):
                self.store.leave()
        self.database.close()

    def _open(self) -> None:
        began = real_seconds()
        self.database.open()
        replica = self.database.token + token_hex(8)
        self.store.register(replica, self._address, LEASE)
        numbers = self.store.number_after if self.is_shared else None
        self._service.sandboxes.log.continue_after(self.store.last_event(), numbers)
        self._is_open = True
        self._hold_since(began)

    def _hold_since(self, began: float) -> None:
        """Act for the sandboxes as long as a lease lets it that was asked for at *began*."""
        self.keeper.recover(began + LEASE - _SAFETY if self.is_shared else math.inf)

    def _run(self) -> None:
        while not self._ended.wait(_ROUND):
            try:
                self._do_what_is_due()
            except LeaseLost as lost:
                self._is_open = False
                self._fail(lost)
            except Busy as busy:
                _log.warning("a round of the replica is put off: %s", busy)
            except (Unavailable, StateError) as error:
                self._fail(error)
            except Exception:
                _log.exception("a round of the replica failed")

    def _fail(self, error: Exception) -> None:
        if self.keeper.problem is None:
            self.keeper.fail(error)
        else:
            self.keeper.problem = str(error)

    def _do_what_is_due(self) -> None:
        if not self._is_open or self.keeper.problem is not None:
            self._open()  # anew: what it had is nobody's then, and claimed if a webhook is due
            return
        if self.is_shared:
            began = real_seconds()
            self.store.renew(LEASE)
            self._hold_since(began)
            self.keeper.others()
        self.keeper.claim_due(time.time() + _SOON)
        self.keeper.let_go()
        self.store.forget_beyond(self._service.settings.max_sandboxes)
