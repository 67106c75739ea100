"""What a test holds in its hands: one sandbox of a mock."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Unpack, overload

from mockserver.contract import load_contract
from mockserver.contract.violation import shortened
from mockserver.domain.redaction import REDACTED, is_ours
from mockserver.testing.control import ControlClient, ControlError, Json, Moved
from mockserver.testing.names import (
    RequestMatch,
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
    """The clock of a sandbox; everything that the mock does goes by it."""

    def __init__(self, control: ControlClient) -> None:
        self._control = control
        self.freeze = control.freeze
        self.run = control.run
        self.advance = control.advance
        self.advance_until = control.advance_until
        self.advance_until_idle = control.advance_until_idle

    @property
    def now(self) -> datetime:
        """The moment that it shows, in UTC."""
        return datetime.fromisoformat(self._control.clock()["now"])

    @property
    def frozen(self) -> bool:
        """Whether it stands still."""
        return bool(self._control.clock()["frozen"])


class MaxapiSandbox:
    """An isolated world of one mock: the app under test is given `base_url` and `api_key`."""

    def __init__(self, base_url: str, api_key: str, control: ControlClient) -> None:
        self.base_url = base_url
        """Where the API is, without a slash at its end."""
        self.api_key = api_key
        self.control = control
        """Everything else that can be asked of the mock."""
        control.stands_still = True
        self.clock = SandboxClock(control)

    @overload
    def scenario(
        self,
        scenario: ScenarioName | ScenarioText,
        *,
        times: int | None = None,
        **match: Unpack[RequestMatch],
    ) -> Json: ...

    @overload
    def scenario(
        self,
        scenario: ScenarioWithValue,
        value: str | float,
        *,
        times: int | None = None,
        **match: Unpack[RequestMatch],
    ) -> Json: ...

    def scenario(
        self,
        scenario: str,
        value: str | float | None = None,
        *,
        times: int | None = None,
        **match: Unpack[RequestMatch],
    ) -> Json:
        """Let *scenario* happen to the requests that match, so many times or always.

        *match* is any of model, prompt, user_id, method, path, nth. Gives the rule. Any text
        works that a rule takes, such as `slow=90s, webhook-lost`; for type checkers that is a
        `ScenarioText`, or `scenario("slow", "90s")`.
        """
        return self.control.add_rule(with_value(scenario, value), times=times, **match)

    def settings(self, **changes: Unpack[SandboxSettings]) -> Mapping[str, str]:
        """Change settings of the sandbox for the rest of the test; give all that it has."""
        return self.control.change_settings(**changes) if changes else self.control.settings()

    @property
    def rules(self) -> list[Json]:
        """The rules in their order, and how often each has spoken."""
        return self.control.rules()

    def unused_rules(self) -> list[Json]:
        """List the rules that have never spoken: they may match something else than meant."""
        return unused_rules(self.control)

    def assert_all_rules_used(self) -> None:
        """Fail if a rule has never spoken; the failure names what came nearest to it."""
        unused = [line for rule in self.unused_rules() for line in explained(self.control, rule)]
        if unused:
            lines = "\n".join(f"  {line}" for line in unused)
            raise AssertionError(self.control.shown(f"rules that never fired:\n{lines}"))

    @property
    def tasks(self) -> list[Json]:
        """The tasks, oldest first, as a poll would show them now."""
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
    def warnings(self) -> list[Json]:
        """What the app did against the contract: `kind`, `text`, and `count`."""
        return self.control.warnings()

    def reset(self) -> None:
        """Begin anew: no tasks, rules or journal, the first settings; the clock stands still."""
        self.control.reset()

    def wait_for(self, task: str, status: str | None = None) -> Json:
        """Move the clock to the moment at which *task* enters *status*; give the task then.

        The status is that of success unless one is given. Webhooks that fall due on the way have
        been delivered when this returns. Raises ControlError if the task never enters it.
        """
        known = load_contract().document("task")["properties"]["status"]["enum"]
        if status is not None and status not in known:
            said = f"wait_for: {status!r} is no status; use one of {', '.join(known)}"
            raise ControlError(None, said)
        self.control.advance_until(task, status or load_contract().lifecycle.success)
        return self.control.task(task)

    def wait_until_idle(self) -> Moved:
        """Move the clock until every task has ended and every webhook is delivered or given up."""
        return self.control.advance_until_idle()

    def assert_requested(
        self, *, times: int | None = None, **match: Unpack[RequestMatch]
    ) -> list[Json]:
        """Fail unless the app has made a matching request, or exactly so many; give them.

        *match* is any of model, prompt, user_id, method, path, nth. The failure names the
        requests that come nearest, and what differs.
        """
        answer = self.control.find(**match)
        found: list[Json] = answer["requests"]
        if len(found) == times or (times is None and found):
            return found
        wanted = ", ".join(f"{name}={value!r}" for name, value in match.items()) or "any request"
        times_ = "at least once" if times is None else f"{times} times"
        lines = [f"{wanted}: expected {times_}, seen {len(found)} times"]
        lines += [f"  seen: {self._line(one)}" for one in found]
        for miss in answer["near_misses"]:
            lines.append(f"  near: {self._line(miss['request'])}")
            lines += [f"        {difference}" for difference in miss["differences"]]
        if not found and not answer["near_misses"]:
            lines.append(f"  no request at all came with the key {shown_key(self.api_key)}")
        raise AssertionError(self.control.shown("\n".join(lines)))

    def _line(self, request: Json) -> str:
        body = request["body"]
        text = body if isinstance(body, str) else json.dumps(shortened(body), ensure_ascii=False)
        shown: Sequence[str] = [request["method"], request["path"], self.control.shown(text)[:200]]
        return " ".join(shown).rstrip()

    def close(self) -> None:
        """Forget what was in the sandbox, and close the connections to the mock."""
        self.control.stands_still = False
        try:
            self.control.reset()
        except ControlError as error:
            if error.status is not None:
                raise
        finally:
            self.control.close()


def shown_key(api_key: str) -> str:
    """Give a key for a shell: as it is if the mock made it, else the variable that holds it."""
    return api_key if is_ours(api_key) else REDACTED
