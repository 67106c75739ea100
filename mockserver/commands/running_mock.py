"""What the commands share that look at a mock which runs: where it is, and which sandboxes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mockserver.commands.arguments import LOCAL_MOCK, base_url
from mockserver.commands.command import option
from mockserver.engine.event_lines import SHORT, short
from mockserver.errors import MaxapiMockError

if TYPE_CHECKING:
    from mockserver.testing.control import ControlClient

Run = TypeVar("Run", bound=Callable[..., object])
_SHORTEST = 4
"""Characters of the end of a key, or of the beginning of an id, that name a sandbox or a task."""
_SAMPLE_KEY = "maxapi-mock-trigger"
"""The key, and the label, of the sandbox in which samples are submitted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MockOptions:
    """The options of a command that looks at a mock."""

    url: str | None
    key: str | None
    sandbox: str | None


URL_OPTION = option(
    "--url",
    metavar="URL",
    type=base_url(path=False),
    group="Mock",
    help=f"where the mock is (default MAXAPI_MOCK_URL, else {LOCAL_MOCK})",
)
_KEY = option("--key", metavar="KEY", group="Mock", help="only the sandbox of this API key")
_SANDBOX = option(
    "--sandbox",
    metavar="NAME",
    group="Mock",
    help="only the sandbox with this label (X-Mock-Label), beginning of its id, or end of its key",
)


def with_mock(run: Run) -> Run:
    """Add the options of `MockOptions`."""
    return URL_OPTION(_KEY(_SANDBOX(run)))


class MockError(MaxapiMockError):
    """The mock does not respond, or rejects what it is asked; the message says what to do."""


class Mock:
    """A mock that runs, as a command sees it. Its methods raise ControlError."""

    def __init__(self, options: MockOptions) -> None:
        self.url = (options.url or os.environ.get("MAXAPI_MOCK_URL") or LOCAL_MOCK).rstrip("/")
        self._options = options
        self.control = self.client()

    def client(
        self, sandbox: str | None = None, *, key: str | None = None, label: str | None = None
    ) -> ControlClient:
        """Return a client for a sandbox by its id, or by its *key*, which can give it a *label*."""
        from mockserver.testing.control import ControlClient

        token = os.environ.get("MAXAPI_MOCK_CONTROL_TOKEN")
        return ControlClient(self.url, key, sandbox=sandbox, label=label, control_token=token)

    def sandboxes(self) -> list[dict[str, Any]]:
        """List the sandboxes that are asked for. Raises UsageError if there is none."""
        known = self.control.sandboxes()
        key, name = self._options.key, self._options.sandbox
        if key is None and name is None:
            return known
        found = [one for one in known if (_has_key if key else _is_called)(one, key or name or "")]
        if not found:
            asked = "--key: there was no request with it" if key else f"--sandbox: {name!r} unknown"
            names = ", ".join(_with_id(one) for one in known)
            raise click.UsageError(f"{asked}; this mock has: {names}")
        return found

    @property
    def is_part(self) -> bool:
        """Whether only some sandboxes are asked for."""
        return self._options.key is not None or self._options.sandbox is not None

    def find_task(self, wanted: str) -> tuple[ControlClient, str]:
        """Return a client of the sandbox that has a task, and the task's id. Raises MockError."""
        found = []
        for sandbox in self.sandboxes():
            client = self.client(sandbox["id"])
            ids = [one["taskId"] for one in client.tasks()]
            found += [
                (client, id_)
                for id_ in ids
                if id_ == wanted or (len(wanted) >= _SHORTEST and id_.startswith(wanted))
            ]
        if len(found) == 1:
            return found[0]
        why = f"{len(found)} tasks begin with {wanted!r}; give more of the id" if found else ""
        raise MockError(why or f"task {wanted[:60]!r} not found; see maxapi-mock tasks")

    def submit_sample(
        self,
        model: str,
        fields: Mapping[str, Any],
        *,
        callback_url: str | None = None,
        scenario: str | None = None,
    ) -> str:
        """Submit a sample of a model with *fields* of the user's; return the task's id."""
        from mockserver.testing.names import ScenarioText

        return self._submitting().submit(
            model,
            _sample(model) | dict(fields),
            callback_url=callback_url,
            scenario=None if scenario is None else ScenarioText(scenario),
        )

    def _submitting(self) -> ControlClient:
        if self._options.sandbox is not None:
            return self.client(self.sandboxes()[0]["id"])
        if self._options.key is not None:
            return self.client(key=self._options.key)
        return self.client(key=_SAMPLE_KEY, label=_SAMPLE_KEY)


def _sample(model: str) -> dict[str, Any]:
    from mockserver.contract import load_contract
    from mockserver.contract.sample import sample_input

    contract = load_contract()
    return sample_input(contract, model) if model in contract.cards else {}


def _has_key(sandbox: dict[str, Any], key: str) -> bool:
    from mockserver.engine.ids import sandbox_id

    return bool(sandbox["id"] == sandbox_id(key))


def _is_called(sandbox: dict[str, Any], name: str) -> bool:
    key = sandbox["key"] or ""
    is_end = len(name) >= _SHORTEST and key.endswith(name)
    is_start = len(name) >= SHORT and sandbox["id"].startswith(name)
    return is_end or is_start or name in (sandbox["label"], key, name_of(sandbox))


def _with_id(sandbox: dict[str, Any]) -> str:
    name, id_ = name_of(sandbox), short(sandbox["id"])
    return name if name.endswith(id_) else f"{name} ({id_})"


def name_of(sandbox: dict[str, Any]) -> str:
    """Return what people know a sandbox by."""
    label: str | None = sandbox["label"]
    key = sandbox["key"] or "requests without an accepted key"
    return label or (f"… {short(sandbox['id'])}" if key == "…" else key)


@contextmanager
def asking(mock: Mock) -> Iterator[None]:
    """Explain why a mock does not do what it is asked. Raises MockError."""
    from mockserver.testing.control_http import ControlError

    try:
        yield
    except ControlError as error:
        if error.status is None:
            start = "start one with maxapi-mock serve, or name it with --url"
            raise MockError(f"no mock at {mock.url}; {start}") from None
        is_set = bool(os.environ.get("MAXAPI_MOCK_CONTROL_TOKEN"))
        hint = f"; {'correct' if is_set else 'set'} MAXAPI_MOCK_CONTROL_TOKEN"
        raise MockError(f"{error}{hint if error.status == 403 else ''}") from None
