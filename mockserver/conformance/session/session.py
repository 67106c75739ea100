"""Where experiments are made: a target, what was seen of it, and what the laws say of that."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from threading import RLock
from typing import Any, Protocol
from urllib.parse import unquote

from mockserver.conformance.check import AnyCheck
from mockserver.conformance.evaluator import Evaluator
from mockserver.conformance.generation import minimal_input
from mockserver.conformance.model import WEBHOOK, Exchange, History
from mockserver.conformance.session.client import (
    CANCEL,
    QUERY,
    SUBMIT,
    Client,
    RateLimited,
    path_of,
)
from mockserver.contract import Contract


class Skipped(Exception):
    """A law cannot be held against this target; the message says why."""


class TargetLost(Exception):
    """The target does not answer; the message says what happens instead."""


class Arrived(Protocol):
    """A webhook as its receiver sees it."""

    @property
    def method(self) -> str:
        """The HTTP method."""

    @property
    def url(self) -> str:
        """The URL that it came to."""

    @property
    def headers(self) -> Mapping[str, str]:
        """By lower-case name."""

    @property
    def body(self) -> bytes:
        """The body."""


@dataclass(frozen=True)
class Options:
    """What a run is to do."""

    models: tuple[str, ...]
    seed: int = 0
    examples: int = 15
    """Generated inputs for each model and, where submissions cost money, values of each field."""
    combinations: int | None = None
    """Pairs of values are tried in at most so many inputs of a model; None tries all."""
    thrifty: bool = False
    """Whether submissions cost money: then few are made, and nothing is tried again."""
    interval: float = 0.2
    """Seconds between two polls of a task."""
    patience: float = 10.0
    """Seconds to wait for the end of a task."""
    token_is_made_up: bool = False
    """Whether the target was given a token that nobody issued, so that any may do."""


class Session(Evaluator):
    """One run against one target."""

    def __init__(self, contract: Contract, options: Options, checks: Iterable[AnyCheck]) -> None:
        super().__init__(contract, checks)
        self.options = options
        self.random = random.Random(options.seed)  # noqa: S311 - it is to repeat, not to be secret
        self.histories: dict[str, History] = {}
        self.requests = self.submissions = 0
        self.asked: Counter[str | None] = Counter()
        """How many requests there were of each operation."""
        self.transient_failures: dict[tuple[str | None, str], list[Exchange]] = {}
        """What went wrong and was sent again, or not judged, by operation and what it was."""
        self.unchecked: list[str] = []
        self.silent = 0
        """How many requests in a row have had no answer."""
        self.last_error: str | None = None
        self.lost: list[str] = []
        """The models that the target accepts no submission to."""
        self.ids: list[str] = []
        """The taskIds of all accepted submissions, in order."""
        self.webhook_base: str | None = None
        """Where webhooks arrive, if they can."""
        self.files_wanted: set[str] = set()
        """Tasks whose result files are to be fetched."""
        self.rejected_once: set[str] = set()
        """Paths of callBackUrls whose next webhook is answered 500."""
        self.client: Client
        self.other: Client | None = None
        """The same API with another key, if there is one."""
        self._asked: dict[str, str] = {}
        """Tasks by the path of their callBackUrl."""
        self._unclaimed: dict[str, list[Exchange]] = {}
        """Webhooks that came before the answer that tells of their task, by their path."""
        self._lock = RLock()

    # -- what is seen ------------------------------------------------------------------------

    def note(self, exchange: Exchange) -> None:
        """Judge an exchange of this run's own key, and keep it with the task it is about."""
        with self._lock:
            self.note_foreign(exchange)
            if exchange.operation == SUBMIT:
                self._begin(exchange)
            if exchange.operation in (QUERY, CANCEL):
                self._add(exchange)

    def _add(self, exchange: Exchange) -> None:
        polls = exchange.operation == QUERY
        task_id = unquote(exchange.path.split("/")[-1 if polls else -2])
        history = self.histories.get(task_id)
        if history is None:
            return
        (history.polls if polls else history.cancels).append(exchange)
        if not polls and exchange.attempts > 1:  # a lost answer can have said yes
            history.is_inconclusive = True

    def note_foreign(self, exchange: Exchange) -> None:
        """Judge an exchange that says nothing of this run's own tasks."""
        with self._lock:
            self.requests += 1
            self.asked[exchange.operation] += 1
            self.silent = 0 if exchange.status is not None else self.silent + 1
            self.last_error = exchange.error
            self.submissions += exchange.operation == SUBMIT
            self.evaluate(exchange)

    def note_transient_failure(self, exchange: Exchange) -> None:
        """Keep a response that says nothing of the contract: the server or the network failed."""
        with self._lock:
            self.requests += not exchange.is_inconclusive
            what = (exchange.error or f"HTTP {exchange.status}").partition(":")[0]
            self.transient_failures.setdefault((exchange.operation, what), []).append(exchange)

    def _begin(self, exchange: Exchange) -> None:
        task_id = (exchange.task or {}).get("taskId")
        if exchange.succeeded and isinstance(task_id, str):
            self.ids.append(task_id)
            awaited = self.webhook_base is not None
            new = History(task_id, exchange, webhooks_awaited=awaited)
            history = self.histories.setdefault(task_id, new)
            url = new.document.get("callBackUrl")
            if isinstance(url, str):
                self._asked[path_of(url)] = task_id
                history.webhooks += self._unclaimed.pop(path_of(url), [])

    def arrive(self, webhook: Arrived) -> int:
        """Take a webhook, and poll the task that it tells of at once; give the status to answer."""
        hide = self.client.hidden
        seen = Exchange(
            method=webhook.method,
            url=hide(webhook.url),
            path=path_of(hide(webhook.url)),
            operation=WEBHOOK,
            headers={name: hide(value) for name, value in webhook.headers.items()},
            body=self.client.hidden_bytes(webhook.body),
            status=None,
            response_headers={},
            response_body=b"",
        )
        told = seen.request.get("data") if isinstance(seen.request, dict) else None
        task_id = told.get("taskId") if isinstance(told, dict) else None
        told_id = task_id if isinstance(task_id, str) else None
        task_id = told_id if told_id in self.histories else self._asked.get(seen.path, told_id)
        if task_id is not None:
            polled = self.on_arrival(task_id)
            if polled is not None:
                seen = replace(seen, status=polled.status, response_body=polled.response_body)
        with self._lock:
            history = self.histories.get(task_id or "")
            if history is not None:
                history.webhooks.append(seen)
            else:
                self._unclaimed.setdefault(seen.path, []).append(seen)
            if seen.path in self.rejected_once:
                self.rejected_once.discard(seen.path)
                return 500
        return 200

    @property
    def unclaimed(self) -> list[Exchange]:
        """The webhooks that tell of no task that this run knows."""
        with self._lock:
            return [one for listed in self._unclaimed.values() for one in listed]

    def on_arrival(self, task_id: str) -> Exchange | None:
        """Poll without noting it: it may overtake a poll that is under way."""
        try:
            return self.parallel_client.poll(task_id)
        except RateLimited:
            return None

    @property
    def parallel_client(self) -> Client:
        """The target for polls that are made while others are under way."""
        return self._parallel_client

    def notes(self) -> list[str]:
        """Return what a person wants to know of how the run went."""
        target = self.client
        waits = f"429 made the run wait {target.waits} times, {target.waited:.0f} s in all"
        lost = [f"{model} is not accepted, so nothing else of it was tried" for model in self.lost]
        elsewhere = f"{target.not_fetched} result files are not on this machine, so not fetched"
        told = [(target.waits, waits), (target.not_fetched, elsewhere)]
        return [*(text for number, text in told if number), *lost]

    def lose(self, model: str) -> None:
        """Leave a model that the target does not know out of everything that is still to come."""
        self.lost.append(model)
        left = tuple(one for one in self.options.models if one != model)
        self.options = replace(self.options, models=left)

    def reach(self, make: Callable[[Callable[[Exchange], object]], Client]) -> None:
        """Use the target that *make* makes of whoever is to be told of its exchanges."""
        self.client, self._parallel_client = make(self.note), make(self.note_foreign)
        self._parallel_client.attempts = 1  # a webhook's sender waits for it

    # -- what is done ------------------------------------------------------------------------

    def request(self, model: str, **more: Any) -> dict[str, Any]:
        """Make the smallest valid request to *model*; *more* goes into its input."""
        return {"model": model, "input": {**minimal_input(self.contract, model), **more}}

    def with_webhook(self, document: dict[str, Any]) -> dict[str, Any]:
        """Add a callBackUrl of its own, if webhooks can arrive."""
        if self.webhook_base is None:
            return document
        return {**document, "callBackUrl": f"{self.webhook_base}/{len(self.ids)}"}

    def submit(self, document: Any) -> Exchange:
        """Submit a document. Raises LimitError."""
        return self.client.submit(document)

    def started(self, document: Any) -> History | None:
        """Submit a document; give its history, or None if it was refused. Raises LimitError."""
        return self.history_of(self.submit(document))

    def history_of(self, submission: Exchange) -> History | None:
        """Give the history that began with a submission, or None if it was refused."""
        task_id = (submission.task or {}).get("taskId") if submission.succeeded else None
        return self.histories.get(str(task_id))

    def card_of(self, model: str) -> str:
        """Give the place of a model's card."""
        return self.contract.card_uris[model].removeprefix(self.contract.schemas.base)

    def cheapest(self) -> str:
        """Name the model whose smallest request costs the least. Raises Skipped if none is left."""
        if not self.options.models:
            raise Skipped("the target accepts no model")
        costs = {
            model: self.client.money.worst_case(self.request(model))
            for model in self.options.models
        }
        known = {model: cost for model, cost in costs.items() if cost is not None}
        if not known:
            return self.options.models[0]
        return min(known, key=lambda model: (known[model], model))

    def some(self, things: Iterable[Any]) -> list[Any]:
        """Give all *things* or, where they cost money, as many as there are to be examples."""
        listed = list(things)
        if not self.options.thrifty or len(listed) <= self.options.examples:
            return listed
        return self.random.sample(listed, self.options.examples)

    def has_ended(self, history: History) -> bool:
        """Say whether a poll has shown the end of a task."""
        return history.last.get("status") in self.contract.lifecycle.terminal

    def follow(self, histories: Iterable[History], *, closely: bool = True) -> None:
        """Poll tasks until all have ended, or patience has; then twice more."""
        followed = list(histories)
        waited, tick, waiting = 0.0, 0, followed
        while waiting and waited <= self.options.patience:
            if closely or tick % 5 == 0:
                for history in waiting:
                    self.client.poll(history.task_id)
            waiting = [one for one in waiting if not self.has_ended(one)]
            if waiting:
                self.client.pause(self.options.interval)
                waited, tick = waited + self.options.interval, tick + 1
        for history in waiting:
            history.given_up = True
        self.client.pause(self.options.interval)
        for history in followed:
            self.client.poll(history.task_id)
