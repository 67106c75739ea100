"""A report as one HTML page: no script, nothing from elsewhere, good on screen and on paper."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from string import Template

from mockserver.conformance.model import Assumption, CheckResult, Exchange, Finding, Report
from mockserver.conformance.report.baseline import Comparison, fails
from mockserver.conformance.report.view import (
    ANSWERS,
    NAMES,
    PROSE,
    again,
    answered,
    answers,
    checks,
    chosen,
    facts,
    heading_of,
    headline,
    one_line,
    ordered,
    printable,
    rows,
    sent,
    severities,
    title_of,
)

_FULL = 200
"""Findings that are shown with their exchange; the others are lines."""
_TILED = ("checks", "findings")
"""Facts that the tiles tell."""

_SOFT = ("check", "clause", "change")
"""Rows of a finding that one looks at once it is clear what happened."""

_PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>$title</title>
<style>$style</style>
</head>
<body>
<header class="$outcome">
<p>Contract report</p>
<h1>$headline</h1>
</header>
<ul class="tiles">$tiles</ul>
<dl class="facts">$facts</dl>
<main>$sections</main>
</body>
</html>
""")

_STYLE = """
:root {
  --paper: #f6f7f9; --card: #fff; --ink: #1d2430; --soft: #5b6675; --line: #dde2e9;
  --code: #f1f3f6; --drift: #b3261e; --warning: #8f5a00; --assumption: #5b4bb5;
  --information: #33658f; --held: #1f7a4d;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171c; --card: #1c2027; --ink: #e3e7ee; --soft: #9aa5b4; --line: #2f3641;
    --code: #262b34; --drift: #ff8a80; --warning: #f0b95a; --assumption: #b4a7ff;
    --information: #85bdea; --held: #6fcf9a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 62rem; background: var(--paper);
  color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif;
}
header { border-left: 5px solid var(--held); padding-left: 1rem; margin-bottom: 1.5rem; }
header.fails { border-color: var(--drift); }
header p { margin: 0; color: var(--soft); }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.25; text-wrap: balance; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.2rem; }
h3 { margin: 0 0 .75rem; font-size: 1rem; display: flex; gap: .6rem; flex-wrap: wrap;
  align-items: baseline; }
h4 { margin: 1rem 0 .25rem; font-size: .8rem; color: var(--soft); font-weight: 600; }
small, .soft { color: var(--soft); font-weight: normal; }
code, pre { font: .88em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
code { overflow-wrap: anywhere; }
pre { margin: 0; padding: .7rem .9rem; background: var(--code); border-radius: 6px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr)); gap: .6rem;
  margin: 0 0 1.25rem; padding: 0; list-style: none; }
.tiles li { padding: .6rem .9rem; border: 1px solid var(--line); border-radius: 8px;
  background: var(--card); color: var(--soft); font-size: .85rem; }
.tiles b { display: block; font-size: 1.5rem; line-height: 1.2; color: var(--ink);
  font-variant-numeric: tabular-nums; }
.tiles .some.drift b, .tiles .some.broken b { color: var(--drift); }
.tiles .some.warning b { color: var(--warning); }
.tiles .some.assumption b { color: var(--assumption); }
.tiles .some.information b { color: var(--information); }
dl { display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); gap: .2rem .9rem; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
dd.soft, dd.soft code { color: var(--soft); }
dd.do { font-weight: 500; }
article { margin: 0 0 .9rem; padding: .95rem 1.15rem; background: var(--card);
  border: 1px solid var(--line); border-left: 4px solid var(--mark); border-radius: 8px; }
.drift { --mark: var(--drift); } .warning { --mark: var(--warning); }
.assumption { --mark: var(--assumption); } .information { --mark: var(--information); }
.badge { padding: 0 .5rem; border: 1px solid var(--mark); border-radius: 999px;
  color: var(--mark); font-size: .78rem; white-space: nowrap; }
.badge.plain { --mark: var(--soft); }
details { margin-top: .8rem; }
summary { cursor: pointer; color: var(--soft); }
section > details > summary { font-weight: 600; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; background: var(--card);
  border: 1px solid var(--line); border-radius: 8px; }
th, td { padding: .4rem .7rem; border-bottom: 1px solid var(--line); text-align: left;
  vertical-align: top; }
th { color: var(--soft); font-weight: 600; font-size: .85rem; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
td.held { color: var(--held); } td.broken { color: var(--drift); font-weight: 600; }
td.skipped { color: var(--soft); }
.list { margin: .25rem 0 1rem; padding-left: 1.2rem; } .list li { margin: .3rem 0; }
@media (max-width: 34rem) {
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .5rem; }
}
@media print {
  :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb; --code: #f4f4f4;
    --drift: #b3261e; --warning: #8f5a00; --assumption: #5b4bb5; --information: #33658f;
    --held: #1f7a4d; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  h2, h3, h4 { break-after: avoid; } tr, .tiles li { break-inside: avoid; }
  details::details-content { content-visibility: visible; block-size: auto; }
}
"""


def as_html(report: Report, comparison: Comparison | None) -> str:
    """Write the page."""
    sections = [
        _findings(report, comparison),
        _gone(comparison),
        _list("Notes", report.notes),
        _list("Left out by the spending limit", report.unchecked),
        _laws(report.check_results),
        _assumptions(report),
    ]
    return _PAGE.substitute(
        title=_e(one_line(f"Contract report: {report.target}")),
        style=_STYLE,
        outcome="fails" if fails(report, comparison) else "passes",
        headline=_e(headline(report, comparison).capitalize()),
        tiles=_tiles(report),
        facts=_pairs(one for one in facts(report, comparison) if one[0] not in _TILED),
        sections="\n".join(sections),
    )


def _e(text: str) -> str:
    return escape(printable(text))


def _code(text: str) -> str:
    return f"<code>{_e(text)}</code>"


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(
        f"<dt>{name}</dt><dd{_class(name)}>{_e(text) if name in PROSE else _code(text)}</dd>"
        for name, text in pairs
    )


def _class(name: str) -> str:
    return ' class="soft"' if name in _SOFT else ' class="do"' if name == "your app" else ""


def _items(items: Iterable[str]) -> str:
    return "".join(f"<li>{item}</li>\n" for item in items)


def _tiles(report: Report) -> str:
    counted = [(f"laws {status}", status, number) for status, number in checks(report).items()]
    for kind, number in severities(report.findings).items():
        counted.append((NAMES[kind][number != 1], kind, number))
    return "".join(
        f'<li class="{kind}{" some" if number else ""}"><b>{number}</b>{name}</li>'
        for name, kind, number in counted
    )


# -- findings --------------------------------------------------------------------------------


def _findings(report: Report, comparison: Comparison | None) -> str:
    shown, others = chosen(ordered(report, comparison), _FULL)
    cards = [_card(one, title_of(report, one), comparison) for one in shown]
    more = ""
    if others:
        lines = _items(f"{_code(one.check)} {_e(heading_of(one))}" for one in others)
        more = f'<h3>{len(others)} more</h3><ul class="list">{lines}</ul>'
    nothing = "" if cards else "<p>None: no law that was held is broken.</p>"
    return f"<section><h2>Findings</h2>{nothing}{''.join(cards)}{more}</section>"


def _card(finding: Finding, title: str, comparison: Comparison | None) -> str:
    kind = finding.severity
    badge = f'<span class="badge">{NAMES[kind][0]}</span>'
    if comparison is not None:
        said = "new" if comparison.is_new(finding) else "known"
        badge += f'<span class="badge plain">{said}</span>'
    heading = f"{badge}<span>{_e(heading_of(finding))}</span>"
    body = f"<dl>{_pairs(rows(finding, title))}</dl>{_exchange(finding.exchange)}"
    return f'<article class="{kind}"><h3>{heading}</h3>{body}</article>\n'


def _exchange(exchange: Exchange | None) -> str:
    if exchange is None:
        return ""
    parts = [("Sent", sent(exchange)), ("Answered", answered(exchange))]
    parts.append(("To send it again", again(exchange)))
    told = "".join(f"<h4>{name}</h4><pre>{_e(text)}</pre>" for name, text in parts)
    return f"<details><summary>{_code(one_line(str(exchange), 160))}</summary>{told}</details>"


def _gone(comparison: Comparison | None) -> str:
    sections = []
    if comparison is not None and comparison.gone:
        sections.append(("Gone since the baseline", comparison.gone))
    if comparison is not None and comparison.unseen:
        sections.append(("Known, and not looked for everywhere this time", comparison.unseen))
    return "".join(
        f'<section><h2>{title}</h2><ul class="list">'
        + _items(f"{_e(one.severity)}: {_code(one_line(one.key))}" for one in known)
        + "</ul></section>"
        for title, known in sections
    )


def _list(title: str, texts: list[str]) -> str:
    if not texts:
        return ""
    items = _items(_e(one_line(text)) for text in texts)
    return f'<section><h2>{title}</h2><ul class="list">{items}</ul></section>'


# -- laws and assumptions --------------------------------------------------------------------


def _laws(check_results: Iterable[CheckResult]) -> str:
    heads = "<th>outcome</th><th>law</th><th class='number'>times</th>"
    body = "".join(map(_law, check_results))
    return (
        "<section><h2>Laws</h2><div class='scroll'><table>"
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div></section>"
    )


def _law(check_result: CheckResult) -> str:
    reason = (
        f"<br><small>{_e(one_line(check_result.reason))}</small>" if check_result.reason else ""
    )
    return (
        f'<tr><td class="{_e(check_result.status)}">{_e(check_result.status)}</td>'
        f"<td>{_e(check_result.title)} <small>{_code(check_result.check)}</small>{reason}</td>"
        f'<td class="number">{check_result.observations}</td></tr>\n'
    )


def _assumptions(report: Report) -> str:
    parts = []
    for answer, found in answers(report).items():
        if found:
            items = f'<ul class="list">{_items(map(_assumption, found))}</ul>'
            summary = f"<summary>{ANSWERS[answer]}: {len(found)}</summary>"
            fold = "" if answer == "not observed" else " open"
            parts.append(f"<details{fold}>{summary}{items}</details>")
    return f"<section><h2>Assumptions</h2>{''.join(parts)}</section>"


def _assumption(one: Assumption) -> str:
    observed = f"<br>observed: {_code(one_line(one.observed))}" if one.observed else ""
    text = f"{_e(one_line(one.text))} <small>{_code(one.clause)}</small>"
    return f"{text}{observed}"
