"""Whatever a target sends, and however much of it, a report can be read."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mockserver.conformance.model import Assumption, Finding, Report
from mockserver.conformance.report.html import as_html
from mockserver.conformance.report.junit import as_junit
from mockserver.conformance.report.markdown import as_markdown, plain
from mockserver.conformance.report.view import ReportView, view_of
from mockserver.conformance.report.writers import terminal_summary
from tests.conformance.reports import URL, Page, cases, make_exchange, make_finding, make_report

Write = Callable[[ReportView], str]

NASTY = "a|b `c` ``` <b>&amp; \r\n\n# d\x00\x1b[2J\u202e\ufffe\ud800 ]]> --> </pre></details> \\"


def made_of(text: str) -> Report:
    """Make a report with a text wherever a target can bring one in."""
    text_ = f"x{text}x"
    body = text_.encode("utf-8", "surrogatepass")
    exchange = make_exchange(
        url=f"{URL}/{text_}",
        path=f"/{text_}",
        body=body,
        response_body=body.replace(b"\0", b"\1"),
        response_headers={text_: text_},
    )
    texts: dict[str, Any] = {"expected": text_, "observed": text_, "subject": text_}
    findings = [make_finding(exchange=exchange, **texts)]
    failed = replace(exchange, status=None, error=text_)
    findings.append(make_finding("warning", exchange=failed, **texts))
    assumption = Assumption("task.json#", text_, "different", text_)
    report = make_report(*findings, command=text_, unchecked=[text_], assumptions=[assumption])
    report.check_results[0].reason = text_
    return report


def skeleton(markdown: str) -> list[str]:
    """Take the fenced blocks and code spans out of Markdown: leave what has a meaning."""
    lines, fence = [], ""
    for line in markdown.splitlines():
        if fence:
            fence = "" if line.strip("`") == "" and len(line) >= len(fence) else fence
        elif line.startswith("```"):
            fence = line[: len(line) - len(line.lstrip("`"))]
        else:
            lines.append(re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "CODE", line))
    assert fence == ""
    return lines


@given(st.text(st.characters(), max_size=12))  # longer ones are cut
@example(NASTY)
@example("`")
@example("\n```\n")
def test_no_text_of_the_target_breaks_a_form(text: str) -> None:
    """JUnit stays well-formed, the page's tags and Markdown's structure are the same as ever."""
    report, harmless = made_of(text), made_of("")

    assert cases(as_junit(view_of(report))).keys() == cases(as_junit(view_of(harmless))).keys()
    assert Page(as_html(view_of(report))).tags == Page(as_html(view_of(harmless))).tags
    markdown = as_markdown(view_of(report)).replace(plain(f"x{text}x"), "xx")
    assert skeleton(markdown) == skeleton(as_markdown(view_of(harmless)))
    lines = terminal_summary(view_of(report)).split("\n")
    assert len(lines) == len(terminal_summary(view_of(harmless)).split("\n"))


@pytest.mark.parametrize("write", [as_markdown, as_html, as_junit, terminal_summary])
def test_no_form_has_a_character_that_does_something(write: Write) -> None:
    """Only visible characters and line breaks: none that a terminal obeys, or that deceive."""
    text = write(view_of(made_of(NASTY)))

    assert [one for one in text if not one.isprintable() and one != "\n"] == []
    assert "\\x1b[2J\\u202e" in text


def test_text_in_a_table_is_not_markup() -> None:
    """Code spans cannot contain a vertical bar there."""
    text = plain("`a` | <b> *c* _d_ [e](f) \\ $g$ ~h~ &amp;\ni")

    assert text == (r"\`a\` &#124; \<b> \*c\* \_d\_ \[e\](f) \\ \$g\$ \~h\~ \&amp;\\ni")


def test_the_page_needs_nothing_from_elsewhere() -> None:
    """No script, no style sheet, no picture, no font; the browser must not load any."""
    page = as_html(view_of(made_of(NASTY)))

    kinds = {tag.split()[0] for tag in Page(page).tags}
    assert kinds.isdisjoint({"script", "link", "img", "iframe", "object", "a", "base"})
    assert re.findall(r"url\(|@import| src=| href=", page.partition("<body>")[0]) == []
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'\"" in page


# -- how much --------------------------------------------------------------------------------


def many(number: int, **changes: Any) -> list[Finding]:
    """Make findings: one check has nearly all, nine others have one each."""
    found = [make_finding(subject=str(one), **changes) for one in range(number - 9)]
    return [*found, *(make_finding(check=f"rare-{one}", **changes) for one in range(9))]


def test_the_terminal_shows_the_worst_and_every_check() -> None:
    """A check that fails a thousand times does not hide the others."""
    report = make_report(*many(1000), make_finding("warning", "milder"))

    text = terminal_summary(view_of(report))

    assert text.count("DRIFT: ") == 20
    assert [one for one in range(9) if f"(rare-{one})" not in text] == []
    assert "\nand 981 more, see --report\n" in text
    assert "milder" not in text


@pytest.mark.parametrize("write", [as_markdown, as_html, as_junit])
def test_a_target_that_fails_everything_fills_no_disk(write: Write) -> None:
    """Of thousands of findings the first are shown in full, and the others are counted."""
    exchange = make_exchange(response_body=b"y" * 100_000, body=b"z" * 100_000)

    text = write(view_of(make_report(*many(5000, observed="x" * 100_000, exchange=exchange))))

    assert len(text) < 5_000_000
    assert re.search(r"\b4[89]\d\d more\b", text)
    assert "rare-8" in text


def test_markdown_fits_into_the_summary_of_a_github_job() -> None:
    """It takes a megabyte; backticks are what needs the most room."""
    ticks = "`" * 10_000
    exchange = make_exchange(response_body=ticks.encode(), body=ticks.encode(), url=ticks)
    findings = many(5000, expected=ticks, observed=ticks, exchange=exchange)

    text = as_markdown(view_of(make_report(*findings, unchecked=[ticks] * 500)))

    assert len(text.encode()) < 1024 * 1024


def test_a_long_request_is_not_printed() -> None:
    """Its length is printed instead: it is too long to copy."""
    exchange = make_exchange(body=b"z" * 3000)

    text = terminal_summary(view_of(make_report(make_finding(exchange=exchange))))

    assert re.search(r"again      \(3\d\d\d characters of curl\)\n", text)
    assert "zz" not in text
