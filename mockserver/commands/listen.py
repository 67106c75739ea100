"""`maxapi-mock listen`: a webhook inbox for the terminal."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING

import click

from mockserver.commands.arguments import (
    LOCAL_MOCK,
    port_option,
    read_receiver_url,
    receiver_url,
    statuses,
)
from mockserver.commands.command import command, option, receives
from mockserver.commands.output import PASS, on_one_line, plural, without_secrets
from mockserver.commands.polls import Polls, listed, usable
from mockserver.commands.signals import stop_signals
from mockserver.domain.redaction import names_a_variable, without_users

if TYPE_CHECKING:
    from mockserver.testing.webhook import Webhook

_DEFAULT_PORT = 6291
_PATIENCE = 10.0
"""Real seconds that the receiver behind it has to respond."""
_OF_THE_HOP = {
    *("host", "content-length", "connection", "transfer-encoding", "keep-alive", "expect"),
    *("te", "trailer", "upgrade", "proxy-connection"),
}
"""Headers that are about the connection on which a webhook came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Options:
    port: int
    respond: tuple[int, ...] | None
    forward_to: str | None
    per_task: bool
    url: str | None
    token_env: str


@command("listen")
@port_option(_DEFAULT_PORT)
@option(
    "--respond",
    metavar="STATUS,…",
    type=statuses,
    group="Responses",
    help="statuses to respond with in turn, the last one from then on (default 200)",
)
@option(
    "--per-task",
    is_flag=True,
    group="Responses",
    help="begin the statuses of --respond anew with each task",
)
@option(
    "--forward-to",
    metavar="URL",
    type=receiver_url,
    group="Responses",
    help="pass each webhook on, for example to localhost:3000/hook, and return its response",
)
@option(
    "--url",
    metavar="URL",
    type=receiver_url,
    group="Comparison with polls",
    help="the API that each webhook's task is polled at (default MAXAPI_MOCK_URL, "
    f"else {LOCAL_MOCK}, the local mock's)",
)
@option(
    "--token-env",
    metavar="NAME",
    default="MAXAPI_API_KEY",
    group="Comparison with polls",
    help="environment variable with the API key to poll with, which a mock on this machine "
    "does not need (default MAXAPI_API_KEY)",
)
@receives(_Options)
def listen(options: _Options) -> int:
    """Receive until interrupted; return the exit status. Raises UsageError."""
    if options.forward_to is not None:
        for name, given in (("--per-task", options.per_task), ("--respond", options.respond)):
            if given:
                raise click.UsageError(f"{name}: not allowed with --forward-to; use one of them")
    polls = _polls(options)
    responses = _Responses(options.respond or (200,), per_task=options.per_task)
    environment = (options.token_env, "MAXAPI_API_KEY", "MAXAPI_MOCK_CONTROL_TOKEN")
    secrets = [os.environ.get(name) for name in environment]
    receiver = _Receiver(polls, responses, options.forward_to, secrets)
    return _listen(options.port, receiver, options.token_env)


def _listen(port: int, receiver: _Receiver, token_env: str) -> int:
    from mockserver.testing.inbox import InboxServer

    with stop_signals() as wait:
        try:
            server = InboxServer(port=port)
        except OSError as error:
            said = f"cannot listen on 127.0.0.1:{port}: {error.strerror}"
            raise click.UsageError(said) from None
        server.owners[""] = receiver
        with server:
            print(f"maxapi-mock listens; give your app the callBackUrl {server.url}/", flush=True)
            if not receiver.compares:
                name = token_env if names_a_variable(token_env) else "--token-env"
                said = f"not compared with polls: {name} does not hold a key that can be sent"
                print(said, flush=True)
            wait()
    return PASS


def _polls(options: _Options) -> Polls:
    """Return where to poll, and with what. Raises UsageError."""
    environment, url = os.environ, options.url
    if url is None:
        try:
            url = read_receiver_url(environment.get("MAXAPI_MOCK_URL") or LOCAL_MOCK)
        except ValueError as error:
            raise click.UsageError(f"MAXAPI_MOCK_URL: {error}") from None
    key, token = environment.get(options.token_env), environment.get("MAXAPI_MOCK_CONTROL_TOKEN")
    return Polls(url, key if usable(key) else None, token if usable(token) else None)


class _Responses:
    """The statuses that webhooks get as responses."""

    def __init__(self, statuses: Sequence[int], *, per_task: bool) -> None:
        self._statuses = statuses
        self._per_task = per_task
        self._given: defaultdict[str, int] = defaultdict(int)

    def next(self, task_id: str) -> int:
        """Return the next one, of this task if each has its own turn."""
        turn = task_id if self._per_task else ""
        at = min(self._given[turn], len(self._statuses) - 1)
        self._given[turn] = at + 1
        return self._statuses[at]


class _Receiver:
    """Prints each webhook and returns the status to respond with."""

    def __init__(
        self,
        polls: Polls,
        responses: _Responses,
        forward_to: str | None,
        secrets: Iterable[str | None] = (),
    ) -> None:
        self._polls = polls
        self._secrets = tuple(secrets)
        self._responses = responses
        self._forward_to = forward_to
        self._responded: defaultdict[str, list[int]] = defaultdict(list)
        """The statuses that the webhooks of each task got."""
        self._lock = Lock()

    @property
    def compares(self) -> bool:
        """Whether webhooks can be compared with polls."""
        return self._polls.possible

    def __call__(self, webhook: Webhook) -> int:
        lines = [f"{datetime.now().astimezone():%H:%M:%S} {webhook.method} {webhook.url}"]
        task_id = _task_id(webhook)
        lines += self._verdict(webhook, task_id)
        if self._forward_to is None:
            with self._lock:
                status = self._responses.next(task_id)
        else:
            status = _forward(webhook, self._forward_to, lines)
        with self._lock:
            self._responded[task_id].append(status)
        self._say("\n  ".join([*map(on_one_line, lines), f"responded {status}"]))
        return status

    def _say(self, text: str) -> None:
        """Print in one piece, if anybody is there to read it."""
        with self._lock:
            if sys.stdout is None:
                return
            try:
                sys.stdout.write(f"{without_secrets(text, self._secrets)}\n")
                sys.stdout.flush()
            except OSError:
                sys.stdout = None

    def _verdict(self, webhook: Webhook, task_id: str) -> list[str]:
        violations = webhook.violations
        if violations:
            size, text = len(webhook.body), webhook.body.decode("utf-8", "replace")
            text = without_secrets(text, self._secrets)[:200]
            first = f"does not conform; {plural(size, 'byte')}"
            return [f"{first}: {text}" if text else first, *(f"  {one}" for one in violations)]
        task, poll = webhook.task, self._polls.of(task_id)
        reason = task.get("failure_reason")
        status = f"{task['status']} ({reason})" if reason else task["status"]
        before = [str(one["error"] or "delivered") for one in poll.attempts]
        before = before or [f"responded {one}" for one in self._responded[task_id]]
        lines = [f"task {task_id} {status}, conforms, attempt {len(before) + 1}"]
        if before:
            lines.append(f"the attempt before: {before[-1]}")
        if poll.why_not:
            return [*lines, f"not compared with a poll: {poll.why_not}"]
        if poll.response is None:
            return lines
        found = listed(webhook.json, poll.response)
        return [*lines, *(["differs from a poll:", *found] if found else ["equal to a poll"])]


def _task_id(webhook: Webhook) -> str:
    """Return the id of a webhook's task; nothing if it has none."""
    try:
        return str(webhook.task.get("taskId", ""))
    except ValueError:
        return ""


def _forward(webhook: Webhook, url: str, lines: list[str]) -> int:
    """Pass a webhook on as it came; return the status of the response, as from any proxy."""
    from mockserver.engine.webhooks.attempt import Failure, WebhookRequest
    from mockserver.engine.webhooks.transport import HttpTransport
    from mockserver.network.receiver import Reach, is_this_machine

    headers = tuple(pair for pair in webhook.headers.items() if pair[0] not in _OF_THE_HOP)
    request = WebhookRequest(url, webhook.body, "", _PATIENCE, webhook.method, headers)
    transport = HttpTransport(1, Reach(["*"]), verify=not is_this_machine(url))
    outcome = transport(request)
    transport.close()
    if outcome.status is None:
        unconnected = (Failure.CONNECTION_REFUSED, Failure.UNREACHABLE, Failure.NAME_NOT_FOUND)
        ask = "; is your app running there?" if outcome.failure in unconnected else ""
        lines.append(f"not forwarded to {without_users(url)}: {outcome.error}{ask}")
        return 504 if outcome.failure is Failure.TIMEOUT else 502
    lines.append(f"forwarded to {without_users(url)}")
    return outcome.status
