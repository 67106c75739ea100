"""A request on its way through the service."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mockserver.domain.scenario import NOTHING, Script
from mockserver.engine.exchange import Refusal, Request
from mockserver.engine.sandbox import Sandbox


@dataclass(slots=True)
class Call:
    """A request on its way through the service."""

    request: Request
    sandbox: Sandbox
    now: datetime
    """The one moment that the whole answer speaks of."""
    script: Script = NOTHING
    task_id: str | None = None
    document: Any = None
    """The body of a submission as JSON, if it could be read."""
    unreadable: Refusal | None = None
    """Why it could not."""

    def enter(self, sandbox: Sandbox) -> None:
        """Go on in *sandbox*, and in its time."""
        self.sandbox, self.now = sandbox, sandbox.clock.now()
