"""Uses the API at a base URL with one key, within a spending limit, and reports every exchange."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from mockserver.conformance.model import Exchange
from mockserver.conformance.operations import CANCEL, QUERY, RESULT, SUBMIT, Operations, path_of
from mockserver.conformance.session.ledger import PriceError
from mockserver.conformance.session.rate_limit import RateLimit, RateLimited
from mockserver.conformance.session.spending import Money
from mockserver.conformance.session.transport import (
    FAILURES,
    NOT_SENT,
    HttpClient,
    Outgoing,
    explained,
)
from mockserver.domain.redaction import REDACTED, Redactor
from mockserver.network.receiver import is_this_machine

_UNSURE = (408, 409, 425, 499)
"""Errors that do not say whether the submission was accepted before."""
_SAFE = ("GET", "HEAD", "OPTIONS", "DELETE")
"""Methods that no target takes for a submission."""
_TRIES = 3
_BACKOFF = 1.0
"""Seconds before the second try, twice that before the third."""
_OWN = ""
"""Stands for the Authorization header of this client's own token."""
_JSON = "application/json"


class Client:
    """One API key at one base URL.

    *on_exchange* gets every exchange, *on_transient_failure* every response that proves nothing;
    *secrets* are hidden in both, besides the token; *variable*, that of a shell, takes their place.
    *pause* lets time pass for the target: real time, or that of a mock. *rate* is the number of
    requests a second, None for no limit.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        money: Money,
        on_exchange: Callable[[Exchange], object],
        *,
        pause: Callable[[float], object] = time.sleep,
        rate: float | None = None,
        secrets: tuple[str, ...] = (),
        variable: str = REDACTED,
        on_transient_failure: Callable[[Exchange], object] = lambda _exchange: None,
    ) -> None:
        self.base_url = base_url.rstrip("/").removesuffix("/api/v1")
        self.money = money
        self.attempts = _TRIES
        """How often a request that costs nothing is sent until it gets a response."""
        self.pause = pause
        self.rate_limit = RateLimit(pause, rate)
        self.not_fetched = 0
        """How many result files of a target on this machine are somewhere else."""
        self._token = token
        self._variable = variable
        self._redactor = Redactor({token, token[:-1], *secrets}, variable)
        self._on_exchange, self._on_transient_failure = on_exchange, on_transient_failure
        self._operations = Operations(money.contract)
        self._http = HttpClient()
        self._authorization = f"{money.contract.service['authentication']['scheme']} {token}"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # -- the operations ----------------------------------------------------------------------

    def submit(
        self, document: Any, *, authorization: str | None = _OWN, content_type: str = _JSON
    ) -> Exchange:
        """Submit a document, or the bytes of one; the options are those of `send`.

        Raises LimitError if it could cost more than is left, LedgerError and RateLimited.
        """
        operation = self._operations.by_name[SUBMIT]
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        cost, name = self._reserve(document)
        try:
            exchange = self.send(
                operation["method"],
                operation["path"],
                body=body,
                authorization=authorization,
                content_type=content_type,
            )
        except RateLimited:
            self._release(name)
            raise
        self._settle(cost, name, exchange)
        return exchange

    def _reserve(self, document: Any) -> tuple[Decimal, str | None]:
        """Set aside what a submission can cost; return that, and the name of the reservation."""
        cost, name = self.money.worst_case(document), None
        if self.money.ledger is not None:
            model = document.get("model") if isinstance(document, dict) else None
            what = f"a submission to {model!r}" if model else "a submission without a model"
            if cost is None:
                raise PriceError(f"{what} has no published price; set one with --unknown-price")
            name = self.money.ledger.reserve(cost, what)
        known = cost or Decimal()
        self.money.at_most += known
        return known, name

    def _settle(self, cost: Decimal, name: str | None, exchange: Exchange) -> None:
        """Release the reservation, but only if the submission was surely rejected or never sent."""
        status = exchange.status
        rejected = status is not None and 400 <= status < 500 and status not in _UNSURE
        if not rejected and not exchange.never_sent:
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
        """Get a result file, without a token.

        For a target on this machine, files on other machines are not fetched.
        """
        request = Outgoing("GET", url, {}, operation=RESULT)
        if not url.lower().startswith(("http://", "https://")):
            unusable = self._once(request)  # trying again would not help
            self._on_exchange(unusable)
            return unusable
        if not is_this_machine(self.base_url) or is_this_machine(url):
            return self._exchange(request, is_free=True)
        self.not_fetched += 1
        error = "not fetched: it is not on this machine"
        return replace(self._noted(request, error=error), is_inconclusive=True)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes = b"",
        authorization: str | None = _OWN,
        content_type: str = _JSON,
    ) -> Exchange:
        """Send any request; *authorization* replaces this client's own, None leaves it out.

        Raises RateLimited.
        """
        value = self._authorization if authorization == _OWN else authorization
        headers = {} if value is None else {"Authorization": value}
        if body:
            headers["Content-Type"] = content_type
        operation = self._operations.name_of(method, path)
        is_free = operation == CANCEL or method in _SAFE
        is_free |= not self.money.is_spent and b"callBackUrl" not in body
        request = Outgoing(method, self.base_url + path, headers, body, operation)
        return self._exchange(request, is_free=is_free)

    def near_tokens(self) -> dict[str, str]:
        """Return tokens that are nearly this client's own, by how they differ."""
        token = self._token
        near = {
            "a letter longer": f"{token}x",
            "a letter shorter": token[:-1],
            "in another case": token.swapcase(),
        }
        return {how: one for how, one in near.items() if one not in ("", token)}

    def misplaced_token(self, method: str, path: str) -> Iterator[tuple[str, Exchange]]:
        """Send the token in every wrong place; yield the place, and the exchange."""
        token, bare = self._token, quote(self._token, safe="")
        for name in ("token", "api_key", "access_token"):
            yield f"?{name}=", self._misplaced(method, path, {}, f"?{name}={bare}")
        for name, value in (
            ("X-API-Key", token),
            ("Cookie", f"token={token}"),
            ("Authorization", token),
            ("Authorization", f"Token {token}"),
        ):
            shown = f"{name}: {value.replace(token, '...')}"
            yield shown, self._misplaced(method, path, {name: value})

    def _misplaced(
        self, method: str, path: str, headers: Mapping[str, str], query: str = ""
    ) -> Exchange:
        operation = self._operations.name_of(method, path)
        request = Outgoing(method, self.base_url + path + query, headers, operation=operation)
        return self._exchange(request, is_free=True)

    # -- one exchange ------------------------------------------------------------------------

    def _exchange(self, request: Outgoing, *, is_free: bool) -> Exchange:
        """Send a request until it gets a response that says something about the contract.

        After 429 it is sent again when Retry-After says so: it was not accepted. After a failure
        of the server or the network it is sent again only if it *is_free*: it changes nothing, or
        nothing that anyone pays for.
        """
        failed: list[Exchange] = []
        what = f"{request.method} {self.base_url}"
        while True:
            exchange = self.rate_limit.send(what, lambda: self._once(request))
            if not exchange.is_unwell or not is_free or len(failed) + 1 == self.attempts:
                break
            failed.append(exchange)
            self.pause(_BACKOFF * len(failed))
        is_inconclusive = exchange.is_unwell and (not is_free or self.attempts == 1)
        for one in [*failed, exchange] if is_inconclusive or not exchange.is_unwell else ():
            if one.is_unwell:
                self._on_transient_failure(one)
        exchange = replace(exchange, attempts=len(failed) + 1, is_inconclusive=is_inconclusive)
        self._on_exchange(exchange)
        return exchange

    def _once(self, request: Outgoing) -> Exchange:
        try:
            if not request.url.lower().startswith(("http://", "https://")):
                raise ValueError(f"{self.hidden(request.url)[:200]!r} is not an http URL")
            status, headers, body = self._http.send(request)
        except FAILURES as failure:
            noted = self._noted(request, error=explained(failure, request.url))
            return replace(noted, never_sent=type(failure).__name__ in NOT_SENT)
        return self._noted(request, status, headers, body)

    def _noted(
        self,
        request: Outgoing,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        error: str | None = None,
    ) -> Exchange:
        """Make the record of an exchange, without the secrets of this run."""
        return Exchange(
            method=request.method,
            url=self.hidden(request.url),
            path=self.hidden(path_of(request.url)),
            operation=request.operation,
            headers=self._shown(request.headers),
            body=self.hidden_bytes(request.body),
            status=status,
            response_headers=self._shown(headers or {}),
            response_body=self.hidden_bytes(body),
            error=None if error is None else self.hidden(error),
            key=self._variable,
        )

    def hidden(self, text: str) -> str:
        """Return *text* without the secrets of this run."""
        return self._redactor.text(text)

    def hidden_bytes(self, data: bytes) -> bytes:
        """Return *data* without the secrets of this run."""
        return self._redactor.data(data)

    def _shown(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {self.hidden(name): self.hidden(value) for name, value in headers.items()}
