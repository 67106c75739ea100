"""What `serve` prints of the contract warnings."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from mockserver.commands.warning_log import WarningLog
from mockserver.domain.expectation import REJECTED
from mockserver.engine.contract_warnings import ContractWarning
from mockserver.engine.journal import TaskEnd
from tests.engine.test_usage import DELIVERY, EXCHANGE

Capture = pytest.CaptureFixture[str]


def warning(text: str) -> ContractWarning:
    """Make a warning."""
    return ContractWarning(REJECTED, text)


def test_each_warning_is_printed_once(capsys: Capture) -> None:
    """Wherever it comes from, on one line, on standard error; what is none is not printed."""
    log = WarningLog()
    one, other = warning("a\n\x1b[2J"), warning("b")

    for entry in (EXCHANGE, replace(EXCHANGE, warnings=(one,)), replace(DELIVERY, warnings=(one,))):
        log(entry)
    for _ in range(2):
        log(other)
    log(TaskEnd("SUCCESS", None, None))

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        r"maxapi-mock serve: warning: a\n\x1b[2J",
        "maxapi-mock serve: warning: b",
    ]


def test_secrets_are_not_printed(capsys: Capture) -> None:
    """Neither the keys that the mock has seen lately, nor those of URLs."""
    log = WarningLog()
    log.secrets = lambda: ["sk-hush-0123", None, "test-0123456789abcdef"]

    log(warning("a: sk-hush-0123, test-0123456789abcdef, http://u:hush@a/?token=hush"))

    assert capsys.readouterr().err == (
        "maxapi-mock serve: warning: a: $MAXAPI_API_KEY, test-0123456789abcdef, "
        "http://[redacted]@a/?token=[redacted]\n"
    )


def test_the_number_of_lines_is_bounded(capsys: Capture) -> None:
    """A mock that serves for weeks does not fill a disk."""
    log = WarningLog()

    for number in range(3000):
        log(warning(str(number)))

    assert len(capsys.readouterr().err.splitlines()) == 1000


def test_nobody_has_to_read_it(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """A closed standard error changes nothing for the client whose request it is about."""
    monkeypatch.setattr(sys, "stderr", None)

    WarningLog()(warning("a"))

    assert capsys.readouterr().out == ""
