"""`maxapi-mock listen`: a webhook inbox for the terminal."""

from __future__ import annotations

import argparse
import os
import re
import sys
from datetime import datetime
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from mockserver.commands.options import PASS, usage
from mockserver.commands.signals import stop_signals
from mockserver.contract import load_contract, parse_json

_DEFAULT_PORT = 6291
_PATIENCE = 10.0


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
        "--forward-to", metavar="URL", help="pass each webhook on, and answer what comes back"
    )
    parser.add_argument(
        "--url",
        default=os.environ.get("MAXAPI_MOCK_URL") or "http://127.0.0.1:6290",
        help="the API that each webhook is compared with a poll of (default the local mock's)",
    )
    parser.add_argument(
        "--token-env",
        metavar="NAME",
        default="MAXAPI_API_KEY",
        help="environment variable with the API key to poll with (default MAXAPI_API_KEY)",
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
    for name in ("url", "forward_to"):
        url = getattr(options, name)
        if url is not None and not _is_http(url):
            return usage(
                "listen", f"--{name.replace('_', '-')}: {url!r} is not accepted; use an http URL"
            )
    from mockserver.testing.inbox import InboxServer

    with stop_signals() as wait:
        try:
            server = InboxServer(port=options.port)
        except OSError as error:
            where = f"127.0.0.1:{options.port}"
            return usage("listen", f"cannot listen on {where}: {error.strerror}")
        token = os.environ.get(options.token_env)
        server.owners[""] = _Receiver(options, [int(one) for one in statuses], token)
        with server:
            print(f"maxapi-mock listens; give your app the callBackUrl {server.url}/", flush=True)
            if not token:
                print(f"not compared with polls: {options.token_env} is not set", flush=True)
            wait()
    return PASS


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


class _Receiver:
    """Prints each webhook and answers it."""

    def __init__(self, options: argparse.Namespace, statuses: list[int], token: str | None) -> None:
        import urllib3

        self._statuses = statuses
        self._forward_to = options.forward_to
        self._url = options.url.rstrip("/")
        self._token = token
        self._lock = Lock()
        self._http = urllib3.PoolManager(retries=False, timeout=_PATIENCE)

    def __call__(self, webhook: Any) -> int:
        lines = [f"{datetime.now().astimezone():%H:%M:%S} {webhook.method} {webhook.url}"]
        lines += self._verdict(webhook)
        status = self._forward(webhook, lines) if self._forward_to else self._next()
        self._say("\n  ".join([*lines, f"answered {status}"]))
        return status

    def _say(self, text: str) -> None:
        """Print in one piece, if anybody is there to read it."""
        with self._lock:
            if sys.stdout is None:
                return
            try:
                sys.stdout.write(f"{text}\n")
                sys.stdout.flush()
            except OSError:
                sys.stdout = None

    def _next(self) -> int:
        with self._lock:
            return self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]

    def _verdict(self, webhook: Any) -> list[str]:
        violations = webhook.violations
        if violations:
            size = f"does not conform; {len(webhook.body)} bytes: {webhook.body[:200]!r}"
            return [size, *(f"  {one}" for one in violations)]
        task = webhook.task
        return [f"task {task['taskId']} {task['status']}, conforms", *self._difference(webhook)]

    def _difference(self, webhook: Any) -> list[str]:
        """Say how the webhook differs from a poll of its task."""
        if not self._token:
            return []
        path = load_contract().service["operations"]["query"]["path"]
        url = self._url + path.format(taskId=webhook.task["taskId"])
        headers = {"Authorization": f"Bearer {self._token}"}
        try:
            answer = self._http.request("GET", url, headers=headers, redirect=False)
            polled = parse_json(answer.data)
        except Exception as error:  # whatever it is, the webhook is to be answered
            return [f"not compared with a poll: {type(error).__name__}: {error}"]
        if answer.status != 200:
            return [f"not compared: the poll answered {answer.status} {polled!r:.200}"]
        found = list(differences("", webhook.json, polled))
        return ["equal to a poll"] if not found else ["differs from a poll:", *found]

    def _forward(self, webhook: Any, lines: list[str]) -> int:
        own = ("host", "content-length", "connection", "transfer-encoding")
        headers = {name: value for name, value in webhook.headers.items() if name not in own}
        try:
            answer = self._http.request(
                webhook.method, self._forward_to, body=webhook.body, headers=headers, redirect=False
            )
        except Exception as error:
            lines.append(f"not forwarded: {type(error).__name__}: {error}")
            return 502
        lines.append(f"forwarded to {self._forward_to}")
        return int(answer.status)


def differences(place: str, called: Any, polled: Any) -> list[str]:
    """List where two JSON documents differ."""
    if isinstance(called, dict) and isinstance(polled, dict):
        found = []
        for name in called | polled:
            here = f"{place}.{name}".lstrip(".")
            found += differences(here, called.get(name, "absent"), polled.get(name, "absent"))
        return found
    return [] if called == polled else [f"  {place}: webhook {called!r}, poll {polled!r}"]
