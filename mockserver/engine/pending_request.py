"""A request on its way through the service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mockserver.domain.scenario import NOTHING, Script
from mockserver.engine.contract_warnings import UNKNOWN_ROUTE
from mockserver.engine.messages import ApiError, Request
from mockserver.engine.sandbox import Sandbox


@dataclass(slots=True)
class PendingRequest:
    """A request on its way through the service."""

    request: Request
    sandbox: Sandbox
    now: datetime
    """The one moment that the whole answer speaks of."""
    script: Script = NOTHING
    task_id: str | None = None
    document: Any = None
    """The body of a submission as JSON, if it could be read."""
    unreadable: ApiError | None = None
    """Why it could not."""
    operation: str = UNKNOWN_ROUTE
    """What its path is for: `submit`, `query`, `cancel`, `result`."""
    rejection: ApiError | None = None
    """Why it was rejected, if it was."""
    said: str = ""
    """The message of that."""
    remarks: Sequence[str] = ()
    """What an accepted submission holds in vain."""
    status: str | None = None
    """What a poll is shown."""
    has_ended: bool = False
    """Whether that is final."""
    waits_for_clock: bool = False
    """Whether time alone would change it."""
    expired: bool = False
    """Whether it asks for a file that has expired."""

    def enter(self, sandbox: Sandbox) -> None:
        """Go on in *sandbox*, and in its time."""
        self.sandbox, self.now = sandbox, sandbox.clock.now()
