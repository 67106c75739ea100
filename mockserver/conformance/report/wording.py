"""A finding in plain words: what happened, where something else is promised, and how often."""

from __future__ import annotations

import re
from dataclasses import replace

from mockserver.conformance.model import WEBHOOK, Clause, Finding
from mockserver.conformance.report.advice import ADVICE, BY_CLAUSE, Advice
from mockserver.settings import SETTINGS, option_of

_PAGE = re.compile(r"[a-z0-9./-]+")
"""The name of a page of the documentation; other sources are described in words."""
_OURS = "our own choice"
_SHORT, _LONG = 110, 160
"""Characters of what was observed, and of what was expected, in a summary."""
_ASSUMED = "No page promises this, so it does not count as drift: let the app work with both."
_GOOD_TO_KNOW = "There is nothing to do; it is just good to know."
_PLAIN = Advice("{observed}", "Compare what the app relies on with what was observed.")


def promised(clause: Clause) -> str:
    """Return where something is promised, and thereby how sure it is."""
    page = clause.page
    if clause.confidence == "corroborated":
        return f"published elsewhere, not by MaxAPI{_more(page, 'published elsewhere')}"
    if clause.confidence == "assumed":
        return f"not documented: our assumption{_more(page, _OURS)}"
    if _PAGE.fullmatch(page):
        return f"stated on the page {page}"
    return f"stated in the documentation: {page}"


def _more(page: str, known: str) -> str:
    return "" if page.startswith(known) else f" ({page})"


def often(finding: Finding) -> str:
    """Return how often a finding was seen, and how often it could have been."""
    times, of = finding.times, max(finding.of, finding.times)
    if of == 1:
        return "once, the only time it was checked"
    if times == 1:
        return f"once in {of} times"
    return f"{times} of {of} times"


def summary(finding: Finding) -> str:
    """Return one sentence that says what happened, and what was promised."""
    saw = _seen(_shortened(finding))
    if finding.severity == "note":  # an addition contradicts no promise
        return f"{saw}."
    return f"{saw}; {_who(finding.clause)} {_cut(finding.expected, _LONG)}."


def _who(clause: Clause) -> str:
    if clause.confidence == "assumed":
        return "no page says so, but we assumed"
    if clause.confidence == "corroborated":
        return "published elsewhere is"
    if _PAGE.fullmatch(clause.page):
        return f"the page {clause.page} promises"
    return "the documentation promises"


def _shortened(finding: Finding) -> Finding:
    text = _cut(finding.observed.removesuffix(" is not accepted"), _SHORT)
    return replace(
        finding, observed=text + _instead(finding), subject=_cut(finding.subject, _SHORT)
    )


def _instead(finding: Finding) -> str:
    """Return the document in which something is missing: it may be there under another name."""
    exchange = finding.exchange
    if exchange is None or not finding.observed.endswith(" missing"):
        return ""
    document = exchange.body if exchange.operation == WEBHOOK else exchange.response_body
    return f" in {_cut(document[: 4 * _SHORT].decode('utf-8', 'replace'), _SHORT)}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}..."


def advice(finding: Finding) -> str:
    """Return what the developer of an app should do about a finding."""
    if finding.severity == "assumption":
        return f"{_ASSUMED}{_setting(finding.clause.place)}"
    if finding.severity == "note" and finding.check != "no-unknown-field":
        return _GOOD_TO_KNOW
    beginnings = [one for one in BY_CLAUSE if finding.clause.place.startswith(one)]
    if beginnings and finding.check != "no-unknown-field":
        return BY_CLAUSE[max(beginnings, key=len)]
    return ADVICE.get(finding.check, _PLAIN).advice


def _seen(finding: Finding) -> str:
    """Return what was seen, as a sentence without its end."""
    template = ADVICE.get(finding.check, _PLAIN).seen
    return template.format(observed=finding.observed, subject=finding.subject or "a request")


def _setting(place: str) -> str:
    """Return a sentence on the setting whose default is the assumption at a place, if any."""
    for name, setting in SETTINGS.items():
        fact = setting.metadata["fact"].replace(".", "/")
        if fact and place == f"service.json#/{fact}":
            return f" The mock can do the same: set {option_of(name)}."
    return ""
