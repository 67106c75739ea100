"""A run of the suite as requested on the command line."""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from mockserver.conformance.check import AnyCheck
from mockserver.conformance.model import Report
from mockserver.conformance.redaction import secrets_in
from mockserver.conformance.session.active_check import active_checks
from mockserver.conformance.session.ledger import Ledger
from mockserver.conformance.session.probe import problem_of
from mockserver.conformance.session.runner import (
    Step,
    Target,
    connected,
    own_mock,
    receive_webhooks,
    run_check,
    run_checks,
)
from mockserver.conformance.session.session import Options, Session
from mockserver.conformance.session.spending import Money
from mockserver.contract import Contract
from mockserver.contract.violation import similar
from mockserver.domain.price import money
from mockserver.domain.redaction import REDACTED, names_a_variable
from mockserver.errors import MaxapiMockError
from mockserver.network.receiver import is_this_machine, read_receiver
from mockserver.testing.inbox import InboxServer

LIVE_INTERVAL, MOCK_INTERVAL = 3.0, 0.2
"""Seconds between two polls of a task."""
LIVE_RATE = 2.0
LIVE_EXAMPLES, MOCK_EXAMPLES = 2, 15
_PATIENCE = 15 * 60.0


class VerifyError(MaxapiMockError):
    """A run cannot be done as requested; the message is one line that says why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What a run is requested to do."""

    url: str | None = None
    """None starts a mock for the run."""
    live: bool = False
    token_env: str = "MAXAPI_LIVE_KEY"  # noqa: S105 - the name of a variable
    other_token_env: str | None = None
    max_cost: Decimal | None = None
    unknown_price: Decimal | None = None
    ledger: Path = Path("maxapi-verify-ledger.jsonl")
    models: tuple[str, ...] = ()
    """Names or globs; empty for all models."""
    seed: int = 0
    examples: int | None = None
    rate: float | None = None
    patience: float = _PATIENCE
    webhook_url: str | None = None
    webhook_port: int = 6293


@dataclass(frozen=True)
class PlannedCheck:
    """What one active check would send."""

    check: str
    title: str
    requests: int
    submissions: int
    at_most: Decimal
    """US dollars if every submission were accepted."""
    not_sent: str = ""
    """Why some of it would not be sent."""


def options_of(request: RunRequest, contract: Contract, environment: Mapping[str, str]) -> Options:
    """Return the options of a run. Raises VerifyError."""
    _check_variable("--token-env", request.token_env, environment)
    if request.url is not None:
        _check_url(request, request.url, environment)
    elif request.live:
        raise VerifyError("--live: there is no --url; use that of the live API")
    if request.other_token_env is not None:
        _check_variable("--other-token-env", request.other_token_env, environment)
        if request.other_token_env not in environment:
            raise VerifyError(f"--other-token-env: {request.other_token_env} is not set")
    if request.webhook_url is not None:
        _parts("--webhook-url", request.webhook_url)
    for name in (request.token_env, request.other_token_env or ""):
        if not re.fullmatch(r"[!-~]+", environment.get(name, "x")):
            raise VerifyError(
                f"{name}: is not an API key; use visible ASCII characters without spaces"
            )
    made_up = request.url is not None and request.token_env not in environment
    return Options(
        models=_chosen(request.models, contract),
        seed=request.seed,
        examples=request.examples or (LIVE_EXAMPLES if request.live else MOCK_EXAMPLES),
        thrifty=request.live,
        interval=LIVE_INTERVAL if request.live else MOCK_INTERVAL,
        patience=request.patience,
        token_is_made_up=made_up,
    )


def _check_variable(option: str, name: str, environment: Mapping[str, str]) -> None:
    """Check that a value is the name of a variable: an error must not show the key itself."""
    if name not in environment and not names_a_variable(name):
        said = "takes the name of an environment variable, not the key itself"
        raise VerifyError(f"{option}: {said}")


def _check_url(request: RunRequest, url: str, environment: Mapping[str, str]) -> None:
    parts = _parts("--url", url)
    if parts.username or parts.password:
        raise VerifyError("--url: takes no user or password; the key is an environment variable")
    if parts.query or parts.fragment:
        raise VerifyError("--url: takes no query and no fragment; use the base URL of the API")
    if request.live and request.token_env not in environment:
        raise VerifyError(f"--live: no API key; set {request.token_env}, or name it by --token-env")
    if not request.live and not is_this_machine(url):
        raise VerifyError(f"--url: {url} is not this machine; add --live if it is meant")


def _parts(option: str, url: str) -> SplitResult:
    try:
        read_receiver(url)
    except ValueError as error:
        said = f"{option}: {url!r} is not accepted: {error}"
        raise VerifyError(f"{said}; use one like https://api.example.com") from None
    return urlsplit(url)


def _chosen(globs: tuple[str, ...], contract: Contract) -> tuple[str, ...]:
    for glob in globs:
        if not any(fnmatchcase(model, glob) for model in contract.cards):
            meant = similar(glob, contract.cards)
            hint = f"did you mean {meant!r}? " if meant else ""
            known = ", ".join(contract.cards)
            raise VerifyError(f"--models: {glob!r} is not a model; {hint}use one of {known}")
    matching = (one for one in contract.cards if any(fnmatchcase(one, glob) for glob in globs))
    return tuple(matching) if globs else tuple(contract.cards)


def verify(
    request: RunRequest,
    contract: Contract,
    command: str,
    environment: Mapping[str, str] | None = None,
    progress: Callable[[Step], object] = lambda _step: None,
    *,
    checks: Sequence[AnyCheck],
) -> Report:
    """Run every check against the requested target. Raises VerifyError and LedgerError.

    Interrupted by KeyboardInterrupt, it cancels what is under way and reports what it has.
    """
    environ = os.environ if environment is None else environment
    options = options_of(request, contract, environ)
    cost = Money(contract, _ledger(request), request.unknown_price)
    with _session(request, options, cost, environ, checks) as session:
        shown = session.client.base_url
        report = Report(shown, datetime.now(UTC), options.seed, command)
        if cost.ledger is not None:
            report.limit_usd, report.reserved_usd = (
                money(cost.ledger.limit),
                money(cost.ledger.reserved),
            )
        problem = problem_of(session.parallel_client)
        if problem:
            raise VerifyError(problem)
        return run_checks(session, report, progress)


def _ledger(request: RunRequest) -> Ledger | None:
    if request.max_cost is None and not request.live:
        return None
    return Ledger(request.ledger, request.max_cost or Decimal())


@contextmanager
def _session(
    request: RunRequest,
    options: Options,
    cost: Money,
    environment: Mapping[str, str],
    checks: Sequence[AnyCheck],
) -> Iterator[Session]:
    """Yield a session that uses the requested target."""
    session = Session(cost.contract, options, checks)
    with ExitStack() as stack:
        if request.url is None:
            mock = stack.enter_context(own_mock())
            target = replace(mock.target, rate=request.rate)
            receive_webhooks(session, mock.inboxes)
        else:
            target = _target(request, request.url, options, environment)
            _receive_webhooks(request, session, stack)
        stack.enter_context(connected(session, target, cost))
        yield session


def _target(
    request: RunRequest, url: str, options: Options, environment: Mapping[str, str]
) -> Target:
    made_up = f"verify-{secrets.token_hex(8)}"
    token = environment.get(request.token_env, made_up)
    return Target(
        url,
        (token, _other_token(request, options, environment) or ""),
        rate=request.rate or (LIVE_RATE if request.live else None),
        secrets=tuple(secrets_in(request.webhook_url or "")),
        variables=(
            _shell_variable(request.token_env),
            _shell_variable(request.other_token_env or "MAXAPI_OTHER_KEY"),
        ),
    )


def _shell_variable(name: str) -> str:
    """Return how a shell writes a variable; not all that an environment has can be written."""
    return f"${name}" if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else REDACTED


def _other_token(
    request: RunRequest, options: Options, environment: Mapping[str, str]
) -> str | None:
    if request.other_token_env:
        return environment[request.other_token_env]
    return f"verify-{secrets.token_hex(8)}" if options.token_is_made_up else None


def _receive_webhooks(request: RunRequest, session: Session, stack: ExitStack) -> None:
    """Listen for webhooks where the target can reach this machine."""
    if request.live and request.webhook_url is None:
        return
    port = 0 if request.webhook_url is None else request.webhook_port
    try:
        inboxes = stack.enter_context(InboxServer(port=port))
    except OSError as error:
        raise VerifyError(f"--webhook-port: {port}: {error.strerror}; use a free one") from None
    receive_webhooks(session, inboxes, request.webhook_url)


def plan(request: RunRequest, contract: Contract, checks: Sequence[AnyCheck]) -> list[PlannedCheck]:
    """Return what a run would send, check by check, by running it on a mock. Raises VerifyError.

    Nothing is sent to the target. There are as many polls as tasks of two seconds take.
    """
    free = replace(request, url=None, live=False)
    options = replace(options_of(free, contract, {}), models=_chosen(request.models, contract))
    if request.live:
        examples = request.examples or LIVE_EXAMPLES
        options = replace(options, thrifty=True, examples=examples)
    planned = []
    with tempfile.TemporaryDirectory() as folder:
        limit = request.max_cost or Decimal()
        pays = request.live or request.max_cost is not None
        ledger = Ledger(Path(folder) / "plan.jsonl", limit) if pays else None
        cost = Money(contract, ledger, request.unknown_price)
        with _session(free, options, cost, {}, checks) as session:
            if request.live and request.webhook_url is None:
                session.webhook_base = None
            for check in active_checks(checks):
                before = session.requests, session.submissions, cost.at_most
                run_check(session, check)
                planned.append(
                    PlannedCheck(
                        check.id,
                        check.title,
                        session.requests - before[0],
                        session.submissions - before[1],
                        cost.at_most - before[2],
                        session.check_results[check.id].reason,
                    )
                )
    return planned
