"""A drift: one thing that a target does otherwise, and who has to notice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from contract_tests.checks import CHECKS
from mockserver.conformance.model import Finding, Report
from mockserver.conformance.session.runner import check_own_mock
from mockserver.conformance.session.session import Options
from tests.mutants.layer import Layer, MakeLayer, start_behind

LITE = "grok-imagine/text-to-image-lite"
"""Has few fields, so that a run takes little time."""
EDIT = "gpt-image-2/image-to-image"
"""The model of the seed."""
DRAW = "gpt-image-2/text-to-image"
NANO = "nano-banana"
VIDEO = "grok-imagine/text-to-video"
VEO_LITE = "veo3_lite"
SOME_RESULT = {"type": "image", "urls": ["http://127.0.0.1:9/image-0.png"]}
"""A result that conforms, of which there is no file."""


@dataclass(frozen=True)
class Mutant:
    """A row of the catalogue."""

    name: str
    sentence: str
    """What the target does."""
    check: str
    """The law that has to be found broken."""
    clause: str
    """The place in `schemas/` that the finding has to name."""
    change: MakeLayer = Layer
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What is set otherwise in the mock."""
    severity: str = "drift"
    """What the finding has to be worth."""
    models: tuple[str, ...] = (LITE,)
    """Those that the suite is to look at: as few as show the drift."""
    examples: int = 2
    live: bool = False
    """Whether the target is taken for a live one, to which less is sent."""

    def run_checks(self) -> Report:
        """Hold every law against the drifted target."""
        options = Options(self.models, examples=self.examples, thrifty=self.live)
        return check_behind(self.change(), options, self.settings)

    def caught(self, report: Report) -> Finding | None:
        """Give the finding that the drift has to cause; None if a run has none such."""
        wanted = self.check, self.clause, self.severity
        for finding in report.findings:
            if (finding.check, finding.clause.place, finding.severity) == wanted:
                return finding
        return None


def check_behind(layer: Layer, options: Options, settings: Mapping[str, Any]) -> Report:
    """Hold every law against a mock behind *layer*; raises what went wrong in it."""
    report = check_own_mock(CHECKS, options, start=start_behind(layer, **settings))
    for fault in layer.faults:
        raise fault
    return report
