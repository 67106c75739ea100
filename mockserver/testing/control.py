"""A typed client of the mock's control plane, for tests and tools."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Unpack, cast
from urllib.parse import quote

from mockserver.domain.redaction import HIDDEN, Redactor, is_ours, without_url_secrets
from mockserver.testing.control_events import EventReader
from mockserver.testing.control_held import Releaser, explain_stall
from mockserver.testing.control_http import ControlError, ControlHttp, Send
from mockserver.testing.control_inboxes import InboxControl
from mockserver.testing.control_requests import RequestSender
from mockserver.testing.names import (
    Balance,
    ClockState,
    ContractWarning,
    FoundRequests,
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


class ControlClient(EventReader, InboxControl, RequestSender, Releaser):
    """Controls one sandbox of a running mock.

    *base_url* is that of the mock, *api_key* the one that the app under test uses, or *sandbox* the
    sandbox's id in place of it, and *control_token* the one that the mock was started with, if any.
    *label* is what people then know the sandbox by. *send* replaces HTTP. Every
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

    def __init__(
        self,
        base_url: str,
        api_key: str | None,
        *,
        sandbox: str | None = None,
        label: str | None = None,
        control_token: str | None = None,
        send: Send | None = None,
    ) -> None:
        self._base = f"{base_url.rstrip('/')}/__mock/"
        self._headers = {"Content-Type": "application/json"}
        if label is not None:
            self._headers["X-Mock-Label"] = label.encode("ascii", "replace").decode("ascii")
        if sandbox is not None:
            self._headers["X-Mock-Sandbox"] = sandbox
        elif api_key is not None:
            self._headers["Authorization"] = f"Bearer {api_key}"
        if control_token is not None:
            self._headers["X-Mock-Control-Token"] = control_token
        self._keys = Redactor(() if api_key is None or is_ours(api_key) else (api_key,))
        self._tokens = Redactor(() if control_token is None else (control_token,), HIDDEN)
        self.stands_still = False
        """Whether the clock is to stand still after a reset too, as in the fixtures."""
        self._http = ControlHttp()
        self._send = send or self._http

    def close(self) -> None:
        """Close the connections to the mock."""
        self._http.close()

    def shown(self, text: str) -> str:
        """Return *text* without secrets: those in URLs, and those that `without_keys` hides."""
        return without_url_secrets(self.without_keys(text))

    def without_keys(self, text: str) -> str:
        """Return *text* without the control token, and without an API key of the user's own."""
        return self._tokens.text(self._keys.text(text))

    def _call(self, method: str, path: str, body: object = None) -> Json:
        try:
            text = None if body is None else json.dumps(body).encode()
        except TypeError as error:
            raise ControlError(None, f"not sent: {error}; use JSON values") from None
        try:
            status, data = self._send(method, self._base + path, self._headers, text)
        except ControlError as error:
            raise ControlError(error.status, self.shown(str(error))) from None
        document = None
        with suppress(ValueError):
            document = json.loads(data)
        if not isinstance(document, dict):
            raise self._not_a_mock(status, self.shown(data.decode("utf-8", "replace")))
        if status != 200:
            raise ControlError(status, self.shown(str(document.get("msg", document))))
        return document

    def _not_a_mock(self, status: int, response: str) -> ControlError:
        shown = self.shown(self._base)
        return ControlError(status, f"{shown} is not a mock: it returned {response[:80]!r}")

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
        explain_stall(moved["happened"])
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

    def export_state(self) -> list[str]:
        """Export the sandbox as lines of JSON, as `maxapi-mock state export` writes them."""
        return cast("list[str]", self._call("GET", "state")["lines"])

    def import_state(self, lines: Sequence[str]) -> Json:
        """Import sandboxes that were exported, in place of those with the same ids.

        Return how many they are, and how many tasks they have.
        """
        return self._call("PUT", "state", {"lines": list(lines)})

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
