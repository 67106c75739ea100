"""`maxapi-mock verify`: what it runs, what it rejects, and what it ends with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from threading import Event

import pytest

from contract_tests.checks import CHECKS
from mockserver.cli import main
from mockserver.conformance.model import Report
from mockserver.conformance.session.client import Client
from mockserver.conformance.session.runner import run_checks
from mockserver.conformance.session.session import Options, Session
from mockserver.conformance.session.spending import Money
from mockserver.conformance.session.verification import (
    RunRequest,
    VerifyError,
    _target,
    options_of,
    plan,
)
from mockserver.contract import Contract
from mockserver.engine.messages import Request as HttpRequest
from mockserver.engine.messages import Response
from mockserver.engine.service import Service
from mockserver.testing import running_mock
from tests.conformance.biller import Biller
from tests.conftest import START

TOKEN = "a-live-token-that-is-secret"
CHEAP = "grok-imagine/text-to-image-lite"


def verify(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in an empty folder."""
    return subprocess.run(
        [sys.executable, "-m", "mockserver", "verify", *arguments],
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_mock_of_its_own_passes_every_check(tmp_path: Path) -> None:
    """The command says so, ends with 0, and writes the report in all its forms."""
    done = verify(tmp_path, "--models", "nano-banana", "--examples", "2", "--report", "out")

    assert (done.returncode, done.stderr) == (0, "")
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"report.json", "report.md", "report.html", "junit.xml"}
    assert json.loads((tmp_path / "out" / "report.json").read_text())["findings"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--url", "https://api.example.com"), "is not this machine; add --live if it is meant"),
        (
            ("--url", "nowhere"),
            "'nowhere' is not accepted: the URL is not an http or https URL; use one like",
        ),
        (("--url", "http://a:b@127.0.0.1:1"), "takes no user or password"),
        (("--url", "http://127.0.0.1:1/?token=hush"), "--url: takes no query"),
        (("--live",), "there is no --url"),
        (("--live", "--url", "https://api.example.com"), "no API key; set MAXAPI_LIVE_KEY"),
        (
            ("--models", "veo9"),
            "'veo9' is not a model; did you mean 'veo3'? use one of gpt-image-2",
        ),
        (
            ("--max-cost", "-1"),
            "--max-cost: '-1' is not an amount; use US dollars, for example 0.50",
        ),
        (("--max-cost", "NaN"), "'NaN' is not an amount"),
        (("--rate", "0"), "'0' is not accepted; use a number above 0"),
        (("--examples", "0"), "'0' is not accepted; use an integer from 1 to 10000"),
        (("--patience", "soon"), "--patience: 'soon' is not"),
        (
            ("--webhook-port", "0"),
            "--webhook-port: '0' is not accepted; use an integer from 1 to 65535",
        ),
        (("--other-token-env", "NOT_SET"), "--other-token-env: NOT_SET is not set"),
        (("--baseline", "none.json"), "none.json"),
        (("--model-cards", "nowhere"), "nowhere is not a folder"),
        (("--webhook-url", "nowhere"), "--webhook-url: 'nowhere' is not accepted"),
        (("--report", "/dev/null/out"), "Not a directory"),
        (
            ("--url", "http://127.0.0.1:1"),
            "http://127.0.0.1:1 does not respond: connection refused at 127.0.0.1:1; is it running",
        ),
        (("--token-env", "sk-hush-0123"), "--token-env: takes the name of an environment"),
        (("--other-token-env", "sk-hush"), "--other-token-env: takes the name"),
        (("--webhook-url", "ftp://u:hush@a/?token=hush"), "'ftp://[redacted]@a/?token=[red"),
        (("--token=sk-hush",), "no such option: --token, did you mean --token-env?"),
        (("--exmaples", "2"), "no such option: --exmaples, did you mean --examples?"),
    ],
)
def test_what_cannot_be_run_is_rejected_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    """Status 2, and nothing is sent."""
    monkeypatch.chdir(tmp_path)

    try:
        status = main(["verify", *arguments])
    except SystemExit as exit_:
        status = int(exit_.code or 0)

    output = capsys.readouterr()
    assert (status, output.out) == (2, "")
    assert said in output.err
    assert output.err.count("\n") == 1
    assert "hush" not in output.err


def test_a_token_that_no_header_can_carry_is_rejected(contract: Contract) -> None:
    """And is not shown."""
    request = RunRequest(url="http://127.0.0.1:1", live=True)

    with pytest.raises(
        VerifyError, match="MAXAPI_LIVE_KEY: is not an API key; use visible"
    ) as caught:
        options_of(request, contract, {"MAXAPI_LIVE_KEY": f"{TOKEN}\n"})

    assert TOKEN not in str(caught.value)


@pytest.mark.slow
def test_a_live_run_without_money_sends_what_is_free(tmp_path: Path) -> None:
    """The checks that submit nothing run; the limit keeps the rest back, which is not a failure."""
    with running_mock(api_key=TOKEN) as mock:
        done = verify(
            tmp_path, "--live", "--url", mock.url, "--rate", "1000", MAXAPI_LIVE_KEY=TOKEN
        )
        seen = mock.sandbox(TOKEN).requests

    assert done.returncode == 0, done.stdout
    assert not [one for one in seen if one["path"].endswith("/submit")]


@pytest.mark.slow
def test_a_run_that_the_limit_stops_ends_with_3(tmp_path: Path) -> None:
    """And the report says what was left unchecked."""
    with running_mock(api_key=TOKEN) as mock:
        limited = ("--live", "--url", mock.url, "--rate", "1000", "--max-cost", "0.0001")
        done = verify(
            tmp_path, *limited, "--models", CHEAP, "--report", "out", MAXAPI_LIVE_KEY=TOKEN
        )

    assert done.returncode == 3, done.stdout
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert any(one.startswith("lifecycle: ") for one in report["unchecked"])


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ({}, ("$MAXAPI_LIVE_KEY", "$MAXAPI_OTHER_KEY")),
        ({"token_env": "MINE", "other_token_env": "_theirs2"}, ("$MINE", "$_theirs2")),
        ({"token_env": "my-key"}, ("$MAXAPI_API_KEY", "$MAXAPI_OTHER_KEY")),
    ],
)
def test_reports_show_the_variables_of_the_keys(
    contract: Contract, names: dict[str, str], shown: tuple[str, str]
) -> None:
    """So that their curl lines work in the shell of the run; some names no shell can write."""
    request = RunRequest(url="http://127.0.0.1:1", **names)  # type: ignore[arg-type]
    keys = dict.fromkeys(names.values(), "k")

    target = _target(request, "http://127.0.0.1:1", options_of(request, contract, keys), keys)

    assert target.variables == shown


def test_a_target_that_dies_is_not_drift(contract: Contract) -> None:
    """What was reserved for what was never sent is taken back, and the report says what is."""
    with Biller() as biller:
        url = biller.url
    cost = Money(contract)
    session = Session(contract, Options(models=(CHEAP,), examples=1), CHECKS)
    session.connect(lambda note: Client(url, TOKEN, cost, note))

    found = run_checks(session, Report(url, START, 0, "a test"))

    session.client.close()
    assert f"connection refused at {url.removeprefix('http://')}" in found.lost
    assert found.interrupted
    assert cost.reserved == 0


def test_sigterm_ends_a_run_with_a_report(tmp_path: Path) -> None:
    """As a job that is cancelled in CI sends it; in a pipe there is no progress."""
    submitted = Event()

    class Watched(Service):
        def respond(self, request: HttpRequest) -> Response:
            if request.path.endswith("/submit"):
                submitted.set()
            return super().respond(request)

    with running_mock(service=Watched) as mock:
        command = [sys.executable, "-m", "mockserver", "verify", "--url", mock.url]
        with subprocess.Popen(
            [*command, "--models", CHEAP, "--report", "out"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert submitted.wait(30)
            process.terminate()
            out, err = process.communicate(timeout=30)

    assert err == ""
    assert out.startswith("maxapi-mock verify: interrupted; ")
    assert (tmp_path / "out" / "report.json").exists()


@pytest.mark.slow
def test_drift_fails_unless_it_was_known(tmp_path: Path) -> None:
    """Status 1, with the clause; with the run as its own baseline, status 0."""
    with Biller() as biller:
        arguments = ("--url", biller.url, "--live", "--rate", "1000", "--report", "out")
        first = verify(tmp_path, *arguments, MAXAPI_LIVE_KEY=TOKEN)
        known = (*arguments, "--baseline", "out/report.json")
        second = verify(tmp_path, *known, MAXAPI_LIVE_KEY=TOKEN)

    assert first.returncode == 1
    assert "service.json#/errors/401" in first.stdout
    assert second.returncode == 0, second.stdout


@pytest.mark.slow
def test_the_token_is_nowhere(tmp_path: Path) -> None:
    """Not in the output, a report, or the ledger."""
    with Biller() as biller:
        live = ("--url", biller.url, "--live", "--rate", "1000", "--report", "out")
        done = verify(tmp_path, *live, MAXAPI_LIVE_KEY=TOKEN)

    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert TOKEN not in done.stdout + done.stderr
    assert not [one for one in written if TOKEN.encode() in one]


@pytest.mark.slow
def test_a_plan_names_what_its_money_is_without(capsys: pytest.CaptureFixture[str]) -> None:
    """A model without a published price does not cost nothing; with a price it is counted."""
    command = ["verify", "--plan", "--examples", "1", "--models", "nano-banana,*-lite"]

    without = main(command), capsys.readouterr().out.splitlines()[-1]
    priced = main([*command, "--unknown-price", "0.1"]), capsys.readouterr().out

    assert without == (
        0,
        "at least: without the tasks of models whose price is not published "
        "(set it with --unknown-price): nano-banana, seedream-5-lite",
    )
    assert priced[0] == 0
    assert "at least" not in priced[1]


def test_a_plan_sends_nothing_and_names_the_worst_case(contract: Contract) -> None:
    """Check by check; what the limit would keep back is named, too."""
    with Biller() as biller:
        request = RunRequest(url=biller.url, live=True, max_cost=Decimal(1), models=(CHEAP,))
        planned = {one.check: one for one in plan(request, contract, CHECKS)}

    assert biller.submissions == 0
    assert planned["smallest-input"].submissions == 1
    assert planned["smallest-input"].at_most == Decimal("0.001")
    assert planned["token-missing"].at_most == 0
    assert "--unknown-price" in planned["envelope-is-checked"].not_sent
