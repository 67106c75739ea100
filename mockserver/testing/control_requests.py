"""Requests to the API that the mock makes itself, for the typed client of the control plane."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from mockserver.testing.control_http import ControlError
from mockserver.testing.names import ScenarioName, ScenarioText

__tracebackhide__ = True
"""A test whose request is rejected shows its own line, not those in here."""


class RequestSender(ABC):
    """Lets a mock send requests to the API as the app of one sandbox would."""

    @abstractmethod
    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Send a control request; return the document in its response."""

    def submit(
        self,
        model: str,
        input_: Mapping[str, Any],
        *,
        callback_url: str | None = None,
        user_id: str | None = None,
        scenario: ScenarioName | ScenarioText | None = None,
    ) -> str:
        """Submit a task as the app would, and return its id; no contract warning comes of it.

        *input_* is the model's input; `models` and `model` say what it takes.
        """
        optional = {"callBackUrl": callback_url, "user_id": user_id, "scenario": scenario}
        given = {name: value for name, value in optional.items() if value is not None}
        response = self._call("POST", "tasks", {"model": model, "input": input_, **given})
        if not isinstance(response.get("data"), dict):  # with the setting error-status 200
            raise ControlError(200, str(response.get("msg")))
        return str(response["data"]["taskId"])

    def replay(self, number: int) -> dict[str, Any]:
        """Send a request of the journal again, as the app sent it; return what became of it."""
        return self._call("POST", f"requests/{number}/replay")

    def explain(self, submission: Mapping[str, Any]) -> dict[str, Any]:
        """Return the `problems` of a submission, each with its clause, and `remarks` about it."""
        return self._call("POST", "explain", dict(submission))
