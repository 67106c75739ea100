"""Traffic that is checked as it passes."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from contract_tests.checks import CHECKS
from mockserver.conformance.traffic import monitor
from mockserver.conformance.traffic import recorder as recording
from tests.conformance.traffic import DRAW, JSON, KEY, LATER, TASK, Traffic, task

RESPONSES = ("drift", "responses")


@pytest.fixture
def traffic() -> Traffic:
    """Traffic before a watch of its own."""
    return Traffic()


def test_a_whole_life_that_conforms_has_no_findings(traffic: Traffic) -> None:
    """Submission, polls, a webhook and what is rejected afterwards."""
    traffic.submits({**DRAW, "callBackUrl": "https://app.example/hook"}, token="t")
    for status in traffic.contract.lifecycle.path:
        traffic.polls(task(status))
    traffic.delivers(task("SUCCESS"), token="t")
    traffic.polls(task("SUCCESS"))
    traffic.cancels(400)

    report = traffic.watch.report(traffic.now)

    assert (traffic.findings, traffic.notices, report.findings) == ([], [], [])
    passed = {one.check for one in report.check_results if one.status == "passed"}
    assert {"responses", "never-back", "echo", "webhook-equals-poll", "requests-conform"} <= passed
    assert (report.requests, report.submissions) == (6, 1)
    assert report.target == "https://api.example"


@pytest.mark.parametrize(
    ("response_body", "check", "observed"),
    [
        (b"<html>", "responses", "<html>"),
        ({"code": 5, "msg": "ok", "data": task()["data"]}, "status-is-code", "code 5"),
        ({"code": 0, "msg": "ok", "data": {}}, "poll-response", "data.taskId missing"),
        (task(created_at="now"), "poll-response", "data.created_at 'now'"),
        (task(taskId=TASK.replace("a", "b")), "same-task", TASK.replace("a", "b")),
        (task(input={**DRAW["input"], "model": "x"}), "echo", 'model: "x"'),
        (task(failure_reason="TRANSIENT"), "reason", "failure_reason"),
        (
            task("SUCCESS", result={"type": "image", "urls": []}),
            "poll-response",
            "data.result.urls",
        ),
    ],
)
def test_drift_is_reported_at_once_with_check_and_clause(
    traffic: Traffic, response_body: Any, check: str, observed: str
) -> None:
    """As soon as it has passed, with the exchange."""
    traffic.submits()

    traffic.polls(response_body)

    finding = next(one for one in traffic.findings if one.check == check)
    assert finding.severity == "drift"
    assert observed in finding.observed
    assert finding.clause.place.partition("#")[0].endswith(".json")
    assert finding.exchange is not None
    assert str(finding.exchange) == f"GET /api/v1/task/{TASK} -> 200"
    assert check in {one.check for one in traffic.watch.report(traffic.now).drift}


def test_a_finding_is_reported_once_but_kept_in_every_report(traffic: Traffic) -> None:
    """However often it happens, and to however many tasks."""
    for _ in range(3):
        traffic.submits()
        traffic.polls(b"<html>")

    assert traffic.reported.count(RESPONSES) == 1
    for _ in range(2):
        report = traffic.watch.report(traffic.now)
        assert [one.check for one in report.findings].count("responses") == 1


def test_statuses_that_go_back_are_found_by_the_poll_that_shows_it(traffic: Traffic) -> None:
    """The history of a task is evaluated again whenever something about it passes."""
    traffic.submits()
    traffic.polls(task("PROCESSING"))
    assert traffic.findings == []

    traffic.polls(task("PENDING", updated_at=LATER))

    assert traffic.reported == [("drift", "never-back")]
    assert traffic.findings[0].observed == "PROCESSING -> PENDING"


def test_tasks_submitted_before_the_watch_began_are_checked_too(traffic: Traffic) -> None:
    """By what their polls show alone."""
    traffic.polls(task("SUCCESS"))

    traffic.polls(task("PENDING"))

    assert ("drift", "never-back") in traffic.reported


@pytest.mark.parametrize(
    ("document", "observed", "rule"),
    [
        ({**DRAW, "input": {}}, "input.prompt missing", "required"),
        ({**DRAW, "input": {"prompt": "x", "n": 99}}, "input.n 99 is more than 10", "maximum"),
        ({**DRAW, "model": "x"}, "model 'x' is not accepted", "enum"),
        ({**DRAW, "callBackUrl": "nowhere"}, "callBackUrl 'nowhere'", "pattern"),
        ([], "[] is not an object", "type"),
        (b"{", "not valid JSON: ", "a JSON object"),
    ],
)
def test_what_is_wrong_with_the_apps_own_requests_is_a_warning(
    traffic: Traffic, document: Any, observed: str, rule: str
) -> None:
    """The finding has the field, the rule and the clause; it is not drift."""
    sent = document if isinstance(document, bytes) else json.dumps(document).encode()

    traffic.submits(sent, response_body={"code": 400, "msg": "no"}, status=400)

    [finding] = traffic.findings
    assert (finding.severity, finding.check) == ("warning", "requests-conform")
    assert finding.observed.startswith(observed)
    assert rule in finding.expected
    assert traffic.watch.report(traffic.now).drift == []


def test_the_check_of_the_apps_requests_is_for_the_proxy_only() -> None:
    """The suite itself submits invalid documents on purpose."""
    assert monitor.REQUESTS_CONFORM.id not in {one.id for one in CHECKS}


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"),
        ("GET", "/favicon.ico"),
        ("GET", "/__mock/clock"),
        ("HEAD", f"/api/v1/task/{TASK}"),
        ("OPTIONS", "/api/v1/task/submit"),
        ("GET", "http://[/"),
        ("OPTIONS", "*"),
    ],
)
def test_what_is_not_of_the_api_is_not_checked(traffic: Traffic, method: str, target: str) -> None:
    """No page promises anything about it."""
    traffic.passes(method, target, b"", b"<html>", 200)

    assert traffic.findings == []
    assert (traffic.watch.passed, traffic.watch.report(traffic.now).requests) == (1, 0)


def test_a_response_that_never_came_is_drift(traffic: Traffic) -> None:
    """With the reason."""
    traffic.polls(b"", None, error="the connection ended after 3 bytes of a 200")

    assert traffic.reported == [RESPONSES]
    assert traffic.findings[0].observed == "the connection ended after 3 bytes of a 200"


def test_a_submission_that_broke_off_is_not_a_mistake_of_the_app(traffic: Traffic) -> None:
    """Its body was not seen to its end."""
    traffic.submits(b'{"model', status=None, error="the connection was reset", cut=True)

    assert traffic.reported == [RESPONSES]


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("identity", bytes),
        ("X-GZIP", gzip.compress),
    ],
)
def test_bodies_may_be_compressed(traffic: Traffic, coding: str, pack: Any) -> None:
    """They are checked as the documents that they are."""
    coded = [JSON, ("Content-Encoding", coding)]
    document = pack(json.dumps({**DRAW, "input": {}}).encode())

    traffic.submits(document, headers=[*coded, ("Authorization", KEY)])
    traffic.polls(pack(json.dumps(task("nonsense")).encode()), response_headers=coded)

    assert {"requests-conform", "poll-response"} <= {check for _, check in traffic.reported}
    assert traffic.notices == []


@pytest.mark.parametrize(
    ("coding", "notice"),
    [
        ("rot13", "a body was not checked: its encoding 'rot13' is not supported"),
        ("gzip", "a body was not checked: it is not encoded as its headers say"),
    ],
)
def test_a_body_that_cannot_be_read_is_noticed(traffic: Traffic, coding: str, notice: str) -> None:
    """Once, and nothing is guessed of it."""
    for _ in range(2):
        traffic.polls(b"{}", response_headers=[JSON, ("content-encoding", coding)])

    assert (traffic.findings, traffic.notices) == ([], [notice])
    assert traffic.watch.notices == {notice: 2}


def test_a_body_that_unpacks_to_too_much_is_not_checked(
    traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No response of a few bytes can exhaust memory."""
    monkeypatch.setattr("mockserver.conformance.traffic.decoder._MOST_BYTES", 1000)

    traffic.polls(gzip.compress(b" " * 1000), response_headers=[("content-encoding", "gzip")])

    assert traffic.notices == ["a body was not checked: it is too large when it is decoded"]
    assert traffic.findings == []


def test_a_body_that_was_cut_is_not_checked(traffic: Traffic) -> None:
    """Its end is unknown."""
    traffic.polls(b"{", cut=True)

    [notice] = traffic.notices
    assert notice.startswith("an exchange was not checked: it is too large")
    assert traffic.findings == []


def test_findings_and_notices_have_an_end(
    traffic: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A target that never says the same twice fills neither memory nor terminal."""
    monkeypatch.setattr(monitor, "_MOST_OF_A_CHECK", 3)
    monkeypatch.setattr(monitor, "_MOST_FINDINGS", 5)
    monkeypatch.setattr(monitor, "_MOST_NOTICES", 4)
    for number in range(20):
        traffic.polls(task("PENDING", **{f"field{number}": 1}))
        traffic.watch.notice(f"notice {number}")

    report = traffic.watch.report(traffic.now)

    assert (len(traffic.findings), len(traffic.notices)) == (5, 4)
    assert [len(one.findings) for one in report.check_results if one.findings] == [3]


def test_a_report_changes_nothing(traffic: Traffic) -> None:
    """It can be asked for at any time, and says the same twice."""
    traffic.submits()
    traffic.polls(task())

    first, second = (traffic.watch.report(traffic.now) for _ in range(2))
    traffic.polls(task("PROCESSING"))
    third = traffic.watch.report(traffic.now)

    def observations(report: Any) -> dict[str, int]:
        return {one.check: one.observations for one in report.check_results}

    assert observations(first) == observations(second)
    assert observations(third)["never-back"] == observations(first)["never-back"] + 1
    assert first.requests == 2


def test_what_submissions_cost_at_most_is_added_up(traffic: Traffic) -> None:
    """Of those that were accepted."""
    traffic.submits()
    traffic.submits(response_body={"code": 400, "msg": "no"}, status=400)

    report = traffic.watch.report(traffic.now)

    cards = traffic.contract.cards[DRAW["model"]]
    assert report.submissions == 2
    assert report.reserved_usd != "0.00"
    assert cards.prices is not None


def test_a_disk_that_is_full_ends_no_watch(tmp_path: Path) -> None:
    """There is a notice about what cannot be recorded."""
    traffic = Traffic(recorder=recording.Recorder(tmp_path / "file", Traffic().contract))
    (tmp_path / "file").write_text("")

    traffic.submits()

    assert traffic.notices == [f"not recorded in {tmp_path / 'file'}: Not a directory"]
    assert traffic.findings == []
    assert traffic.watch.unrecorded
