"""A typed client of the mock's control plane, for tests and tools."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Unpack, cast
from urllib.parse import quote

from mockserver.testing.control_http import ControlCalls, ControlError
from mockserver.testing.names import (
    Balance,
    ClockState,
    ContractWarning,
    FoundRequests,
    HeldItem,
    OtherRequests,
    RequestMatch,
    Rule,
    SandboxSettings,
    ScenarioName,
    ScenarioText,
    as_setting,
)

__tracebackhide__ = True
"""A test whose request is rejected shows its own line, not those in here."""

PATIENCE = 10.0
"""Real seconds to wait until something is held."""
Json = dict[str, Any]
"""A JSON object with fields of the API, for example a task; see `schemas/control.json`."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The clock after it was moved, and what happened on the way."""

    now: str
    """ISO 8601, in UTC."""
    speed: float
    """How many times as fast as real time the clock runs; 0 if it stands still."""
    happened: Sequence[Json]
    """The transitions of tasks and the webhook attempts, in order."""
    task: Json | None = None
    """The task whose status was waited for, with its `timeline`; None if it has been deleted."""


class ControlClient(ControlCalls):
    """Controls one sandbox of a running mock.

    *base_url* is that of the mock, *api_key* the one that the app under test uses, and
    *control_token* the one that the mock was started with, if any. *send* replaces HTTP. Every
    method raises ControlError if the mock rejects the request, or there is no mock.

    >>> from mockserver.testing import ControlClient, running_mock
    >>> with running_mock() as mock:
    ...     control = ControlClient(mock.url, "key-of-the-app")
    ...     control.freeze()
    ...     rule = control.add_rule("unavailable", times=2, path="*/submit")
    ...     (rule["scenario"], control.clock()["frozen"])
    ...     control.close()
    ('unavailable', True)
    """

    # -- clock -------------------------------------------------------------------------------

    def clock(self) -> ClockState:
        """Return what the clock shows, its speed, and whether it stands still."""
        return cast("ClockState", self._call("GET", "clock"))

    def freeze(self) -> None:
        """Stop the clock; only `advance` and the like move it then."""
        document = self._call("POST", "clock", {"freeze": True})
        if "frozen" not in document:
            raise self._not_a_mock(200, self.shown(json.dumps(document)))

    def run(self, speed: float = 1) -> None:
        """Let the clock run, *speed* times as fast as real time."""
        self._call("POST", "clock", {"run": True, "speed": speed})

    def advance(self, duration: str | float) -> Moved:
        """Move the clock ahead by seconds, or by a text like `90s` or `6d`."""
        return self._move({"advance": duration})

    def advance_until(self, task_id: str, status: str) -> Moved:
        """Move the clock to the moment at which a task enters a state."""
        return self._move({"advance_until": {"task": task_id, "status": status}})

    def advance_until_idle(self) -> Moved:
        """Move the clock until nothing more is due."""
        return self._move({"advance_until": "idle"})

    def _move(self, course: Json) -> Moved:
        moved = self._call("POST", "clock", course)
        _explain_stall(moved["happened"])
        return Moved(moved["now"], moved["speed"], moved["happened"], moved.get("task"))

    # -- tasks -------------------------------------------------------------------------------

    def tasks(self) -> list[Json]:
        """List the tasks, oldest first."""
        return cast("list[Json]", self._call("GET", "tasks")["tasks"])

    def task(self, task_id: str) -> Json:
        """Return a task with its `timeline`, past and to come."""
        return self._call("GET", f"tasks/{task_id}")

    def finish(self, task_id: str) -> Json:
        """End a task in success, now."""
        return self._call("POST", f"tasks/{task_id}/finish")

    def fail(self, task_id: str, reason: str | None = None) -> Json:
        """End a task in failure, now, with a `failure_reason`."""
        return self._call("POST", f"tasks/{task_id}/fail", {"reason": reason})

    def time_out(self, task_id: str) -> Json:
        """Let a task time out, now."""
        return self._call("POST", f"tasks/{task_id}/timeout")

    def cancel(self, task_id: str) -> Json:
        """Cancel a task as the operator, in any state that is not terminal."""
        return self._call("POST", f"tasks/{task_id}/cancel")

    def expire(self, task_id: str) -> Json:
        """Let the results of a task expire, now."""
        return self._call("POST", f"tasks/{task_id}/expire")

    # -- requests and webhooks ---------------------------------------------------------------

    def requests(self) -> list[Json]:
        """List the last requests with their responses, oldest first."""
        return cast("list[Json]", self._call("GET", "requests")["requests"])

    def count(self, **match: Unpack[RequestMatch]) -> int:
        """Count the requests that match: model, prompt, user_id, method, path, nth."""
        return int(self._call("POST", "requests/count", match)["count"])

    def find(self, **match: Unpack[RequestMatch]) -> FoundRequests:
        """Return the requests that match and, if none does, near misses with what differs."""
        return cast("FoundRequests", self._call("POST", "requests/find", match))

    def warnings(self) -> list[ContractWarning]:
        """List what the app did against the contract."""
        return cast("list[ContractWarning]", self._call("GET", "warnings")["warnings"])

    def strangers(self) -> OtherRequests:
        """Count the requests with keys that no client controls, since the last reset."""
        return cast("OtherRequests", self._call("GET", "strangers"))

    def deliveries(self) -> list[Json]:
        """List the last webhook attempts, oldest first."""
        return cast("list[Json]", self._call("GET", "deliveries")["deliveries"])

    def resend(self, number: int) -> Json:
        """Send a webhook again, unchanged; return the attempt."""
        return self._call("POST", f"deliveries/{number}/resend")

    # -- what scenarios hold -----------------------------------------------------------------

    def held(self) -> list[HeldItem]:
        """List the responses and webhooks that are held, in order of arrival."""
        return cast("list[HeldItem]", self._call("GET", "held")["held"])

    def wait_until_held(
        self, name: str = "held", *, count: int = 1, within: str | float = PATIENCE
    ) -> list[HeldItem]:
        """Wait until *count* are held by *name*; return all that is held.

        Raises ControlError if they are not *within* this real time; its message says what is held.
        """
        body = {"count": count, "within": within}
        path = f"held/{quote(name, safe='')}/wait"
        return cast("list[HeldItem]", self._call("POST", path, body)["held"])

    def release(
        self, name: str = "held", *, everything: bool = False, within: str | float = PATIENCE
    ) -> list[HeldItem]:
        """Release what was held by *name* first, or *everything* by it; return what was released.

        When this returns, it has been sent: whatever is released next comes after it. If nothing
        is held by that name yet, this waits for it. Raises ControlError if nothing is *within* this
        real time; its message says what is held instead.
        """
        body = {"all": everything, "within": within}
        done = self._call("POST", f"held/{quote(name, safe='')}/release", body)
        _explain_stall(done["happened"])
        return cast("list[HeldItem]", done["released"])

    async def async_wait_until_held(
        self, name: str = "held", *, count: int = 1, within: str | float = PATIENCE
    ) -> list[HeldItem]:
        """Do the same as `wait_until_held` without blocking the event loop."""
        return await asyncio.to_thread(self.wait_until_held, name, count=count, within=within)

    async def async_release(
        self, name: str = "held", *, everything: bool = False, within: str | float = PATIENCE
    ) -> list[HeldItem]:
        """Do the same as `release` without blocking the event loop, and so a receiver in it."""
        return await asyncio.to_thread(self.release, name, everything=everything, within=within)

    # -- the sandbox -------------------------------------------------------------------------

    def scenarios(self) -> list[Json]:
        """List the catalogue of scenarios."""
        return cast("list[Json]", self._call("GET", "scenarios")["scenarios"])

    def models(self) -> list[Json]:
        """List the models, without their fields."""
        return cast("list[Json]", self._call("GET", "models")["models"])

    def model(self, name: str) -> Json:
        """Return the `fields`, `rules`, `price` and `pixels` of a model, each with its source."""
        return self._call("GET", f"models/{quote(name)}")

    def rules(self) -> list[Rule]:
        """List the rules in order, and how often each has fired."""
        return cast("list[Rule]", self._call("GET", "rules")["rules"])

    def add_rule(
        self,
        scenario: ScenarioName | ScenarioText,
        *,
        times: int | None = None,
        **match: Unpack[RequestMatch],
    ) -> Rule:
        """Apply *scenario* to the next *times* requests that match; None is to all of them."""
        rule = {"scenario": scenario, "times": times, "match": match}
        return cast("Rule", self._call("POST", "rules", rule))

    def delete_rule(self, id_: int) -> None:
        """Delete a rule."""
        self._call("DELETE", f"rules/{id_}")

    def clear_rules(self) -> None:
        """Delete all rules."""
        self._call("DELETE", "rules")

    def balance(self) -> Balance:
        """Return what is left (None is unlimited) and what was spent.

        `unpriced_tasks` counts the tasks, if there are any, of models without a published price;
        `note` explains it.
        """
        return cast("Balance", self._call("GET", "balance"))

    def set_balance(self, usd: str | None) -> Balance:
        """Set what is left to spend; None is unlimited."""
        return cast("Balance", self._call("PUT", "balance", {"balance_usd": usd}))

    def settings(self) -> Mapping[str, str]:
        """Return the settings of the sandbox by name."""
        return cast("dict[str, str]", self._call("GET", "settings")["settings"])

    def change_settings(self, **settings: Unpack[SandboxSettings]) -> Mapping[str, str]:
        """Change settings of the sandbox until a reset; return all of them."""
        body = {name: as_setting(name, value) for name, value in settings.items()}
        return cast("dict[str, str]", self._call("PATCH", "settings", body)["settings"])

    def reset(self, *, everything: bool = False, keep_clock: bool = False) -> int:
        """Reset the sandbox, or *everything* in the mock; return how many tasks were deleted.

        Unless *keep_clock*, the clock goes back to real time and to the speed of the settings; one
        that `stands_still` is stopped again.
        """
        path, keep = "reset?all=true" if everything else "reset", {"keep": ["clock"]}
        forgotten = int(self._call("POST", path, keep if keep_clock else None)["tasks"])
        if self.stands_still and not keep_clock:
            self.freeze()
        return forgotten


def _explain_stall(happened: Sequence[Json]) -> None:
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
