"""Sends webhooks: what, when, how often, and with which faults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from threading import Condition

from mockserver.contract import Contract
from mockserver.domain.durations import LATEST
from mockserver.domain.scenario import Script
from mockserver.domain.script import WebhookFault
from mockserver.domain.task import Task, ends_at
from mockserver.engine.chaos import draw
from mockserver.engine.journal import Delivery
from mockserver.engine.keeping import KeptWebhook
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.webhooks.attempt import (
    NEVER_SENT,
    AttemptResult,
    Failure,
    Transport,
    WebhookRequest,
)
from mockserver.engine.webhooks.content import Content
from mockserver.engine.webhooks.holding import HeldWebhook, HeldWebhooks
from mockserver.engine.webhooks.receiver_queue import receiver_of
from mockserver.engine.webhooks.reordering import Reordering
from mockserver.engine.webhooks.scheduler import ScheduledDelivery, Scheduler
from mockserver.engine.webhooks.sender import Sender
from mockserver.engine.webhooks.transport import HttpTransport
from mockserver.engine.webhooks.waiting import Attempt, perform_here
from mockserver.engine.webhooks.workers import Workers
from mockserver.settings import Settings

_LONGEST_WAIT = timedelta(days=365)
"""Between two attempts, however often the wait has doubled."""

Made = Sequence[Delivery | HeldWebhook]
"""What has become of a scheduled attempt."""

_LOST = AttemptResult(None, "lost on its way, as the scenario says", 0.0, Failure.LOST)


class Dispatcher:
    """Plans webhooks and sends each at its moment; safe to use from several threads."""

    def __init__(self, contract: Contract, settings: Settings, transport: Transport) -> None:
        self._contract = contract
        self._transport = transport
        self._sender = Sender(settings.webhook_concurrency, self._hand_over_due)
        self._workers = Workers(settings.webhook_concurrency)
        self.scheduler = Scheduler(self._start, self._sender.wake)
        self._reordering = Reordering(self.scheduler, contract.lifecycle)
        self._held = HeldWebhooks(self._release, self.scheduler, self._sender.wake)
        self._content = Content(contract)
        self._in_progress: dict[Sandbox, int] = {}
        """Attempts that are queued or in flight; none of a sandbox without any."""
        self._finished = Condition()
        self._closed = False

    def plan(self, sandbox: Sandbox, task: Task) -> None:
        """Schedule the webhook of *task* for its end, if it has both; again if its plan changed."""
        scheduled = self.first_delivery(sandbox, task)
        if scheduled is not None:
            self.scheduler.add(scheduled)

    def first_delivery(self, sandbox: Sandbox, task: Task) -> ScheduledDelivery | None:
        """Return the first attempt, at the end of *task*; None without a callBackUrl or an end."""
        ends = ends_at(task, self._contract.lifecycle)
        if task.callback_url is None or ends is None:
            return None
        due = ends + task.script.webhook_late
        return ScheduledDelivery(due, sandbox, task.id, ends, sandbox.generation)

    def restore(self, sandbox: Sandbox, webhooks: Mapping[str, KeptWebhook]) -> None:
        """Schedule what is left of the webhooks of a sandbox that was kept."""
        for task in sandbox.tasks():
            scheduled, kept = self.first_delivery(sandbox, task), webhooks.get(task.id)
            if scheduled is None:
                continue
            if kept is None or kept.ends != scheduled.ends:
                self.scheduler.add(scheduled)
            elif kept.due is not None:
                self.scheduler.add(replace(scheduled, due=kept.due, attempt=kept.attempt))

    def kept(self, sandbox: Sandbox) -> dict[str, KeptWebhook]:
        """Return how far the webhooks of the tasks of a sandbox have come."""
        now, pending = sandbox.clock.now(), self.scheduler.of_sandbox(sandbox)
        found = {}
        for task in sandbox.tasks():
            first, next_one = self.first_delivery(sandbox, task), pending.get(task.id)
            if next_one is not None:
                found[task.id] = KeptWebhook(next_one.ends, next_one.due, next_one.attempt)
            elif first is not None and first.due <= now:
                found[task.id] = KeptWebhook(first.ends, None)
        return found

    def is_busy(self, sandbox: Sandbox) -> bool:
        """Return whether an attempt of a sandbox is queued or in flight."""
        with self._finished:
            return sandbox in self._in_progress

    def next_due(self, sandbox: Sandbox) -> float | None:
        """Return the real seconds until the next attempt of a sandbox; None if none is due."""
        scheduled = self.scheduler.peek(sandbox)
        return None if scheduled is None else sandbox.clock.delay_until(scheduled.due)

    def clock_changed(self, sandbox: Sandbox) -> None:
        """Check what is due in a sandbox whose clock has changed."""
        self.scheduler.rearm(sandbox)

    def wait_until_sent(self, sandbox: Sandbox, timeout: float) -> bool:
        """Wait until no attempt of a sandbox is in flight; return whether that happened."""
        with self._finished:
            return self._finished.wait_for(
                lambda: self._closed or sandbox not in self._in_progress, timeout
            )

    def close(self) -> None:
        """Stop sending: abort attempts in flight, except those that a function makes."""
        self.scheduler.close()
        self._sender.close()
        self._workers.close()
        with self._finished:
            self._closed = True
            self._finished.notify_all()

    def _hand_over_due(self) -> float | None:
        pauses = self._held.schedule_expired(), self.scheduler.hand_over_due()
        return min((pause for pause in pauses if pause is not None), default=None)

    def _start(self, scheduled: ScheduledDelivery) -> None:
        task = scheduled.sandbox.get(scheduled.task_id)
        if task is None:
            return
        again = partial(self.scheduler.add, scheduled)
        if scheduled.sandbox.keeper.when_kept(scheduled.sandbox, task.id, again):
            return
        self._note_start(scheduled)
        receiver = receiver_of(task.callback_url or "")
        if isinstance(self._transport, HttpTransport):
            self._sender.put(receiver, _Job(self, scheduled))
        else:  # a function, which can take its time
            self._workers.put(receiver, lambda: perform_here(self.perform_counted(scheduled)))

    def send_now(self, scheduled: ScheduledDelivery) -> None:
        """Make an attempt in this thread, whatever the clock shows. Raises Unavailable."""
        scheduled.sandbox.keeper.commit()
        self._note_start(scheduled)
        perform_here(self.perform_counted(scheduled))

    def perform(self, scheduled: ScheduledDelivery) -> Made:
        """Make a scheduled attempt in this thread; return what was sent, nothing if it is void."""
        return perform_here(self._perform(scheduled))

    def _release(self, scheduled: ScheduledDelivery) -> Made:
        """Do the same with an attempt that was held, which no advance may leave behind."""
        self._note_start(scheduled)
        try:
            return self.perform(scheduled)
        finally:
            self.note_end(scheduled)

    def _note_start(self, scheduled: ScheduledDelivery) -> None:
        with self._finished:
            in_progress = self._in_progress.get(scheduled.sandbox, 0)
            self._in_progress[scheduled.sandbox] = in_progress + 1

    async def perform_counted(self, scheduled: ScheduledDelivery) -> None:
        """Make an attempt whose start was noted, and note its end."""
        try:
            await self._perform(scheduled)
        finally:
            self.note_end(scheduled)

    def note_end(self, scheduled: ScheduledDelivery) -> None:
        """Note that an attempt whose start was noted has ended, or will not be made."""
        with self._finished:
            self._in_progress[scheduled.sandbox] -= 1
            if not self._in_progress[scheduled.sandbox]:
                del self._in_progress[scheduled.sandbox]
                self._finished.notify_all()

    def next_scheduled(self, sandbox: Sandbox) -> ScheduledDelivery | None:
        """Return the next attempt of a sandbox that will be made; void ones are dropped."""
        while (scheduled := self.scheduler.peek(sandbox)) is not None and self._task_of(
            scheduled
        ) is None:
            self.scheduler.take(scheduled)
        return scheduled

    def _task_of(self, scheduled: ScheduledDelivery) -> Task | None:
        """Return the task of a scheduled attempt; None if the attempt has become void."""
        sandbox, task = scheduled.sandbox, scheduled.sandbox.get(scheduled.task_id)
        if (
            task is None
            or scheduled.generation != sandbox.generation
            or not sandbox.keeper.holds(sandbox)
        ):
            return None
        if ends_at(task, self._contract.lifecycle) != scheduled.ends:
            return None
        return None if self._reordering.is_void(scheduled) else task

    async def _perform(self, scheduled: ScheduledDelivery) -> Made:
        sandbox, again = scheduled.sandbox, partial(self.scheduler.add, scheduled)
        if sandbox.keeper.when_certain(sandbox, again):
            return []
        task = self._task_of(scheduled)
        if task is None:
            return []
        held = self._held.hold(scheduled, task)
        if held is not None:
            return [held]
        attempts = self._reordering.in_order(scheduled, task)
        return [sent for attempt in attempts for sent in await self._attempt(*attempt)]

    async def _attempt(self, scheduled: ScheduledDelivery, task: Task) -> list[Delivery]:
        sandbox, script = scheduled.sandbox, task.script
        random_fault = draw(sandbox, "delivery", self._contract)
        if random_fault is not None and not script.webhook:
            script = random_fault
        if WebhookFault.TWICE in script.webhook and scheduled.attempt == 1:
            first = await self._send(scheduled, task, script, last=False)
            return [first, await self._send(scheduled, task, script, last=True)]
        return [await self._send(scheduled, task, script, last=True)]

    async def _send(
        self, scheduled: ScheduledDelivery, task: Task, script: Script, *, last: bool
    ) -> Delivery:
        """Send what a poll would show, with the faults of *script*.

        Only the *last* webhook of an attempt is sent again if it fails.
        """
        at = scheduled.sandbox.clock.now()
        settings = scheduled.sandbox.settings
        webhook = self._content.webhook(task, script, settings, at, scheduled.ends)
        lost = WebhookFault.LOST in script.webhook
        result = _LOST if lost else await self._exchange(webhook)
        failed = result.error is not None and not lost and result.failure not in NEVER_SENT
        retry = self._retry(scheduled) if failed and last else None
        delivery = scheduled.sandbox.record_delivery(
            _delivery(
                (task.id, scheduled.attempt),
                at,
                webhook,
                result,
                next_at=retry.due if retry else None,
                scenarios=tuple(name for name in script.names if name.startswith("webhook-")),
            )
        )
        if last:
            sandbox = scheduled.sandbox
            sandbox.keeper.webhook_changed(sandbox, task.id, scheduled.ends, retry)
        if retry is not None:
            self.scheduler.add(retry)
        return delivery

    async def _exchange(self, webhook: WebhookRequest) -> AttemptResult:
        if isinstance(self._transport, HttpTransport):
            return await self._transport.send(webhook)
        return self._transport(webhook)

    def resend(self, sandbox: Sandbox, delivery: Delivery) -> Delivery:
        """Send a webhook of the journal again, as it was sent; it is not retried."""
        timeout = sandbox.settings.webhook_timeout.total_seconds()
        url, body, method = delivery.url, delivery.body, delivery.method
        media_type = self._content.media_type
        webhook = WebhookRequest(url, body, media_type, timeout, method, delivery.proof)
        at, result = sandbox.clock.now(), self._transport(webhook)
        of = delivery.task_id, delivery.attempt
        return sandbox.record_delivery(_delivery(of, at, webhook, result, resent=True))

    def _retry(self, scheduled: ScheduledDelivery) -> ScheduledDelivery | None:
        """Return the next attempt after a failed one; None if there is none.

        Retries are undocumented, so their number and their wait, which doubles, are settings.
        """
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
        return replace(scheduled, due=due, attempt=scheduled.attempt + 1, held_back=False)


@dataclass(frozen=True, slots=True)
class _Job:
    """An attempt that waits in the sender's queue."""

    dispatcher: Dispatcher
    scheduled: ScheduledDelivery

    @property
    def is_forgotten(self) -> bool:
        return self.scheduled.is_forgotten

    def begin(self) -> Attempt[None]:
        return self.dispatcher.perform_counted(self.scheduled)

    def drop(self) -> None:
        self.dispatcher.note_end(self.scheduled)


def _delivery(
    of: tuple[str, int],
    at: datetime,
    webhook: WebhookRequest,
    result: AttemptResult,
    *,
    next_at: datetime | None = None,
    scenarios: tuple[str, ...] = (),
    resent: bool = False,
) -> Delivery:
    """Return an attempt, *of* a task's id and a number, as the journal records it."""
    return Delivery(
        number=0,
        at=at,
        task_id=of[0],
        url=webhook.url,
        attempt=of[1],
        body=webhook.body,
        status=result.status,
        latency=result.latency,
        error=result.error,
        next_at=next_at,
        failure=result.failure or (Failure.STATUS if result.error and result.status else None),
        scenarios=scenarios,
        method=webhook.method,
        resent=resent,
        proof=webhook.proof,
    )
