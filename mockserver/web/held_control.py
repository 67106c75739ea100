"""The control plane's operations on what scenarios hold."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mockserver.domain.durations import parse_duration
from mockserver.engine.held import NotHeldError
from mockserver.engine.messages import ApiError
from mockserver.engine.timeline import webhook_event
from mockserver.web.control_request import as_text
from mockserver.web.control_views import Json, Views

_LONGEST = timedelta(minutes=4)
"""Clients wait for five minutes, see `testing.control_http`."""


class HeldOperations(Views):
    """What a request for such an operation returns."""

    def list_held(self) -> Json:
        return {"held": [held.as_json() for held in self._sandbox().held]}

    def wait_until_held(self, name: str) -> Json:
        body = self._body("newWait")
        try:
            holds = self._sandbox().held
            holds.wait_until_held(name, body.get("count", 1), _seconds(body))
        except NotHeldError as error:
            raise ApiError(404, str(error)) from None
        return self.list_held()

    def release(self, name: str) -> Json:
        body = self._body("newRelease")
        try:
            released, attempts = self._sandbox().held.release(
                name, everything=body.get("all", False), within=_seconds(body)
            )
        except NotHeldError as error:
            raise ApiError(404, str(error)) from None
        return {
            "released": [held.as_json() for held in released],
            "happened": [webhook_event(attempt) for attempt in attempts],
        }


def _seconds(body: dict[str, Any]) -> float:
    """Return how long to wait for something to be held. Raises ApiError."""
    try:
        within = parse_duration(as_text(body.get("within", 0)))
    except ValueError as error:
        raise ApiError(400, f"within: {error}") from None
    if within > _LONGEST:
        raise ApiError(400, "within: it can be 4m at most")
    return within.total_seconds()
