"""`maxapi-mock listen`: a webhook inbox for the terminal."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING

from mockserver.commands.options import PASS, usage, without_secrets
from mockserver.commands.polls import Polls, differences, usable
from mockserver.commands.signals import stop_signals
from mockserver.domain.redaction import names_a_variable, without_users

if TYPE_CHECKING:
    from mockserver.testing.webhook import Webhook

_DEFAULT_PORT = 6291
_DEFAULT_URL = "http://127.0.0.1:6290"
_PATIENCE = 10.0
"""Real seconds that the receiver behind it has to answer."""
_WITHOUT_SCHEME = re.compile(r"(localhost|[^/:?#@]+:\d{1,5}|\[[^/]+\]:\d{1,5})([/?].*)?", re.DOTALL)
_OF_THE_HOP = {
    *("host", "content-length", "connection", "transfer-encoding", "keep-alive", "expect"),
    *("te", "trailer", "upgrade", "proxy-connection"),
}
"""Headers that are about the connection on which a webhook came."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--port",
        type=int,
        default=_DEFAULT_PORT,
        help=f"port of this machine to listen on; 0 takes a free one (default {_DEFAULT_PORT})",
    )
    answer = parser.add_mutually_exclusive_group()
    answer.add_argument(
        "--respond",
        metavar="STATUS,…",
        default="200",
        help="statuses to answer in turn, the last one from then on (default 200)",
    )
    answer.add_argument(
        "--forward-to",
        metavar="URL",
        help="pass each webhook on, such as to localhost:3000/hook, and answer what comes back",
    )
    parser.add_argument(
        "--per-task",
        action="store_true",
        help="begin the statuses of --respond anew with each task",
    )
    parser.add_argument(
        "--url",
        help="the API that each webhook is compared with a poll of (default MAXAPI_MOCK_URL, "
        f"else {_DEFAULT_URL}, the local mock's)",
    )
    parser.add_argument(
        "--token-env",
        metavar="NAME",
        default="MAXAPI_API_KEY",
        help="environment variable with the API key to poll with, which a mock on this machine "
        "does not need (default MAXAPI_API_KEY)",
    )


def run(options: argparse.Namespace) -> int:
    """Receive until interrupted; give the exit status."""
    statuses = options.respond.split(",")
    if not all(re.fullmatch(r"[2-5][0-9]{2}", one.strip()) for one in statuses):
        return usage(
            "listen", f"--respond: {options.respond!r} is not accepted; use such as 500,500,200"
        )
    if not 0 <= options.port <= 65535:
        return usage(
            "listen", f"--port: {options.port} is not accepted; use an integer from 0 to 65535"
        )
    if options.per_task and options.forward_to is not None:
        return usage("listen", "--per-task: is for --respond; leave it or --forward-to out")
    try:
        forward_to = None
        if options.forward_to is not None:
            forward_to = _url("--forward-to", options.forward_to)
        polls = _polls(options)
    except ValueError as error:
        return usage("listen", str(error))
    responses = _Responses([int(one) for one in statuses], per_task=options.per_task)
    environment = (options.token_env, "MAXAPI_API_KEY", "MAXAPI_MOCK_CONTROL_TOKEN")
    secrets = [os.environ.get(name) for name in environment]
    receiver = _Receiver(polls, responses, forward_to, secrets)
    return _listen(options.port, receiver, options.token_env)


def _listen(port: int, receiver: _Receiver, token_env: str) -> int:
    from mockserver.testing.inbox import InboxServer

    with stop_signals() as wait:
        try:
            server = InboxServer(port=port)
        except OSError as error:
            return usage("listen", f"cannot listen on 127.0.0.1:{port}: {error.strerror}")
        server.owners[""] = receiver
        with server:
            print(f"maxapi-mock listens; give your app the callBackUrl {server.url}/", flush=True)
            if not receiver.compares:
                name = token_env if names_a_variable(token_env) else "--token-env"
                said = f"not compared with polls: {name} holds no key that could be sent"
                print(said, flush=True)
            wait()
    return PASS


def _polls(options: argparse.Namespace) -> Polls:
    """Say where to poll, and with what. Raises ValueError."""
    environment, name = os.environ, "--url"
    given = options.url
    if given is None:
        given, name = environment.get("MAXAPI_MOCK_URL") or _DEFAULT_URL, "MAXAPI_MOCK_URL"
    key, token = environment.get(options.token_env), environment.get("MAXAPI_MOCK_CONTROL_TOKEN")
    return Polls(_url(name, given), key if usable(key) else None, token if usable(token) else None)


def _url(name: str, given: str) -> str:
    """Read a URL, also one that leaves its scheme out. Raises ValueError."""
    from mockserver.network.receiver import read_receiver

    url = f"http://{given}" if _WITHOUT_SCHEME.fullmatch(given) else given
    try:
        read_receiver(url)
    except ValueError as error:
        said = f"{name}: {without_users(given)!r} is not accepted: {error}"
        raise ValueError(
            f"{said}; use such as localhost:3000 or https://example.com/hook"
        ) from None
    return url


class _Responses:
    """The statuses that webhooks are answered with."""

    def __init__(self, statuses: list[int], *, per_task: bool) -> None:
        self._statuses = statuses
        self._per_task = per_task
        self._given: defaultdict[str, int] = defaultdict(int)

    def next(self, task_id: str) -> int:
        """Give the next one, of this task if each has its own turn."""
        turn = task_id if self._per_task else ""
        at = min(self._given[turn], len(self._statuses) - 1)
        self._given[turn] = at + 1
        return self._statuses[at]


class _Receiver:
    """Prints each webhook and answers it."""

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
        self._answered: defaultdict[str, list[int]] = defaultdict(list)
        """The statuses that the webhooks of each task were answered with."""
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
            self._answered[task_id].append(status)
        self._say("\n  ".join([*map(_on_one_line, lines), f"answered {status}"]))
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
            first = f"does not conform; {size} byte{'' if size == 1 else 's'}"
            return [f"{first}: {text}" if text else first, *(f"  {one}" for one in violations)]
        task, poll = webhook.task, self._polls.of(task_id)
        reason = task.get("failure_reason")
        status = f"{task['status']} ({reason})" if reason else task["status"]
        before = [str(one["error"] or "delivered") for one in poll.attempts]
        before = before or [f"answered {one}" for one in self._answered[task_id]]
        lines = [f"task {task_id} {status}, conforms, attempt {len(before) + 1}"]
        if before:
            lines.append(f"the attempt before: {before[-1]}")
        if poll.why_not:
            return [*lines, f"not compared with a poll: {poll.why_not}"]
        if poll.answer is None:
            return lines
        found = differences("", webhook.json, poll.answer)
        return [*lines, *(["differs from a poll:", *found] if found else ["equal to a poll"])]


def _task_id(webhook: Webhook) -> str:
    """Give the id of the task that a webhook tells of; nothing if it tells of none."""
    try:
        return str(webhook.task.get("taskId", ""))
    except ValueError:
        return ""


def _forward(webhook: Webhook, url: str, lines: list[str]) -> int:
    """Pass a webhook on as it came; give the status to answer, as from any proxy."""
    from mockserver.engine.webhooks.attempt import Failure, WebhookRequest
    from mockserver.engine.webhooks.transport import HttpTransport
    from mockserver.network.receiver import Reach, is_this_machine

    headers = tuple(pair for pair in webhook.headers.items() if pair[0] not in _OF_THE_HOP)
    callback = WebhookRequest(url, webhook.body, "", _PATIENCE, webhook.method, headers)
    transport = HttpTransport(1, Reach(["*"]), verify=not is_this_machine(url))
    outcome = transport(callback)
    transport.close()
    if outcome.status is None:
        lines.append(f"not forwarded to {without_users(url)}: {outcome.error}")
        return 504 if outcome.failure is Failure.TIMEOUT else 502
    lines.append(f"forwarded to {without_users(url)}")
    return outcome.status


def _on_one_line(text: str) -> str:
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)
