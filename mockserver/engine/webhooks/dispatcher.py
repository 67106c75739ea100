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
from mockserver.engine.webhooks.attempt import NEVER_SENT, Callback, Failure, Outcome, Transport
from mockserver.engine.chaos import draw
from mockserver.engine.messages import success
from mockserver.engine.journal import Delivery
from mockserver.engine.webhooks.workers import Lanes
from mockserver.engine.sandbox import Sandbox
from mockserver.engine.webhooks.signature import proof
from mockserver.engine.webhooks.scheduler import Call, Timer
from mockserver.settings import Settings

_LONGEST_WAIT = timedelta(days=365)
"""Between two attempts, however often the wait has doubled."""

_LOST = Outcome(None, "lost on its way, as the scenario says", 0.0, Failure.LOST)


class Dispatcher:
    """Holds every webhook that is to be sent, and sends it in its own time."""

    def __init__(self, contract: Contract, settings: Settings, transport: Transport) -> None:
        self._contract = contract
        self._transport = transport
        self._lanes = Lanes(settings.webhook_concurrency)
        self.timer = Timer(self._start)
        self._order = count()
        self._content_type = contract.fact("webhook.content_type")
        self._in_flight: Counter[Sandbox] = Counter()
        self._landed = Condition()

    def plan(self, sandbox: Sandbox, task: Task) -> None:
        """Plan the webhook of *task* for its end, if it has both; again when its plan changed."""
        call = self.first_call(sandbox, task)
        if call is not None:
            self.timer.add(call)

    def first_call(self, sandbox: Sandbox, task: Task) -> Call | None:
        """Make the first attempt for the end of *task*; None without a callback or an end."""
        ends = ends_at(task, self._contract.lifecycle)
        if task.callback_url is None or ends is None:
            return None
        due = ends + task.script.webhook_late
        return Call(due, next(self._order), sandbox, task.id, ends, sandbox.generation)

    def clock_changed(self, sandbox: Sandbox) -> None:
        """Look again at what is due in a sandbox."""
        self.timer.rearm(sandbox)

    def await_landing(self, sandbox: Sandbox, timeout: float) -> bool:
        """Wait until no attempt of a sandbox is in flight; say whether that came to pass."""
        with self._landed:
            return self._landed.wait_for(lambda: not self._in_flight[sandbox], timeout)

    def close(self) -> None:
        """Stop sending; attempts in flight end by themselves."""
        self.timer.close()
        self._lanes.close()

    def _start(self, call: Call) -> None:
        task = self._task_of(call)
        if task is None:
            return
        self._take_off(call)
        self._lanes.put(_receiver(task.callback_url or ""), lambda: self._fly(call))

    def send_now(self, call: Call) -> None:
        """Make an attempt in this thread, whatever the clock says."""
        self._take_off(call)
        self._fly(call)

    def _take_off(self, call: Call) -> None:
        with self._landed:
            self._in_flight[call.sandbox] += 1

    def _fly(self, call: Call) -> None:
        try:
            self.perform(call)
        finally:
            with self._landed:
                self._in_flight[call.sandbox] -= 1
                self._in_flight += Counter()  # forgets the zeros
                self._landed.notify_all()

    def next_call(self, sandbox: Sandbox) -> Call | None:
        """Show the next attempt of a sandbox that will be made; void ones are forgotten."""
        while (call := self.timer.peek(sandbox)) is not None and self._task_of(call) is None:
            self.timer.take(call)
        return call

    def _task_of(self, call: Call) -> Task | None:
        """Give the task of a planned attempt; None if the attempt is void by now."""
        task = call.sandbox.get(call.task_id)
        if task is None or call.generation != call.sandbox.generation:
            return None
        if ends_at(task, self._contract.lifecycle) != call.ends:
            return None
        return None if call.waited and call.sandbox.held != call.task_id else task

    def perform(self, call: Call) -> list[Delivery]:
        """Make a planned attempt now, and give what came of it; nothing if it is void."""
        task = self._task_of(call)
        if task is None:
            return []
        if call.attempt == 1 and "reordered" in task.script.webhook:
            return self._swap(call, task)
        return self._attempt(call, task)

    def _swap(self, call: Call, task: Task) -> list[Delivery]:
        """Hold the first of two webhooks back until the second has been sent, or for a while."""
        held = call.sandbox.swap(call.task_id)
        if held is None:
            wait = call.sandbox.settings.webhook_timeout
            due = call.sandbox.clock.now() + wait
            self.timer.add(replace(call, due=due, order=next(self._order), waited=True))
            return []
        sent = self._attempt(call, task)
        partner = call.sandbox.get(held)
        ends = None if partner is None else ends_at(partner, self._contract.lifecycle)
        if partner is None or ends is None or partner is task:
            return sent
        return sent + self._attempt(replace(call, task_id=held, ends=ends), partner)

    def _attempt(self, call: Call, task: Task) -> list[Delivery]:
        sandbox, script = call.sandbox, task.script
        chance = draw(sandbox, "delivery", self._contract)
        if chance is not None and not script.webhook:
            script = chance
        if "twice" in script.webhook and call.attempt == 1:
            first = self._send(call, task, script, last=False)
            return [first, self._send(call, task, script, last=True)]
        return [self._send(call, task, script, last=True)]

    def _send(self, call: Call, task: Task, script: Script, *, last: bool) -> Delivery:
        """Send what a poll would show, but for the mischief; the record cannot change any more.

        Only the *last* one of an attempt is tried again when it fails.
        """
        at = call.sandbox.clock.now()
        callback = self._callback(call, task, script)
        lost = "lost" in script.webhook
        outcome = _LOST if lost else self._transport(callback)
        failed = outcome.error is not None and not lost and outcome.failure not in NEVER_SENT
        retry = self._retry(call) if failed and last else None
        delivery = _record(
            call.sandbox,
            callback,
            outcome,
            at=at,
            task_id=task.id,
            attempt=call.attempt,
            next_at=retry.due if retry else None,
            scenarios=tuple(name for name in script.names if name.startswith("webhook-")),
        )
        if retry is not None:
            self.timer.add(retry)
        return delivery

    def _callback(self, call: Call, task: Task, script: Script) -> Callback:
        now = max(call.sandbox.clock.now(), call.ends)
        settings = call.sandbox.settings
        document = webhook_document(task, now, self._contract.lifecycle, settings.answers)
        if "conflicting" in script.webhook:
            document |= {"status": self._contract.lifecycle.failure, "result": None}
        body = dump_json(success(self._contract, document))
        if "truncated" in script.webhook:
            body = body[: len(body) // 2]
        timeout = settings.webhook_timeout.total_seconds()
        callback = Callback(task.callback_url or "", body, self._content_type, timeout)
        if "unsigned" not in script.webhook:
            at, forged = call.sandbox.clock.now(), "forged" in script.webhook
            callback = replace(callback, proof=proof(settings, task.id, at, forged=forged))
        if "redirected" in script.webhook:
            return replace(callback, body=b"", method="GET")
        return callback

    def resend(self, sandbox: Sandbox, delivery: Delivery) -> Delivery:
        """Send a webhook of the journal once more, as it was sent; it is not tried again."""
        timeout = sandbox.settings.webhook_timeout.total_seconds()
        url, body, method = delivery.url, delivery.body, delivery.method
        callback = Callback(url, body, self._content_type, timeout, method, delivery.proof)
        at, outcome = sandbox.clock.now(), self._transport(callback)
        task_id, attempt = delivery.task_id, delivery.attempt
        about = {"at": at, "task_id": task_id, "attempt": attempt, "next_at": None, "resent": True}
        return _record(sandbox, callback, outcome, **about)

    def _retry(self, call: Call) -> Call | None:
        settings = call.sandbox.settings
        if call.attempt >= settings.webhook_tries:
            return None
        seconds = settings.webhook_backoff.total_seconds() * 2.0 ** (call.attempt - 1)
        wait = timedelta(seconds=min(seconds, _LONGEST_WAIT.total_seconds()))
        if call.generation != call.sandbox.generation or wait > LATEST - call.sandbox.clock.now():
            return None
        due = call.sandbox.clock.now() + wait
        return replace(call, due=due, order=next(self._order), attempt=call.attempt + 1)


def _record(sandbox: Sandbox, callback: Callback, outcome: Outcome, **about: Any) -> Delivery:
    """Note in the journal what was sent and what came of it; *about* is the rest of a Delivery."""
    return sandbox.record_delivery(
        url=callback.url,
        body=callback.body,
        method=callback.method,
        proof=callback.proof,
        status=outcome.status,
        latency=outcome.latency,
        error=outcome.error,
        failure=outcome.failure or (Failure.STATUS if outcome.error and outcome.status else None),
        **about,
    )


def _receiver(url: str) -> str:
    """Name the receiver of a URL: its scheme, host and port."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
