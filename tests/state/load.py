"""Clients that submit through servers which are killed meanwhile, and what they were told."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from threading import Condition
from typing import Any

import requests

from tests.client import SUBMIT, seed
from tests.state.serving import DEADLINE, Mock

SIZE = int(os.environ.get("MAXAPI_FAULTS", "150"))
"""Submissions of the fault test; `make faults` makes 10,000, which takes minutes."""
MANY = 1000
"""Submissions above which a run is a large one."""
PLANNED = {"ok": 1, "failing": 3}
"""Attempts to deliver a webhook, by the path of its receiver."""
REFUSED, CUT = 0, 1
"""Stand for the status where there is none: nothing was sent, or nothing came back."""
_PAUSE = 0.05


@dataclass(frozen=True)
class Accepted:
    """A submission that was answered 200."""

    key: str
    task_id: str
    path: str
    is_moderated: bool


@dataclass
class Load:
    """Submits through random servers, again if a server is gone or has no database."""

    mocks: Sequence[Mock]
    callback: str
    accepted: list[Accepted] = field(default_factory=list)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    """By key and status, which can also be REFUSED or CUT."""
    is_given_up: bool = False
    """Whether something went wrong that the clients would wait for."""
    _changed: Condition = field(default_factory=Condition)

    def submit_until(self, key: str, name: str, share: int) -> None:
        """Submit until *share* of a key are accepted; *name* seeds which servers are chosen."""
        random = Random(name)  # noqa: S311
        with self.given_up_on_failure(), requests.Session() as session:
            while self.statuses[key, 200] < share and not self.is_given_up:
                self._submit(session, random, key)

    def _submit(self, session: requests.Session, random: Random, key: str) -> None:
        path = "failing" if random.random() < 0.1 else "ok"
        is_moderated = random.random() < 0.1
        prompt = "a cat #mock:content-moderation" if is_moderated else "a cat"
        document = seed(prompt=prompt) | {"callBackUrl": f"{self.callback}/{path}"}
        headers = {"Authorization": f"Bearer {key}"}
        url = random.choice(self.mocks).url + SUBMIT
        try:
            response = session.post(url, json=document, headers=headers, timeout=DEADLINE)
        except requests.RequestException as error:
            self._note(key, REFUSED if "refused" in str(error) else CUT)
            return
        if response.status_code == 200:
            task_id = str(response.json()["data"]["taskId"])
            self._note(key, 200, Accepted(key, task_id, path, is_moderated))
        else:
            assert response.status_code in (429, 503), response.text
            self._note(key, response.status_code)

    def _note(self, key: str, status: int, accepted: Accepted | None = None) -> None:
        with self._changed:
            self.statuses[key, status] += 1
            if accepted is not None:
                self.accepted.append(accepted)
                self._changed.notify_all()
            elif status in (REFUSED, CUT, 503):  # until one of the others gets through
                self._changed.wait(_PAUSE)

    @property
    def keys(self) -> list[str]:
        """The keys with which something was accepted."""
        return sorted({one.key for one in self.accepted})

    def of(self, key: str) -> list[Accepted]:
        """Return what was accepted with a key."""
        with self._changed:
            return [one for one in self.accepted if one.key == key]

    def wait_for(self, number: int) -> None:
        """Wait until so many submissions were accepted."""
        with self._changed:
            assert self._changed.wait_for(
                lambda: len(self.accepted) >= number or self.is_given_up, 10 * DEADLINE
            )

    @contextmanager
    def given_up_on_failure(self) -> Iterator[None]:
        """Let no client go on when what is done here has failed."""
        try:
            yield
        except BaseException:
            self.is_given_up = True
            raise


def at_once(*functions: Callable[[], Any]) -> list[Any]:
    """Call functions, each in a thread of its own; return their results."""
    with ThreadPoolExecutor(len(functions)) as pool:
        return [one.result() for one in [pool.submit(function) for function in functions]]
