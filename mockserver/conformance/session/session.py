"""One run against one target: what active checks use, and everything that was seen."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from threading import RLock
from typing import Any
from urllib.parse import unquote

from mockserver.conformance.check import AnyCheck
from mockserver.conformance.evaluator import Evaluator
from mockserver.conformance.model import Exchange, History
from mockserver.conformance.operations import CANCEL, QUERY, SUBMIT
from mockserver.conformance.session.arrivals import Arrivals, Arrived, exchange_of
from mockserver.conformance.session.client import Client
from mockserver.conformance.session.rate_limit import RateLimited
from mockserver.conformance.values import minimal_input
from mockserver.contract import Contract


class Skipped(Exception):
    """A check cannot run against this target; the message says why."""


class TargetLost(Exception):
    """The target does not respond; the message says what happens instead."""


@dataclass(frozen=True)
class Options:
    """What a run should do."""

    models: tuple[str, ...]
    seed: int = 0
    examples: int = 15
    """Generated inputs for each model and, where submissions cost money, values of each field."""
    combinations: int | None = None
    """The most inputs of a model in which pairs of values are tried; None for all pairs."""
    thrifty: bool = False
    """Whether submissions cost money: then there are few of them, and none is repeated."""
    interval: float = 0.2
    """Seconds between two polls of a task."""
    patience: float = 10.0
    """Seconds to wait for the end of a task."""
    token_is_made_up: bool = False
    """Whether the run uses a made-up token, so that the target may accept any."""


class Session(Evaluator):
    """One run against one target."""

    def __init__(self, contract: Contract, options: Options, checks: Iterable[AnyCheck]) -> None:
        super().__init__(contract, checks)
        self.options = options
        self.random = random.Random(options.seed)  # noqa: S311 - it is to repeat, not to be secret
        self.histories: dict[str, History] = {}
        self.requests = self.submissions = 0
        self.asked: Counter[str | None] = Counter()
        """How many requests used each operation."""
        self.transient_failures: dict[tuple[str | None, str], list[Exchange]] = {}
        """Exchanges that were sent again, or proved nothing, by operation and failure."""
        self.unchecked: list[str] = []
        self.silent = 0
        """How many requests in a row have had no response."""
        self.last_error: str | None = None
        self.left_out: list[str] = []
        """The models to which the target accepts no submission."""
        self.ids: list[str] = []
        """The taskIds of all accepted submissions, in order."""
        self.webhook_base: str | None = None
        """The base URL at which webhooks arrive, if they can."""
        self.files_wanted: set[str] = set()
        """taskIds whose result files will be fetched."""
        self.arrivals = Arrivals(self.histories)
        self.client: Client
        self.other: Client | None = None
        """The same API with another key, if there is one."""
        self._lock = RLock()

    # -- what is seen ------------------------------------------------------------------------

    def note(self, exchange: Exchange) -> None:
        """Evaluate an exchange of the run's own key, and add it to the history of its task."""
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
        if not polls and exchange.attempts > 1:  # the lost response may have accepted it
            history.is_inconclusive = True

    def note_foreign(self, exchange: Exchange) -> None:
        """Evaluate an exchange that is not part of the history of a task of this run."""
        with self._lock:
            self.requests += 1
            self.asked[exchange.operation] += 1
            self.silent = 0 if exchange.status is not None else self.silent + 1
            self.last_error = exchange.error
            self.submissions += exchange.operation == SUBMIT
            self.evaluate(exchange)

    def note_transient_failure(self, exchange: Exchange) -> None:
        """Keep an exchange that proves nothing: the server or the network failed."""
        with self._lock:
            self.requests += not exchange.is_inconclusive
            what = exchange.error or f"HTTP {exchange.status}"
            what = what if exchange.never_sent else what.partition(":")[0]
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
                history.webhooks += self.arrivals.expect(task_id, url)

    def arrive(self, webhook: Arrived) -> int:
        """Record a webhook, and poll its task at once; return the status to respond with."""
        seen = exchange_of(webhook, self.client)
        task_id = self.arrivals.task_of(seen)
        if task_id is not None:
            polled = self._polled_on_arrival(task_id)
            if polled is not None:
                seen = replace(seen, status=polled.status, response_body=polled.response_body)
        with self._lock:
            return self.arrivals.keep(seen, task_id)

    def _polled_on_arrival(self, task_id: str) -> Exchange | None:
        """Poll without adding to the history: this poll may overtake one that is under way."""
        try:
            return self.parallel_client.poll(task_id)
        except RateLimited:
            return None

    @property
    def unclaimed(self) -> list[Exchange]:
        """The webhooks of tasks that this run does not know."""
        with self._lock:
            return self.arrivals.unclaimed

    @property
    def parallel_client(self) -> Client:
        """The client for polls that are made while other requests are under way."""
        return self._parallel_client

    def notes(self) -> list[str]:
        """Return what a person should know about how the run went."""
        target = self.client
        limit = target.rate_limit
        waits = f"429 made the run wait {limit.waits} times, {limit.waited:.0f} s in all"
        left_out = [
            f"{model} is not accepted, so nothing else of it was tried" for model in self.left_out
        ]
        elsewhere = f"{target.not_fetched} result files are not on this machine, so not fetched"
        counted = [(limit.waits, waits), (target.not_fetched, elsewhere)]
        return [*(text for number, text in counted if number), *left_out]

    def leave_out(self, model: str) -> None:
        """Leave a model that the target does not accept out of the rest of the run."""
        self.left_out.append(model)
        left = tuple(one for one in self.options.models if one != model)
        self.options = replace(self.options, models=left)

    def connect(self, make: Callable[[Callable[[Exchange], object]], Client]) -> None:
        """Use clients of *make*, which is passed what has to receive their exchanges."""
        self.client, self._parallel_client = make(self.note), make(self.note_foreign)
        self._parallel_client.attempts = 1  # the sender of a webhook waits for it

    # -- what is done ------------------------------------------------------------------------

    def request(self, model: str, **fields: Any) -> dict[str, Any]:
        """Make the smallest valid request to *model*; *fields* are added to its input."""
        return {"model": model, "input": {**minimal_input(self.contract, model), **fields}}

    def with_webhook(self, document: dict[str, Any]) -> dict[str, Any]:
        """Add a unique callBackUrl, if webhooks can arrive."""
        if self.webhook_base is None:
            return document
        return {**document, "callBackUrl": f"{self.webhook_base}/{len(self.ids)}"}

    def submit(self, document: Any) -> Exchange:
        """Submit a document. Raises LimitError."""
        return self.client.submit(document)

    def started(self, document: Any) -> History | None:
        """Submit a document; return its history, or None if it was rejected. Raises LimitError."""
        return self.history_of(self.submit(document))

    def history_of(self, submission: Exchange) -> History | None:
        """Return the history that began with a submission, or None if it was rejected."""
        task_id = (submission.task or {}).get("taskId") if submission.succeeded else None
        return self.histories.get(str(task_id))

    def card_of(self, model: str) -> str:
        """Return the place of a model's card in `schemas/`."""
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

    def has_ended(self, history: History) -> bool:
        """Return whether a poll has shown the end of a task."""
        return history.last.get("status") in self.contract.lifecycle.terminal

    def follow(self, histories: Iterable[History], *, closely: bool = True) -> None:
        """Poll tasks until all have ended, or patience has; then once more."""
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
