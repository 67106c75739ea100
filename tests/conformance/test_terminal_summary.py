"""What `maxapi-mock verify` prints at the end of a run."""

from __future__ import annotations

from mockserver.conformance.report.advice import BY_CLAUSE
from mockserver.conformance.report.view import view_of
from mockserver.conformance.report.writers import terminal_summary
from tests.conformance.reports import URL, make_finding, make_report


def test_when_all_is_well_it_is_a_few_lines() -> None:
    """It says how many checks passed, what was skipped and why, and how many requests it took."""
    assert terminal_summary(view_of(make_report())).splitlines() == [
        "maxapi-mock verify: no drift in 1 check",
        f"  target     {URL}",
        "  seed       11",
        "  checks     1 passed, 0 failed, 1 skipped",
        "  findings   none",
        "  requests   30, 12 of them submissions",
        "  assumed    1 different, 1 as assumed, 2 not observed",
        "  skipped    a-skipped-check: there is no second key",
    ]


def test_money_is_said_where_there_is_a_limit() -> None:
    """And what was left out because of it."""
    unchecked = [f"check-{number}: nothing is left" for number in range(12)]

    lines = terminal_summary(
        view_of(make_report(limit_usd="0.50", unchecked=unchecked))
    ).splitlines()

    assert "  money      at most $0.42 of the limit of $0.50" in lines
    assert lines[-11:-9] == [
        "  unchecked  check-0: nothing is left",
        "             check-1: nothing is left",
    ]
    assert lines[-1] == "             and 2 more, see --report"


def test_a_finding_is_a_block() -> None:
    """It has everything to understand it, to send it again, and to fix the contract."""
    finding = make_finding(times=12, of=30)

    lines = terminal_summary(view_of(make_report(finding))).splitlines()

    assert lines[:14] == [
        "DRIFT: status 'WAITING'; the page query-task promises one of PENDING.",
        f"  your app   {BY_CLAUSE['task.json#/properties/status']}",
        "  expected   one of PENDING",
        "  observed   status 'WAITING'",
        "  on         the subject",
        "  seen       12 of 30 times",
        "  source     stated on the page query-task (documented)",
        "  check      What a-check promises (a-check)",
        "  clause     task.json#/properties/status",
        "  change     schemas/task.json#/properties/status, if the API is right",
        "  exchange   POST /api/v1/task/submit -> 400",
        f"  again      curl -sSig {URL}/api/v1/task/submit -X POST "
        '-H "Authorization: Bearer $MAXAPI_API_KEY" --data-raw \'{"model": "veo3"}\'',
        "",
        "maxapi-mock verify: 1 finding of drift",
    ]
