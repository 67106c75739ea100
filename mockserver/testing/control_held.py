"""What scenarios hold, and its release, for the typed client of the control plane."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast
from urllib.parse import quote

from mockserver.testing.control_http import ControlError
from mockserver.testing.names import HeldItem

__tracebackhide__ = True
"""A test whose request is rejected shows its own line, not those in here."""

_PATIENCE = 10.0
"""Real seconds to wait until something is held."""


class Releaser(ABC):
    """Releases the responses and webhooks of one sandbox that are held."""

    @abstractmethod
    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Send a control request; return the document in its response."""

    def held(self) -> list[HeldItem]:
        """List the responses and webhooks that are held, in order of arrival."""
        return cast("list[HeldItem]", self._call("GET", "held")["held"])

    def wait_until_held(
        self, name: str = "held", *, count: int = 1, within: str | float = _PATIENCE
    ) -> list[HeldItem]:
        """Wait until *count* are held by *name*; return all that is held.

        Raises ControlError if they are not *within* this real time; its message says what is held.
        """
        body = {"count": count, "within": within}
        path = f"held/{quote(name, safe='')}/wait"
        return cast("list[HeldItem]", self._call("POST", path, body)["held"])

    def release(
        self, name: str = "held", *, everything: bool = False, within: str | float = _PATIENCE
    ) -> list[HeldItem]:
        """Release what was held by *name* first, or *everything* by it; return what was released.

        When this returns, it has been sent: whatever is released next comes after it. If nothing
        is held by that name yet, this waits for it. Raises ControlError if nothing is *within* this
        real time; its message says what is held instead.
        """
        body = {"all": everything, "within": within}
        done = self._call("POST", f"held/{quote(name, safe='')}/release", body)
        explain_stall(done["happened"])
        return cast("list[HeldItem]", done["released"])

    async def async_wait_until_held(
        self, name: str = "held", *, count: int = 1, within: str | float = _PATIENCE
    ) -> list[HeldItem]:
        """Do the same as `wait_until_held` without blocking the event loop."""
        return await asyncio.to_thread(self.wait_until_held, name, count=count, within=within)

    async def async_release(
        self, name: str = "held", *, everything: bool = False, within: str | float = _PATIENCE
    ) -> list[HeldItem]:
        """Do the same as `release` without blocking the event loop, and so a receiver in it."""
        return await asyncio.to_thread(self.release, name, everything=everything, within=within)


def explain_stall(happened: Sequence[dict[str, Any]]) -> None:
    """Raise ControlError if the caller blocked the event loop in which its receiver runs."""
    timed_out = [one for one in happened if one.get("failure") == "timeout"]
    if timed_out and _is_in_event_loop():
        raise ControlError(
            None,
            f"{len(timed_out)} webhook attempts timed out while this call waited in an event loop: "
            "a receiver in the same loop cannot respond meanwhile; use await async_wait_for(…), "
            "async_wait_until_idle(), clock.async_advance(…) or async_release(…)",
        )


def _is_in_event_loop() -> bool:
    with suppress(RuntimeError):
        return asyncio.get_running_loop() is not None
    return False
