"""What a poll of a webhook's task shows: from a mock on this machine without the task's API key."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from mockserver.contract import NotJson, load_contract, parse_json
from mockserver.domain.differences import ABSENT, differences
from mockserver.domain.redaction import without_users
from mockserver.network.receiver import is_this_machine

_PATIENCE = 5.0
"""Real seconds: the webhook that waits for it needs a response."""
_MOST = 160
"""Characters of a value that are shown."""


@dataclass(frozen=True, slots=True)
class Poll:
    """What a poll shows, or why it does not."""

    response: Any = None
    attempts: Sequence[Mapping[str, Any]] = ()
    """Those to deliver the webhook before, as far as the mock knows."""
    why_not: str = ""


class Polls:
    """Polls tasks at *url*: at a mock on this machine by its control plane, elsewhere by key."""

    def __init__(self, url: str, api_key: str | None, control_token: str | None) -> None:
        import urllib3

        self._url = url.removesuffix("/").removesuffix("/api/v1").removesuffix("/")
        self._key = api_key
        self._token = control_token
        self._path = load_contract().service["operations"]["query"]["path"]
        self._is_local = is_this_machine(self._url)
        self._http = urllib3.PoolManager(retries=False, timeout=_PATIENCE)

    @property
    def possible(self) -> bool:
        """Whether there is a way to poll."""
        return self._is_local or self._key is not None

    def of(self, task_id: str) -> Poll:
        """Poll a task; never raises."""
        local = self._at_mock(task_id) if self._is_local else None
        if local is not None and (local.response is not None or self._key is None):
            return local
        if self._key is None:
            return Poll()
        headers = {"Authorization": f"Bearer {self._key}"}
        status, response = self._get(self._path.format(taskId=quote(task_id, safe="")), headers)
        if status == 200:
            return Poll(response)
        return Poll(why_not=f"the poll got {status} {shown(response)}" if status else response)

    def _at_mock(self, task_id: str) -> Poll:
        headers = {} if self._token is None else {"X-Mock-Control-Token": self._token}
        status, found = self._get(f"/__mock/tasks/{quote(task_id, safe='')}/poll", headers)
        if not status:
            return Poll(why_not=found)
        if isinstance(found, dict) and status == 200 and "answer" in found:
            return Poll(found["answer"], found.get("attempts", ()))
        said = found["msg"] if isinstance(found, dict) and "msg" in found else shown(found)
        return Poll(why_not=f"{without_users(self._url)} responded {status}: {said}")

    def _get(self, path: str, headers: Mapping[str, str]) -> tuple[int, Any]:
        """Get JSON; the status 0 comes with why there is no response."""
        import urllib3

        try:
            response = self._http.request("GET", self._url + path, headers=headers, redirect=False)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return 0, self._reason(error)
        try:
            return response.status, parse_json(response.data)
        except NotJson:
            return response.status, response.data.decode("utf-8", "replace")

    def _reason(self, error: Exception) -> str:
        """Return why there is no response, in words."""
        from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

        from mockserver.network.outbound import place_of, root_cause, why_not_connected

        if isinstance(error, NewConnectionError | ConnectTimeoutError):
            why = why_not_connected(error, place_of(self._url), _PATIENCE)
            return f"{why}; --url names the API to poll"
        cause = root_cause(error)
        said = f"no response within {_PATIENCE:g} s"
        if not isinstance(cause, TimeoutError):
            said = getattr(cause, "strerror", None) or f"{cause}" or type(cause).__name__
        return f"{without_users(self._url)}: {' '.join(said.split())}"


def shown(value: Any) -> str:
    """Write a value as JSON, or a text as it is, on one line that is not too long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MOST else f"{text[:_MOST]}…"


def listed(webhook: Any, polled: Any) -> list[str]:
    """List where a webhook differs from a poll, one line for each place."""
    return [
        f"  {place}: webhook {_written(left)}, poll {_written(right)}"
        for place, left, right in differences(webhook, polled)
    ]


def _written(value: Any) -> str:
    return "without it" if value is ABSENT else shown(json.dumps(value, ensure_ascii=False))


def usable(api_key: str | None) -> bool:
    """Return whether a header can hold a key."""
    return api_key is not None and re.fullmatch(r"[!-~]+", api_key) is not None
