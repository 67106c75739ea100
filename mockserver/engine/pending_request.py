"""A request on its way through the service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mockserver.domain.scenario import NOTHING, Script
from mockserver.engine.contract_warnings import UNKNOWN_ROUTE, OperationName
from mockserver.engine.journal import RecordedRequest
from mockserver.engine.messages import ApiError, Request
from mockserver.engine.poll_responses import Shown
from mockserver.engine.sandbox import Sandbox


@dataclass(slots=True)
class PendingRequest:
    """A request on its way through the service."""

    request: Request
    sandbox: Sandbox
    now: datetime
    """The moment of everything in the response."""
    is_apps: bool = True
    """Whether the app sent it, so that contract warnings can be about it."""
    script: Script = NOTHING
    unauthorized: ApiError | None = None
    """Why its token is not accepted, if it is not."""
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
    shown: Shown | None = None
    """What a poll shows."""
    expired: bool = False
    """Whether the request is for a file that has expired."""
    recorded: RecordedRequest = field(init=False)
    """What the journal has of it, once it has."""

    def enter(self, sandbox: Sandbox) -> None:
        """Continue in *sandbox*, at its current moment."""
        self.sandbox, self.now = sandbox, sandbox.clock.now()
        sandbox.tell_at_once(self.now)
