"""The spending limit is kept, whatever the target does and however the run ends."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from contract_tests.checks import CHECKS
from mockserver.conformance.invalid_inputs import invalid_inputs
from mockserver.conformance.model import Exchange, Report
from mockserver.conformance.session.client import Client
from mockserver.conformance.session.ledger import Ledger, LedgerError, LimitError
from mockserver.conformance.session.runner import Target, connected, run_checks
from mockserver.conformance.session.session import Options, Session
from mockserver.conformance.session.spending import Money
from mockserver.contract import Contract, load_contract
from tests.conformance.biller import MANNERS, Biller, price
from tests.conftest import START

ROOT = Path(__file__).parents[2]
PRICED = tuple(
    name for name, card in sorted(load_contract().cards.items()) if card.prices is not None
)


def run(
    url: str,
    ledger: Ledger,
    models: tuple[str, ...],
    *,
    seed: int = 0,
    watch: Callable[[int], object] = lambda _number: None,
    unknown_price: Decimal | None = None,
) -> Session:
    """Run the whole suite as against a live target, but without waiting."""
    contract = load_contract()
    options = Options(models=models, seed=seed, examples=1, thrifty=True, patience=0.5)
    session = Session(contract, options, CHECKS)
    money = Money(contract, ledger, unknown_price)

    def make(note: Callable[[Exchange], object]) -> Client:
        def noted(exchange: Exchange) -> None:
            note(exchange)
            watch(session.requests)

        return Client(url, "a-token-of-the-test", money, noted, pause=lambda _seconds: None)

    session.connect(make)
    try:
        run_checks(session, Report(url, START, seed, "a test"))
    finally:
        session.client.close()
        session.parallel_client.close()
    return session


cents = st.integers(0, 150).map(lambda number: Decimal(number) / 100)


@pytest.mark.slow
@settings(max_examples=25, suppress_health_check=[HealthCheck.nested_given])
@given(
    limit=cents,
    manner=st.sampled_from(MANNERS),
    models=st.lists(st.sampled_from(PRICED), min_size=1, max_size=2, unique=True),
    seed=st.integers(0, 1000),
)
@example(limit=Decimal("0.5"), manner="accepts", models=list(PRICED), seed=0)
def test_a_target_never_bills_more_than_the_limit(
    limit: Decimal, manner: str, models: list[str], seed: int
) -> None:
    """By the target's own account, whatever it accepts, and however it responds."""
    with tempfile.TemporaryDirectory() as folder, Biller(manner) as biller:
        ledger = Ledger(Path(folder) / "ledger", limit)

        session = run(biller.url, ledger, tuple(models), seed=seed, unknown_price=Decimal("0.01"))

        assert biller.billed <= limit
        assert biller.billed <= ledger.reserved <= limit
        assert session.client.money.reserved >= biller.billed


@pytest.mark.slow
@pytest.mark.parametrize("manner", MANNERS)
def test_the_limit_holds_however_it_responds(tmp_path: Path, manner: str) -> None:
    """Each manner once, with a limit that a run reaches."""
    with Biller(manner) as biller:
        run(biller.url, Ledger(tmp_path / "ledger", Decimal("0.20")), PRICED[:1])

    assert Decimal() < biller.billed <= Decimal("0.20")


@pytest.mark.slow
@settings(max_examples=15, suppress_health_check=[HealthCheck.nested_given])
@given(
    limit=cents,
    ends=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    manner=st.sampled_from(MANNERS),
)
def test_interrupted_runs_that_go_on_do_not_overspend(
    limit: Decimal, ends: list[int], manner: str
) -> None:
    """Each run is cut off at any exchange, and the next one goes on with the same ledger."""
    with tempfile.TemporaryDirectory() as folder, Biller(manner) as biller:
        path = Path(folder) / "ledger"
        for end in ends:

            def stop(number: int, end: int = end) -> None:
                if number >= end:
                    raise SystemExit

            with suppress(SystemExit):
                run(biller.url, Ledger(path, limit), PRICED[:1], watch=stop)

        run(biller.url, Ledger(path, limit), PRICED[:1])

        assert biller.billed <= limit


@pytest.mark.slow
def test_runs_at_the_same_time_share_the_limit(tmp_path: Path) -> None:
    """Four at once, on one ledger.

    Each is a process, as a run is. In threads of one, Hypothesis parses sources in several at
    once, and CPython, which counts the depth of that for all threads together, now and then raises
    "AST constructor recursion depth mismatch".
    """
    limit = Decimal("0.50")

    with Biller() as biller:
        code = f"""if True:
            from decimal import Decimal
            from pathlib import Path
            from tests.conformance.test_spending import PRICED, Ledger, run
            ledger = Ledger(Path({str(tmp_path / "ledger")!r}), Decimal("{limit}"))
            run({biller.url!r}, ledger, PRICED[:2], seed=%d)
            """
        runs = [
            subprocess.Popen([sys.executable, "-c", code % seed], cwd=ROOT) for seed in range(4)
        ]
        ended = [one.wait(120) for one in runs]

    assert ended == [0] * 4
    assert Decimal() < biller.billed <= limit


def test_tasks_left_over_are_cancelled(tmp_path: Path) -> None:
    """What never ended is not left to run."""
    with Biller() as biller:
        session = run(biller.url, Ledger(tmp_path / "ledger", Decimal("0.20")), PRICED[:1])

    assert session.histories
    assert biller.cancelled >= set(session.histories)


def test_an_interrupted_run_cancels_what_it_began_and_reports(tmp_path: Path) -> None:
    """Ctrl-C ends the active checks, not the report."""

    def interrupt(number: int) -> None:
        if number == 30:
            raise KeyboardInterrupt

    with Biller() as biller:
        ledger = Ledger(tmp_path / "ledger", Decimal("0.20"))
        session = run(biller.url, ledger, PRICED[:1], watch=interrupt)

    assert session.histories
    assert biller.cancelled >= set(session.histories)
    assert session.check_results["token-missing"].observations == 1


def test_a_ledger_that_cannot_be_written_ends_the_run_and_not_its_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found is reported, and tasks are cancelled."""
    room = [5]

    def fsync(_number: int) -> None:
        room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("mockserver.conformance.session.ledger.os.fsync", fsync)
    contract = load_contract()
    session = Session(
        contract, Options(models=PRICED[:1], examples=1, thrifty=True, patience=0.5), CHECKS
    )
    report = Report("", START, 0, "a test")
    with Biller() as biller:
        cost = Money(contract, Ledger(tmp_path / "ledger", Decimal("0.20")))

        with connected(session, Target(biller.url, ("a-token-of-the-test", "")), cost):
            run_checks(session, report)

    assert report.lost == f"ledger: {tmp_path / 'ledger'}: No space left on device"
    assert session.check_results["token-missing"].observations == 1
    assert biller.cancelled >= set(session.histories)


def test_without_money_no_submission_is_sent(tmp_path: Path) -> None:
    """Not even one that is meant to be rejected."""
    with Biller() as biller:
        session = run(biller.url, Ledger(tmp_path / "ledger", Decimal()), PRICED)

    assert biller.submissions == 0
    assert session.requests > 5
    assert {one.split(":")[0] for one in session.unchecked} >= {"lifecycle", "input-is-checked"}


def test_a_model_without_a_price_is_left_out(tmp_path: Path, contract: Contract) -> None:
    """Its cost is unknown."""
    unpriced = next(name for name, card in contract.cards.items() if card.prices is None)

    with Biller() as biller:
        session = run(biller.url, Ledger(tmp_path / "ledger", Decimal(1000)), (unpriced,))

    assert biller.submissions == 0
    assert "--unknown-price" in session.check_results["lifecycle"].reason
    assert session.unchecked == []  # no limit could help


@pytest.mark.parametrize("model", PRICED)
def test_the_worst_case_is_never_less_than_any_price(contract: Contract, model: str) -> None:
    """Of an input that breaks a clause, too, however a target reads it."""
    money = Money(contract, None, Decimal("0.01"))

    for breakage in invalid_inputs(contract, model):
        document = {"model": model, "input": breakage.input}
        worst = money.worst_case(document)
        assert worst is not None
        assert price(json.dumps(document).encode()) <= worst, str(breakage)


def test_the_ledger_has_what_was_reserved_and_not_released(tmp_path: Path) -> None:
    """Across instances, to the cent."""
    path = tmp_path / "ledger"
    first = Ledger(path, Decimal(1)).reserve(Decimal("0.60"), "one")
    with pytest.raises(LimitError, match=r"could cost \$0.50; of \$1, \$0.40 is left"):
        Ledger(path, Decimal(1)).reserve(Decimal("0.50"), "another")

    Ledger(path, Decimal(1)).release(first)
    Ledger(path, Decimal(1)).reserve(Decimal(1), "all of it")

    assert Ledger(path, Decimal(1)).reserved == Decimal(1)


@given(st.data())
def test_a_line_that_was_never_finished_is_forgotten(data: Any) -> None:
    """A crash in the middle of a write leaves a readable ledger with no less reserved."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger"
        ledger = Ledger(path, Decimal(10))
        ledger.reserve(Decimal(1), "one")
        whole = path.read_bytes()
        ledger.release(ledger.reserve(Decimal(2), "two"))
        lines = path.read_bytes()
        cut = data.draw(st.integers(len(whole), len(lines)))
        path.write_bytes(lines[:cut])

        assert Decimal(1) <= ledger.reserved <= Decimal(3)
        ledger.reserve(Decimal(1), "three")
        assert ledger.reserved >= Decimal(2)


@pytest.mark.parametrize(
    "line", ["nonsense", "[]", "{}", '{"reserve": "a", "usd": "-1"}', '{"reserve": "a"}', "7"]
)
def test_a_file_that_is_not_a_ledger_is_rejected(tmp_path: Path, line: str) -> None:
    """The message names file and line; nothing is sent on a guess."""
    path = tmp_path / "ledger"
    path.write_text(f"{line}\n")

    with pytest.raises(LedgerError, match=r"ledger: .*: line 1: .* is not an entry"):
        Ledger(path, Decimal(1)).reserve(Decimal(0), "anything")
    with pytest.raises(LedgerError, match="Is a directory"):
        Ledger(tmp_path, Decimal(1)).reserve(Decimal(0), "anything")
