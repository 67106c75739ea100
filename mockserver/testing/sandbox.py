"""One sandbox of a mock, as a test uses it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Unpack, overload

from mockserver.contract import load_contract
from mockserver.contract.violation import shortened
from mockserver.domain.redaction import REDACTED, is_ours
from mockserver.testing.control import ControlClient, Json, Moved
from mockserver.testing.control_http import ControlError
from mockserver.testing.names import (
    ContractWarning,
    HeldItem,
    RequestMatch,
    Rule,
    SandboxSettings,
    ScenarioName,
    ScenarioText,
    ScenarioWithValue,
    with_value,
)
from mockserver.testing.rules import explained, unused_rules

__tracebackhide__ = True
"""A test that fails in here shows its own line."""


class SandboxClock:
    """The clock of a sandbox, on which everything in the mock depends.

    Its methods do what those of `ControlClient` with the same names do.
    """

    def __init__(self, control: ControlClient) -> None:
        self._control = control
        self.freeze = control.freeze
        self.run = control.run
        self.advance = control.advance
        self.advance_until = control.advance_until
        self.advance_until_idle = control.advance_until_idle

    async def async_advance(self, duration: str | float) -> Moved:
        """Do the same as `advance` without blocking the event loop, and so a receiver in it."""
        return await asyncio.to_thread(self.advance, duration)

    @property
    def now(self) -> datetime:
        """What it shows, in UTC."""
        return datetime.fromisoformat(self._control.clock()["now"])

    @property
    def frozen(self) -> bool:
        """Whether it stands still."""
        return bool(self._control.clock()["frozen"])


class MaxapiSandbox:
    """A sandbox: the isolated world of one API key in a mock.

    Configure the app under test with `base_url` and `api_key`. Everything else is for the test:
    what is to happen (`scenario`, `settings`), the time (`clock`, `wait_for`, `wait_until_idle`),
    and what the app did (`tasks`, `requests`, `deliveries`, `assert_requested`). Every method and
    property raises ControlError if the mock rejects the request, or has gone.

    >>> import requests
    >>> from mockserver.testing import running_mock
    >>> draw = {"model": "gpt-image-2/text-to-image", "input": {"prompt": "a cat"}}
    >>> with running_mock() as mock:
    ...     sandbox = mock.sandbox()
    ...     rule = sandbox.scenario("slow", "90s", times=1)
    ...     response = requests.post(
    ...         f"{sandbox.base_url}/api/v1/task/submit",
    ...         json=draw,
    ...         headers={"Authorization": f"Bearer {sandbox.api_key}"},
    ...     )
    ...     sandbox.wait_for(response.json()["data"]["taskId"])["status"]
    ...     len(sandbox.assert_requested(times=1, prompt="cat"))
    'SUCCESS'
    1
    """

    def __init__(self, base_url: str, api_key: str, control: ControlClient) -> None:
        self.base_url = base_url
        """The base URL of the API, without a slash at its end."""
        self.api_key = api_key
        self.control = control
        """The client of the control plane, for everything that has no method here."""
        control.stands_still = True
        self.clock = SandboxClock(control)
        self.release = control.release
        self.wait_until_held = control.wait_until_held
        self.async_release = control.async_release
        self.async_wait_until_held = control.async_wait_until_held

    @overload
    def scenario(
        self,
        scenario: ScenarioName | ScenarioText,
        *,
        times: int | None = None,
        **match: Unpack[RequestMatch],
    ) -> Rule: ...

    @overload
    def scenario(
        self,
        scenario: ScenarioWithValue,
        value: str | float,
        *,
        times: int | None = None,
        **match: Unpack[RequestMatch],
    ) -> Rule: ...

    def scenario(
        self,
        scenario: str,
        value: str | float | None = None,
        *,
        times: int | None = None,
        **match: Unpack[RequestMatch],
    ) -> Rule:
        """Apply *scenario* to the next *times* requests that match; without it, to all of them.

        *match* is any of model, prompt, user_id, method, path, nth (see `RequestMatch`). *value* is
        for scenarios that take one: `scenario("slow", "90s")`. Several scenarios are one text,
        `ScenarioText("slow=90s, webhook-lost")`. Returns the rule that was added.
        """
        return self.control.add_rule(with_value(scenario, value), times=times, **match)

    def settings(self, **changes: Unpack[SandboxSettings]) -> Mapping[str, str]:
        """Change settings of the sandbox for the rest of the test; return all of them.

        See `SandboxSettings`; durations are seconds, or texts like `90s`.
        """
        return self.control.change_settings(**changes) if changes else self.control.settings()

    @property
    def rules(self) -> list[Rule]:
        """The rules in order, and how often each has fired."""
        return self.control.rules()

    def unused_rules(self) -> list[Rule]:
        """List the rules that never fired: their matches may be wrong."""
        return unused_rules(self.control)

    def assert_all_rules_used(self) -> None:
        """Raise AssertionError if a rule never fired; the message names the nearest request."""
        unused = [line for rule in self.unused_rules() for line in explained(self.control, rule)]
        if unused:
            lines = "\n".join(f"  {line}" for line in unused)
            raise AssertionError(self.control.shown(f"rules that never fired:\n{lines}"))

    @property
    def tasks(self) -> list[Json]:
        """The tasks, oldest first, as a poll would return them now."""
        return self.control.tasks()

    @property
    def requests(self) -> list[Json]:
        """The requests of the app with their responses, oldest first."""
        return self.control.requests()

    @property
    def deliveries(self) -> list[Json]:
        """The webhook attempts, oldest first."""
        return self.control.deliveries()

    @property
    def held(self) -> list[HeldItem]:
        """The responses and webhooks that are held, in order of arrival."""
        return self.control.held()

    @property
    def warnings(self) -> list[ContractWarning]:
        """What the app did against the contract."""
        return self.control.warnings()

    def reset(self) -> None:
        """Delete tasks, rules and journal, and restore the settings; the clock stands still."""
        self.control.reset()

    def wait_for(self, task: str, status: str | None = None) -> Json:
        """Move the clock to the moment at which *task* enters *status*; return the task then.

        *task* is a task's id; *status* is that of success unless one is given. Webhooks that fall
        due on the way have been sent when this returns. Raises ControlError if the task never
        enters that status.
        """
        known = load_contract().document("task")["properties"]["status"]["enum"]
        if status is not None and status not in known:
            problem = f"{status!r} is not a status; use one of {', '.join(known)}"
            raise ControlError(None, f"wait_for: {problem}")
        moved = self.control.advance_until(task, status or load_contract().lifecycle.success)
        return moved.task or self.control.task(task)

    def wait_until_idle(self) -> Moved:
        """Move the clock until all tasks have ended and all webhooks are sent, given up or held."""
        return self.control.advance_until_idle()

    async def async_wait_for(self, task: str, status: str | None = None) -> Json:
        """Do the same as `wait_for` without blocking the event loop, and so a receiver in it."""
        return await asyncio.to_thread(self.wait_for, task, status)

    async def async_wait_until_idle(self) -> Moved:
        """Do the same as `wait_until_idle` without blocking the event loop."""
        return await asyncio.to_thread(self.wait_until_idle)

    def assert_requested(
        self, *, times: int | None = None, **match: Unpack[RequestMatch]
    ) -> list[Json]:
        """Return the matching requests; raise AssertionError unless there is one, or *times*.

        *match* is any of model, prompt, user_id, method, path, nth (see `RequestMatch`). The
        message names the requests that come nearest, and what differs.
        """
        outcome = self.control.find(**match)
        found = outcome["requests"]
        if len(found) == times or (times is None and found):
            return found
        wanted = ", ".join(f"{name}={value!r}" for name, value in match.items()) or "any request"
        times_ = "at least once" if times is None else f"{times} times"
        lines = [f"{wanted}: expected {times_}, seen {len(found)} times"]
        lines += [f"  seen: {self._line(one)}" for one in found]
        for miss in outcome["near_misses"]:
            lines.append(f"  near: {self._line(miss['request'])}")
            lines += [f"        {difference}" for difference in miss["differences"]]
        if not found and not outcome["near_misses"]:
            lines.append(f"  no request at all came with the key {shown_key(self.api_key)}")
        raise AssertionError(self.control.shown("\n".join(lines)))

    def _line(self, request: Json) -> str:
        body = request["body"]
        text = body if isinstance(body, str) else json.dumps(shortened(body), ensure_ascii=False)
        shown: Sequence[str] = [request["method"], request["path"], self.control.shown(text)[:200]]
        return " ".join(shown).rstrip()

    def close(self) -> None:
        """Reset the sandbox, and close the connections to the mock."""
        self.control.stands_still = False
        try:
            self.control.reset()
        except ControlError as error:
            if error.status is not None:
                raise
        finally:
            self.control.close()


def shown_key(api_key: str) -> str:
    """Return a key for a shell: as it is if the mock made it, else the variable that has it."""
    return api_key if is_ours(api_key) else REDACTED
