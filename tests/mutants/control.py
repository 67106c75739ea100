"""The controls: targets that conform, in which nothing may be found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from mockserver.conformance.check import promised
from mockserver.conformance.model import Finding, Report
from mockserver.conformance.session.session import Options
from mockserver.contract import load_contract
from tests.mutants import conforming
from tests.mutants.changes import rejects
from tests.mutants.layer import Layer, MakeLayer
from tests.mutants.mutant import DRAW, EDIT, LITE, NANO, VIDEO, check_behind

_IMAGE, _VIDEO = "service.json#/results/image", "service.json#/results/video"
_FEW = (EDIT, DRAW, LITE, NANO, VIDEO, "seedream-4", "seedance-2.0")


@dataclass(frozen=True)
class Control:
    """A target that conforms."""

    name: str
    sentence: str
    change: MakeLayer = Layer
    settings: Mapping[str, Any] = field(default_factory=dict)
    live: bool = False
    models: tuple[str, ...] = _FEW
    otherwise: tuple[str, ...] = ()
    """The assumptions in which this target differs: not a false alarm."""
    transient_failures: bool = False
    """Whether it fails once, which a run notes."""

    def wrong(self, report: Report) -> list[Finding]:
        """Return the findings that a run may not have: false alarms."""
        return [one for one in report.findings if not self._is_right(one)]

    def _is_right(self, finding: Finding) -> bool:
        is_noted = (
            self.transient_failures and finding.severity == "note" and finding.check == "responses"
        )
        assumed = finding.severity == "assumption" and finding.clause.place in self.otherwise
        return is_noted or assumed

    def run_checks(self, seed: int, *, of_all: bool = False) -> Report:
        """Run every check on it, for a few models and examples, or for all as the suite does."""
        models = tuple(load_contract().cards) if of_all else self.models
        examples = 15 if of_all else 3
        few = None if of_all else 8
        options = Options(models, seed=seed, examples=examples, combinations=few, thrifty=self.live)
        return check_behind(self.change(), options, self.settings)


def _local(document: dict[str, Any]) -> str | None:
    url = document.get("callBackUrl")
    is_local = isinstance(url, str) and urlsplit(url).hostname == "localhost"
    return "callBackUrl: localhost is not supported" if is_local else None


def _only_page_words() -> Layer:
    contract = load_contract()
    moderated = contract.document("moderation-error")["properties"]["msg"]["const"]
    return conforming.OtherWords((contract.service["errors"]["401"]["msg"], moderated))


_STATES = ",".join(load_contract().lifecycle.path)

CONTROLS = (
    Control("untouched", "The mock as it is."),
    Control("live", "The mock as a live API, which rejects localhost.", rejects(_local), live=True),
    Control("failures", "The mock, whose tasks all fail.", settings={"scenario": "failure"}),
    Control("timeouts", "The mock, whose tasks all time out.", settings={"scenario": "timeout"}),
    Control(
        "minimal-echo",
        "The echo is the model and the prompt, as the seed's example shows it.",
        conforming.minimal_echo,
        otherwise=(promised("echo_all"),),
    ),
    Control(
        "minimal-polls",
        "Polls have neither failure_reason nor timestamps, as in the seed's example.",
        conforming.minimal_polls,
        otherwise=(promised("webhook_same_fields"),),
    ),
    Control("defaults-in-echo", "The echo shows defaults, too.", conforming.defaults_in_echo),
    Control(
        "quick",
        "Tasks pass through several states between two polls.",
        settings={"duration": "300ms"},
    ),
    Control(
        "instant", "Tasks have ended when they are first polled.", settings={"pace": "instant"}
    ),
    Control(
        "cancellable", "A task can be cancelled until it ends.", settings={"cancellable": _STATES}
    ),
    Control(
        "other-words",
        "Requests are rejected with other texts, except where a page shows the text.",
        _only_page_words,
        otherwise=(promised("refusal_names_field"),),
    ),
    Control(
        "other-ids",
        "A taskId is not a UUID.",
        conforming.OtherIds,
        otherwise=("submit-response.json#/properties/data/properties/taskId/pattern",),
    ),
    Control("jitter", "Responses are 50 to 500 ms late.", conforming.Jitter),
    Control(
        "closes", "The connection ends with each response.", conforming.headers(Connection="close")
    ),
    Control("gzip", "Responses are compressed.", conforming.Gzip),
    Control(
        "elsewhere",
        "Files are on another host, at URLs signed anew by each poll.",
        conforming.Elsewhere,
    ),
    Control("jpeg", "Images are JPEG, and named so.", conforming.jpeg, otherwise=(_IMAGE,)),
    Control("webp", "Images are WebP, and named so.", conforming.webp, otherwise=(_IMAGE,)),
    Control(
        "untyped-files",
        "Files have no Content-Type that says what they are.",
        conforming.untyped_files,
        otherwise=(_IMAGE, _VIDEO),
    ),
    Control(
        "two-by-default",
        "There are two results where n was not sent, as an example of query-task shows.",
        conforming.two_by_default,
        models=(DRAW, LITE),
        otherwise=(promised("default_count"),),
    ),
    Control(
        "rate-limit",
        "At most three requests a second are accepted.",
        settings={"rate_limit": "3/1s"},
        models=(LITE,),
    ),
    Control(
        "bad-gateway-once",
        "One poll returns 502.",
        conforming.on_transient_failure(97, conforming.bad_gateway),
        transient_failures=True,
    ),
    Control(
        "cut-once",
        "One connection ends inside the response.",
        conforming.on_transient_failure(131, conforming.cut),
        transient_failures=True,
    ),
)
