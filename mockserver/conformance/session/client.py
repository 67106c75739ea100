"""Speaks HTTP to a base URL, within a spending limit, and notes every exchange."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import urllib3

from mockserver.conformance.model import Exchange
from mockserver.conformance.session.ledger import PriceError
from mockserver.conformance.session.spending import Money
from mockserver.contract import Contract
from mockserver.domain.redaction import Redactor
from mockserver.engine.routing import pattern_of
from mockserver.network.outbound import UserProxy, proxy_for
from mockserver.network.receiver import is_this_machine

_PATIENCE = 30.0
"""Seconds to wait for an answer."""
_MOST_BYTES = 64 * 1024 * 1024

_NOT_SENT = (
    "ProxyError",
    "UserProxyError",
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
)
"""Errors of urllib3 that come before anything was sent."""
_UNSURE = (408, 409, 425, 499)
"""Refusals that do not say whether the submission was accepted before."""

_SAFE = ("GET", "HEAD", "OPTIONS", "DELETE")
"""Methods that nobody takes for a submission."""
_TRIES = 3
_BACKOFF = 1.0
"""Seconds before the second try, twice that before the third."""
_MOST_WAITS = 8
"""Times in a row that one request is sent again after 429."""
_LONGEST_WAIT = 60.0
"""Seconds to wait after one 429, whatever its Retry-After asks for."""

SUBMIT, QUERY, CANCEL, RESULT = "submit", "query", "cancel", "result"


class RateLimited(Exception):
    """The target answers 429 however long the run waits; the message says how often it did."""


class Operations:
    """Names the operation that a request calls."""

    def __init__(self, contract: Contract) -> None:
        self.by_name: Mapping[str, Mapping[str, Any]] = contract.service["operations"]
        self._patterns = [
            (pattern_of(one["path"]), one["method"], name) for name, one in self.by_name.items()
        ]

    def name_of(self, method: str, path: str) -> str | None:
        """Give the operation, or None."""
        for pattern, accepted, name in self._patterns:
            if method == accepted and pattern.fullmatch(path):
                return str(name)
        return None


class Client:
    """One API key at one base URL."""

    def __init__(
        self,
        base_url: str,
        token: str,
        money: Money,
        watch: Callable[[Exchange], object],
        *,
        pause: Callable[[float], object] = time.sleep,
        rate: float | None = None,
        secrets: tuple[str, ...] = (),
        on_transient_failure: Callable[[Exchange], object] = lambda _exchange: None,
    ) -> None:
        self.base_url = base_url.rstrip("/").removesuffix("/api/v1")
        self.money = money
        self.attempts = _TRIES
        """How often a request that costs nothing is sent until it gets a response."""
        self.pause = pause
        """Lets time pass for the target: real time, or that of a mock."""
        self._token = token
        self._redactor = Redactor({token, token[:-1], *secrets})
        self._watch, self._hiccup = watch, on_transient_failure
        self.waits, self.waited = 0, 0.0
        """How often, and for how many seconds, 429 made this run wait."""
        self.not_fetched = 0
        """How many result files of a target on this machine are somewhere else."""
        self._is_limited = False
        self._gap = 0.0 if rate is None else 1 / rate
        self._next = 0.0
        self._operations = Operations(money.contract)
        self._pools: dict[UserProxy | None, urllib3.PoolManager] = {}
        self._authorization = f"{money.contract.service['authentication']['scheme']} {token}"

    def close(self) -> None:
        """Close the connections, also those that an error's traceback keeps alive."""
        for pool in self._pools.values():
            for key in pool.pools.keys():  # noqa: SIM118 - the container is not iterable
                pool.pools[key].close()
            pool.clear()

    # -- the operations ----------------------------------------------------------------------

    def submit(self, document: Any, **changes: Any) -> Exchange:
        """Submit a document, or the bytes of one; *changes* are those of `send`.

        Raises LimitError if it could cost more than is left, LedgerError and RateLimited.
        """
        operation = self._operations.by_name[SUBMIT]
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        cost, name = self._reserve(document)
        try:
            exchange = self.send(operation["method"], operation["path"], body=body, **changes)
        except RateLimited:
            self._release(name)
            raise
        self._settle(cost, name, exchange)
        return exchange

    def _reserve(self, document: Any) -> tuple[Decimal, str | None]:
        """Set aside what a submission can cost; give that, and the reservation if there is one."""
        cost, name = self.money.worst_case(document), None
        if self.money.ledger is not None:
            model = document.get("model") if isinstance(document, dict) else None
            what = f"a submission to {model!r}" if model else "a submission without a model"
            if cost is None:
                raise PriceError(f"{what} has no published price; give one with --unknown-price")
            name = self.money.ledger.reserve(cost, what)
        known = cost or Decimal()
        self.money.at_most += known
        return known, name

    def _settle(self, cost: Decimal, name: str | None, exchange: Exchange) -> None:
        """Take the reservation back, but only if it was surely refused, or never sent."""
        status = exchange.status
        rejected = status is not None and 400 <= status < 500 and status not in _UNSURE
        never_sent = (exchange.error or "").partition(":")[0] in _NOT_SENT
        if not rejected and not never_sent:
            self.money.reserved += cost
        else:
            self._release(name)

    def _release(self, name: str | None) -> None:
        if name is not None and self.money.ledger is not None:
            self.money.ledger.release(name)

    def poll(self, task_id: str) -> Exchange:
        """Poll a task."""
        return self._on_task(QUERY, task_id)

    def cancel(self, task_id: str) -> Exchange:
        """Cancel a task."""
        return self._on_task(CANCEL, task_id)

    def _on_task(self, name: str, task_id: str) -> Exchange:
        return self.send(*self.route_of(name, task_id))

    def route_of(self, name: str, task_id: str) -> tuple[str, str]:
        """Return method and path of an operation on a task."""
        operation = self._operations.by_name[name]
        return operation["method"], operation["path"].format(taskId=quote(task_id, safe=":"))

    def fetch(self, url: str) -> Exchange:
        """Get a result file, without a token; for a target on this machine, from nowhere else."""
        if not url.lower().startswith(("http://", "https://")):
            missing = self._once("GET", url, {}, b"", RESULT)  # trying again would not help
            self._watch(missing)
            return missing
        if not is_this_machine(self.base_url) or is_this_machine(url):
            return self._exchange("GET", url, {}, b"", RESULT, is_free=True)
        self.not_fetched += 1
        error = "not fetched: it is not on this machine"
        shown, path = self.hidden(url), self.hidden(path_of(url))
        return Exchange(
            "GET", shown, path, RESULT, {}, b"", None, {}, b"", error, is_inconclusive=True
        )

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        authorization: str | None = "",
        content_type: str = "application/json",
    ) -> Exchange:
        """Send any request; *authorization* replaces this target's own, None leaves it out.

        Raises RateLimited.
        """
        given = self._authorization if authorization == "" else authorization
        headers = {} if given is None else {"Authorization": given}
        if body:
            headers["Content-Type"] = content_type
        operation = self._operations.name_of(method, path)
        is_free = operation == CANCEL or method in _SAFE
        is_free |= not self.money.is_spent and b"callBackUrl" not in body
        url = self.base_url + path
        return self._exchange(method, url, headers, body, operation, is_free=is_free)

    def near_tokens(self) -> dict[str, str]:
        """Give tokens that are nearly this target's own, by what is wrong."""
        token = self._token
        near = {
            "a letter longer": f"{token}x",
            "a letter shorter": token[:-1],
            "in another case": token.swapcase(),
        }
        return {how: one for how, one in near.items() if one not in ("", token)}

    def misplaced_token(self, method: str, path: str) -> Iterator[tuple[str, Exchange]]:
        """Send the token everywhere but where it belongs; give the place, and what came of it."""
        token, bare = self._token, quote(self._token, safe="")
        operation = self._operations.name_of(method, path)
        for name in ("token", "api_key", "access_token"):
            url = f"{self.base_url}{path}?{name}={bare}"
            yield f"?{name}=", self._exchange(method, url, {}, b"", operation, is_free=True)
        for name, value in (
            ("X-API-Key", token),
            ("Cookie", f"token={token}"),
            ("Authorization", token),
            ("Authorization", f"Token {token}"),
        ):
            sent = {name: value}
            shown = f"{name}: {value.replace(token, '...')}"
            yield (
                shown,
                self._exchange(method, self.base_url + path, sent, b"", operation, is_free=True),
            )

    # -- one exchange ------------------------------------------------------------------------

    def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        operation: str | None,
        *,
        is_free: bool,
    ) -> Exchange:
        """Send a request until it gets a response that can be judged.

        After 429 it is sent again when Retry-After says so: it was not accepted. After a failure
        of the server or the network it is sent again only if it *is_free*: it changes nothing, or
        nothing that anybody pays for.
        """
        failed: list[Exchange] = []
        while True:
            exchange = self._unlimited(method, url, headers, body, operation)
            if not exchange.is_unwell or not is_free or len(failed) + 1 == self.attempts:
                break
            failed.append(exchange)
            self.pause(_BACKOFF * len(failed))
        is_inconclusive = exchange.is_unwell and (not is_free or self.attempts == 1)
        for one in [*failed, exchange] if is_inconclusive or not exchange.is_unwell else ():
            if one.is_unwell:
                self._hiccup(one)
        exchange = replace(exchange, attempts=len(failed) + 1, is_inconclusive=is_inconclusive)
        self._watch(exchange)
        return exchange

    def _unlimited(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, operation: str | None
    ) -> Exchange:
        """Send a request, and again for as long as the answer is 429. Raises RateLimited."""
        for waits in range(0 if self._is_limited else _MOST_WAITS):
            exchange = self._once(method, url, headers, body, operation)
            if exchange.status != HTTPStatus.TOO_MANY_REQUESTS:
                return exchange
            self._wait(_asked_to_wait(exchange.response_headers, otherwise=2.0**waits))
        self._is_limited = True
        raise RateLimited(
            f"{_MOST_WAITS} times in a row, {method} {self.base_url} was answered 429"
        )

    def _wait(self, seconds: float) -> None:
        bounded = min(seconds, _LONGEST_WAIT)
        self.waits, self.waited = self.waits + 1, self.waited + bounded
        self.pause(bounded)

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, operation: str | None
    ) -> Exchange:
        self._keep_the_rate()
        status, error, answer = None, None, b""
        answered: dict[str, str] = {}
        try:
            status, answered, answer = self._ask(method, url, headers, body)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as failure:
            error = self.hidden(f"{type(failure).__name__}: {failure}")
        return Exchange(
            method=method,
            url=self.hidden(url),
            path=self.hidden(path_of(url)),
            operation=operation,
            headers=self._shown(headers),
            body=self.hidden_bytes(body),
            status=status,
            response_headers=self._shown(answered),
            response_body=self.hidden_bytes(answer),
            error=error,
        )

    def _ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        if not url.lower().startswith(("http://", "https://")):
            raise ValueError(f"{self.hidden(url)[:200]!r} is no http URL")
        response = self._pool_for(url).request(
            method,
            url,
            headers=dict(headers),
            body=body or None,
            redirect=False,
            timeout=urllib3.Timeout(total=_PATIENCE),
            preload_content=False,
        )
        answered = {name.lower(): value for name, value in response.headers.items()}
        answer = response.read(_MOST_BYTES)
        response.release_conn()
        return response.status, answered, answer

    def _pool_for(self, url: str) -> urllib3.PoolManager:
        """Give what calls *url*, by the user's proxy if it is not on this machine."""
        proxy = proxy_for(url)
        if proxy not in self._pools:
            self._pools[proxy] = _pool(proxy)
        return self._pools[proxy]

    def _keep_the_rate(self) -> None:
        now = time.monotonic()
        if self._gap and now < self._next:
            time.sleep(self._next - now)
        self._next = max(now, self._next) + self._gap

    def hidden(self, text: str) -> str:
        """Give *text* without the tokens of this run."""
        return self._redactor.text(text)

    def _shown(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {self.hidden(name): self.hidden(value) for name, value in headers.items()}

    def hidden_bytes(self, data: bytes) -> bytes:
        """Give *data* without the tokens of this run."""
        return self._redactor.data(data)


def _pool(proxy: UserProxy | None) -> urllib3.PoolManager:
    if proxy is None:
        return urllib3.PoolManager(retries=False, maxsize=4)
    known = proxy.authorization
    headers = {"Proxy-Authorization": known} if known else None
    return urllib3.ProxyManager(proxy.url, proxy_headers=headers, retries=False, maxsize=4)


def _asked_to_wait(headers: Mapping[str, str], *, otherwise: float) -> float:
    """Return the seconds that Retry-After asks for, as a number or as a date."""
    asked = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]+)?", asked):
        return float(asked)
    try:
        moment, now = (parsedate_to_datetime(one) for one in (asked, headers.get("date", "")))
        return max(0.0, (moment - now).total_seconds())
    except (TypeError, ValueError):
        return otherwise


def path_of(url: str) -> str:
    """Give the path of a URL; empty for what is no URL."""
    try:
        return urlsplit(url).path
    except ValueError:
        return ""
