"""Sends webhooks: what, when, how often, and with which mischief."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from itertools import count
from threading import Condition
from typing import Any
from urllib.parse import urlsplit

from mockserver.contract import Contract, dump_json
from mockserver.domain.document import webhook_document
from mockserver.domain.durations import LATEST
from mockserver.domain.scenario import Script
from mockserver.domain.task import Task, ends_at
from mockserver.engine.chaos import draw
from mockserver.engine.journal import Delivery
from mockserver.engine.messages import success
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.webhooks.attempt import (
    NEVER_SENT,
    AttemptResult,
    Failure,
    Transport,
    WebhookRequest,
)
from mockserver.engine.webhooks.scheduler import ScheduledDelivery, Scheduler
from mockserver.engine.webhooks.signature import proof
from mockserver.engine.webhooks.workers import Workers
from mockserver.settings import Settings

_LONGEST_WAIT = timedelta(days=365)
"""Between two attempts, however often the wait has doubled."""

_LOST = AttemptResult(None, "lost on its way, as the scenario says", 0.0, Failure.LOST)


class Dispatcher:
    """Holds every webhook that is to be sent, and sends it in its own time."""

    def __init__(self, contract: Contract, settings: Settings, transport: Transport) -> None:
        self._contract = contract
        self._transport = transport
        self._workers_of = Workers(settings.webhook_concurrency)
        self.scheduler = Scheduler(self._start)
        self._order = count()
        self._content_type = contract.fact("webhook.content_type")
        self._under_way: Counter[Sandbox] = Counter()
        self._ended = Condition()

    def plan(self, sandbox: Sandbox, task: Task) -> None:
        """Plan the webhook of *task* for its end, if it has both; again when its plan changed."""
        scheduled = self.first_scheduled(sandbox, task)
        if scheduled is not None:
            self.scheduler.add(scheduled)

    def first_scheduled(self, sandbox: Sandbox, task: Task) -> ScheduledDelivery | None:
        """Make the first attempt for the end of *task*; None without a callback or an end."""
        ends = ends_at(task, self._contract.lifecycle)
        if task.callback_url is None or ends is None:
            return None
        due = ends + task.script.webhook_late
        return ScheduledDelivery(due, next(self._order), sandbox, task.id, ends, sandbox.generation)

    def clock_changed(self, sandbox: Sandbox) -> None:
        """Look again at what is due in a sandbox."""
        self.scheduler.rearm(sandbox)

    def wait_until_sent(self, sandbox: Sandbox, timeout: float) -> bool:
        """Wait until no attempt of a sandbox is in flight; say whether that came to pass."""
        with self._ended:
            return self._ended.wait_for(lambda: not self._under_way[sandbox], timeout)

    def close(self) -> None:
        """Stop sending; attempts in flight end by themselves."""
        self.scheduler.close()
        self._workers_of.close()

    def _start(self, scheduled: ScheduledDelivery) -> None:
        task = self._task_of(scheduled)
        if task is None:
            return
        self._begin(scheduled)
        self._workers_of.put(
            _receiver(task.callback_url or ""), lambda: self._perform_and_note(scheduled)
        )

    def send_now(self, scheduled: ScheduledDelivery) -> None:
        """Make an attempt in this thread, whatever the clock says."""
        self._begin(scheduled)
        self._perform_and_note(scheduled)

    def _begin(self, scheduled: ScheduledDelivery) -> None:
        with self._ended:
            self._under_way[scheduled.sandbox] += 1

    def _perform_and_note(self, scheduled: ScheduledDelivery) -> None:
        try:
            self.perform(scheduled)
        finally:
            with self._ended:
                self._under_way[scheduled.sandbox] -= 1
                self._under_way += Counter()  # forgets the zeros
                self._ended.notify_all()

    def next_scheduled(self, sandbox: Sandbox) -> ScheduledDelivery | None:
        """Show the next attempt of a sandbox that will be made; void ones are forgotten."""
        while (scheduled := self.scheduler.peek(sandbox)) is not None and self._task_of(
            scheduled
        ) is None:
            self.scheduler.take(scheduled)
        return scheduled

    def _task_of(self, scheduled: ScheduledDelivery) -> Task | None:
        """Give the task of a planned attempt; None if the attempt is void by now."""
        task = scheduled.sandbox.get(scheduled.task_id)
        if task is None or scheduled.generation != scheduled.sandbox.generation:
            return None
        if ends_at(task, self._contract.lifecycle) != scheduled.ends:
            return None
        return None if scheduled.waited and scheduled.sandbox.held != scheduled.task_id else task

    def perform(self, scheduled: ScheduledDelivery) -> list[Delivery]:
        """Make a planned attempt now, and give what came of it; nothing if it is void."""
        task = self._task_of(scheduled)
        if task is None:
            return []
        if scheduled.attempt == 1 and "reordered" in task.script.webhook:
            return self._swap(scheduled, task)
        return self._attempt(scheduled, task)

    def _swap(self, scheduled: ScheduledDelivery, task: Task) -> list[Delivery]:
        """Hold the first of two webhooks back until the second has been sent, or for a while."""
        held = scheduled.sandbox.swap(scheduled.task_id)
        if held is None:
            wait = scheduled.sandbox.settings.webhook_timeout
            due = scheduled.sandbox.clock.now() + wait
            self.scheduler.add(replace(scheduled, due=due, order=next(self._order), waited=True))
            return []
        sent = self._attempt(scheduled, task)
        partner = scheduled.sandbox.get(held)
        ends = None if partner is None else ends_at(partner, self._contract.lifecycle)
        if partner is None or ends is None or partner is task:
            return sent
        return sent + self._attempt(replace(scheduled, task_id=held, ends=ends), partner)

    def _attempt(self, scheduled: ScheduledDelivery, task: Task) -> list[Delivery]:
        sandbox, script = scheduled.sandbox, task.script
        chance = draw(sandbox, "delivery", self._contract)
        if chance is not None and not script.webhook:
            script = chance
        if "twice" in script.webhook and scheduled.attempt == 1:
            first = self._send(scheduled, task, script, last=False)
            return [first, self._send(scheduled, task, script, last=True)]
        return [self._send(scheduled, task, script, last=True)]

    def _send(
        self, scheduled: ScheduledDelivery, task: Task, script: Script, *, last: bool
    ) -> Delivery:
        """Send what a poll would show, but for the mischief; the record cannot change any more.

        Only the *last* one of an attempt is tried again when it fails.
        """
        at = scheduled.sandbox.clock.now()
        webhook = self._webhook(scheduled, task, script)
        lost = "lost" in script.webhook
        result = _LOST if lost else self._transport(webhook)
        failed = result.error is not None and not lost and result.failure not in NEVER_SENT
        retry = self._retry(scheduled) if failed and last else None
        delivery = _record(
            scheduled.sandbox,
            webhook,
            result,
            at=at,
            task_id=task.id,
            attempt=scheduled.attempt,
            next_at=retry.due if retry else None,
            scenarios=tuple(name for name in script.names if name.startswith("webhook-")),
        )
        if retry is not None:
            self.scheduler.add(retry)
        return delivery

    def _webhook(self, scheduled: ScheduledDelivery, task: Task, script: Script) -> WebhookRequest:
        now = max(scheduled.sandbox.clock.now(), scheduled.ends)
        settings = scheduled.sandbox.settings
        document = webhook_document(task, now, self._contract.lifecycle, settings.answers)
        if "conflicting" in script.webhook:
            document |= {"status": self._contract.lifecycle.failure, "result": None}
        body = dump_json(success(self._contract, document))
        if "truncated" in script.webhook:
            body = body[: len(body) // 2]
        timeout = settings.webhook_timeout.total_seconds()
        webhook = WebhookRequest(task.callback_url or "", body, self._content_type, timeout)
        if "unsigned" not in script.webhook:
            at, forged = scheduled.sandbox.clock.now(), "forged" in script.webhook
            webhook = replace(webhook, proof=proof(settings, task.id, at, forged=forged))
        if "redirected" in script.webhook:
            return replace(webhook, body=b"", method="GET")
        return webhook

    def resend(self, sandbox: Sandbox, delivery: Delivery) -> Delivery:
        """Send a webhook of the journal once more, as it was sent; it is not tried again."""
        timeout = sandbox.settings.webhook_timeout.total_seconds()
        url, body, method = delivery.url, delivery.body, delivery.method
        webhook = WebhookRequest(url, body, self._content_type, timeout, method, delivery.proof)
        at, result = sandbox.clock.now(), self._transport(webhook)
        task_id, attempt = delivery.task_id, delivery.attempt
        about = {"at": at, "task_id": task_id, "attempt": attempt, "next_at": None, "resent": True}
        return _record(sandbox, webhook, result, **about)

    def _retry(self, scheduled: ScheduledDelivery) -> ScheduledDelivery | None:
        settings = scheduled.sandbox.settings
        if scheduled.attempt >= settings.webhook_tries:
            return None
        seconds = settings.webhook_backoff.total_seconds() * 2.0 ** (scheduled.attempt - 1)
        wait = timedelta(seconds=min(seconds, _LONGEST_WAIT.total_seconds()))
        if (
            scheduled.generation != scheduled.sandbox.generation
            or wait > LATEST - scheduled.sandbox.clock.now()
        ):
            return None
        due = scheduled.sandbox.clock.now() + wait
        return replace(scheduled, due=due, order=next(self._order), attempt=scheduled.attempt + 1)


def _record(
    sandbox: Sandbox, webhook: WebhookRequest, result: AttemptResult, **about: Any
) -> Delivery:
    """Note in the journal what was sent and what came of it; *about* is the rest of a Delivery."""
    return sandbox.record_delivery(
        url=webhook.url,
        body=webhook.body,
        method=webhook.method,
        proof=webhook.proof,
        status=result.status,
        latency=result.latency,
        error=result.error,
        failure=result.failure or (Failure.STATUS if result.error and result.status else None),
        **about,
    )


def _receiver(url: str) -> str:
    """Name the receiver of a URL: its scheme, host and port."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
