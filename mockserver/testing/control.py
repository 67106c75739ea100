"""A typed client of the mock's control plane, for tests and tools."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack, cast
from urllib.parse import quote

import urllib3

from mockserver.domain.redaction import HIDDEN, Redactor, is_ours, without_url_secrets
from mockserver.testing.names import RequestMatch, SandboxSettings, ScenarioName, ScenarioText

Send = Callable[[str, str, Mapping[str, str], bytes | None], tuple[int, bytes]]
"""Sends one request (method, URL, headers, body) and gives the status and body of its answer."""

__tracebackhide__ = True
"""A test that is refused something shows its own line, not those in here."""

_SEVERAL = ("expect", "cancellable")
"""Settings that can have several values at once."""
_TO_CONNECT, _TO_ANSWER = 10.0, 300.0
"""Real seconds; an advance answers once every webhook on its way has been tried."""

Json = dict[str, Any]
"""A JSON object, as `schemas/control.json` describes it."""


class ControlError(Exception):
    """The mock refused a control request, or there is none; the message says why."""

    def __init__(self, status: int | None, message: str) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status of the refusal; None if nobody answered."""


@dataclass(frozen=True, slots=True)
class Moved:
    """The clock after it was moved, and what happened on the way."""

    now: str
    speed: float
    happened: Sequence[Json]
    """Transitions and webhook attempts, in their order."""


class ControlClient:
    """Steers one sandbox of a running mock; each call raises ControlError if it is refused."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        control_token: str | None = None,
        send: Send | None = None,
    ) -> None:
        self._base = f"{base_url.rstrip('/')}/__mock/"
        self._headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        if control_token is not None:
            self._headers["X-Mock-Control-Token"] = control_token
        self._keys = Redactor(() if is_ours(api_key) else (api_key,))
        self._others = Redactor(() if control_token is None else (control_token,), HIDDEN)
        self.stands_still = False
        """Whether the clock is to stand still after a reset, too, as that of a fixture does."""
        self._http = _Http()
        self._send = send or self._http

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def shown(self, text: str) -> str:
        """Give *text* without secrets: those of URLs, and what `without_keys` hides."""
        return without_url_secrets(self.without_keys(text))

    def without_keys(self, text: str) -> str:
        """Give *text* without the API key, unless the mock made it, and the control token."""
        return self._others.text(self._keys.text(text))

    def _call(self, method: str, path: str, body: Any = None) -> Json:
        try:
            text = None if body is None else json.dumps(body).encode()
        except TypeError as error:
            raise ControlError(None, f"not sent: {error}; use JSON values") from None
        try:
            status, data = self._send(method, self._base + path, self._headers, text)
        except ControlError as error:
            raise ControlError(error.status, self.shown(str(error))) from None
        try:
            answer = json.loads(data)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            said = self.shown(data.decode("utf-8", "replace"))[:80]
            raise ControlError(status, f"{self.shown(self._base)} is no mock: it answers {said!r}")
        if status != 200:
            raise ControlError(status, self.shown(str(answer.get("msg", answer))))
        return answer

    # -- clock -------------------------------------------------------------------------------

    def clock(self) -> Json:
        """Give `now`, `speed` and `frozen`."""
        return self._call("GET", "clock")

    def freeze(self) -> None:
        """Let the clock stand still."""
        answer = self._call("POST", "clock", {"freeze": True})
        if "frozen" not in answer:
            said = f"{self._base} is no mock: it answers {answer!r}"
            raise ControlError(200, self.shown(said)[:200])

    def run(self, speed: float = 1) -> None:
        """Let the clock run, *speed* times as fast as real time."""
        self._call("POST", "clock", {"run": True, "speed": speed})

    def advance(self, duration: str | float) -> Moved:
        """Move the clock ahead by seconds, or by a text such as `90s` or `6d`."""
        return self._move({"advance": duration})

    def advance_until(self, task_id: str, status: str) -> Moved:
        """Move the clock to the moment at which a task enters a state."""
        return self._move({"advance_until": {"task": task_id, "status": status}})

    def advance_until_idle(self) -> Moved:
        """Move the clock until nothing is due any more."""
        return self._move({"advance_until": "idle"})

    def _move(self, course: Json) -> Moved:
        moved = self._call("POST", "clock", course)
        return Moved(moved["now"], moved["speed"], moved["happened"])

    # -- tasks -------------------------------------------------------------------------------

    def tasks(self) -> list[Json]:
        """List the tasks, oldest first."""
        return cast("list[Json]", self._call("GET", "tasks")["tasks"])

    def task(self, task_id: str) -> Json:
        """Show a task with its `timeline`, past and to come."""
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

    # -- what was asked and sent -------------------------------------------------------------

    def requests(self) -> list[Json]:
        """List the last requests with their responses, oldest first."""
        return cast("list[Json]", self._call("GET", "requests")["requests"])

    def count(self, **match: Unpack[RequestMatch]) -> int:
        """Count the requests that match: model, prompt, user_id, method, path, nth."""
        return int(self._call("POST", "requests/count", match)["count"])

    def find(self, **match: Unpack[RequestMatch]) -> Json:
        """Find `requests` that match and, if none does, `near_misses` with what differs."""
        return self._call("POST", "requests/find", match)

    def warnings(self) -> list[Json]:
        """List what the app did against the contract: `kind`, `text` and `count`."""
        return cast("list[Json]", self._call("GET", "warnings")["warnings"])

    def strangers(self) -> Json:
        """Count the requests of keys that nobody controls, since this sandbox began anew.

        Gives `with_other_keys` and `without_key`.
        """
        return self._call("GET", "strangers")

    def deliveries(self) -> list[Json]:
        """List the last webhook attempts, oldest first."""
        return cast("list[Json]", self._call("GET", "deliveries")["deliveries"])

    def resend(self, number: int) -> Json:
        """Send a webhook once more, as it was sent; give the attempt."""
        return self._call("POST", f"deliveries/{number}/resend")

    # -- the sandbox -------------------------------------------------------------------------

    def scenarios(self) -> list[Json]:
        """List the catalogue of scenarios."""
        return cast("list[Json]", self._call("GET", "scenarios")["scenarios"])

    def models(self) -> list[Json]:
        """List the models in short."""
        return cast("list[Json]", self._call("GET", "models")["models"])

    def model(self, name: str) -> Json:
        """Show the `fields`, `rules`, `price` and `pixels` of a model, each with its source."""
        return self._call("GET", f"models/{quote(name)}")

    def rules(self) -> list[Json]:
        """List the rules in their order, and how often each has spoken."""
        return cast("list[Json]", self._call("GET", "rules")["rules"])

    def add_rule(
        self,
        scenario: ScenarioName | ScenarioText,
        *,
        times: int | None = None,
        **match: Unpack[RequestMatch],
    ) -> Json:
        """Let *scenario* happen to the requests that match, so many times or always."""
        return self._call("POST", "rules", {"scenario": scenario, "times": times, "match": match})

    def delete_rule(self, id_: int) -> None:
        """Delete a rule."""
        self._call("DELETE", f"rules/{id_}")

    def clear_rules(self) -> None:
        """Delete all rules."""
        self._call("DELETE", "rules")

    def balance(self) -> Json:
        """Give `balance_usd`, None if unlimited, and `spent_usd`.

        Where tasks are charged for whose price nobody publishes, `unpriced_tasks` counts them,
        and `note` says it in words.
        """
        return self._call("GET", "balance")

    def set_balance(self, usd: str | None) -> Json:
        """Set what is left to spend; None is unlimited."""
        return self._call("PUT", "balance", {"balance_usd": usd})

    def settings(self) -> Mapping[str, str]:
        """Give the settings of the sandbox by name."""
        return cast("dict[str, str]", self._call("GET", "settings")["settings"])

    def change_settings(self, **settings: Unpack[SandboxSettings]) -> Mapping[str, str]:
        """Change settings of the sandbox until a reset: pace, duration, scenario, …."""
        body = {name: _plain(name, value) for name, value in settings.items()}
        return cast("dict[str, str]", self._call("PATCH", "settings", body)["settings"])

    def reset(self, *, everything: bool = False, keep_clock: bool = False) -> int:
        """Reset the sandbox, or all; give how many tasks were forgotten.

        The clock is put back to real time and, where it does not always stand still, to its
        speed, unless *keep_clock*.
        """
        path, keep = "reset?all=true" if everything else "reset", {"keep": ["clock"]}
        forgotten = int(self._call("POST", path, keep if keep_clock else None)["tasks"])
        if self.stands_still and not keep_clock:
            self.freeze()
        return forgotten


def _plain(name: str, value: object) -> str | float | None:
    """Write a setting's value as the command line has it; numbers may stay what they are."""
    if name in _SEVERAL and isinstance(value, list | tuple | set | frozenset):
        return ",".join(map(str, value))
    return value if isinstance(value, str | int | float | None) else str(value)


class _Http:
    """Sends over kept-alive connections."""

    def __init__(self) -> None:
        self._pool = urllib3.PoolManager(
            retries=False, timeout=urllib3.Timeout(connect=_TO_CONNECT, read=_TO_ANSWER)
        )

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[int, bytes]:
        scheme = url.partition("://")[0] if "://" in url else "none"
        if scheme not in ("http", "https"):
            said = f"no mock answers: an http or https URL is needed, not one of scheme {scheme}"
            raise ControlError(None, said)
        try:
            response = self._pool.request(method, url, body=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise ControlError(None, f"no mock answers: {error}") from None
        except ValueError as error:  # a key that no header can hold
            raise ControlError(None, f"not sent: {error}") from None
        return response.status, response.data

    def close(self) -> None:
        self._pool.clear()
