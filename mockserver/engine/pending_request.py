"""A request on its way through the service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mockserver.domain.scenario import NOTHING, Script
from mockserver.engine.contract_warnings import UNKNOWN_ROUTE, OperationName
from mockserver.engine.messages import ApiError, Request
from mockserver.engine.sandbox import Sandbox


@dataclass(slots=True)
class PendingRequest:
    """A request on its way through the service."""

    request: Request
    sandbox: Sandbox
    now: datetime
    """The moment of everything in the response."""
    script: Script = NOTHING
    task_id: str | None = None
    document: Any = None
    """The body of a submission as JSON, if it could be read."""
    unreadable: ApiError | None = None
    """Why it could not be read."""
    operation: OperationName = UNKNOWN_ROUTE
    rejection: ApiError | None = None
    """Why the request was rejected, if it was."""
    message: str = ""
    """The message of that rejection."""
    remarks: Sequence[str] = ()
    """What has no effect in an accepted submission."""
    status: str | None = None
    """The status that a poll shows."""
    has_ended: bool = False
    """Whether that status is final."""
    waits_for_clock: bool = False
    """Whether that status changes with time, without further polls."""
    expired: bool = False
    """Whether the request is for a file that has expired."""

    def enter(self, sandbox: Sandbox) -> None:
        """Continue in *sandbox*, at its current moment."""
        self.sandbox, self.now = sandbox, sandbox.clock.now()
