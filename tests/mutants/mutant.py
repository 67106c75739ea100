"""A mutant: a target that differs from the contract in one thing, and the check that catches it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contract_tests import rejection, tasks, webhook_delivery
from contract_tests.checks import CHECKS
from mockserver.conformance.check import AnyCheck
from mockserver.conformance.model import Finding, Report, Severity
from mockserver.conformance.session.active_check import ActiveCheck
from mockserver.conformance.session.runner import check_own_mock
from mockserver.conformance.session.session import Options
from tests.mutants.layer import Layer, MakeLayer, start_behind

LITE = "grok-imagine/text-to-image-lite"
"""A model with few fields, so that a run takes little time."""
EDIT = "gpt-image-2/image-to-image"
"""The model of the seed."""
DRAW = "gpt-image-2/text-to-image"
NANO = "nano-banana"
VIDEO = "grok-imagine/text-to-video"
VEO_LITE = "veo3_lite"
SOME_RESULT = {"type": "image", "urls": ["http://127.0.0.1:9/image-0.png"]}
"""A result that conforms, of which there is no file."""

_COMMON = [
    rejection.smallest_input,
    tasks.lifecycle,
    tasks.cancel_pending,
    tasks.cancel_ended,
    webhook_delivery.webhook_url,
]
"""What sends the traffic in which passive checks catch most mutants."""


@dataclass(frozen=True)
class Mutant:
    """A row of the catalogue."""

    name: str
    sentence: str
    """What the target does."""
    check: str
    """The check that has to fail."""
    clause: str
    """The place in `schemas/` that the finding has to name."""
    change: MakeLayer = Layer
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings of the mock that differ from the defaults."""
    severity: Severity = "drift"
    """The severity that the finding has to have."""
    models: tuple[str, ...] = (LITE,)
    """The models that the run uses: as few as show the difference."""
    examples: int = 2
    live: bool = False
    """Whether the run treats the target as a live one, to which it sends less."""

    @property
    def nearest_checks(self) -> list[AnyCheck]:
        """The check that has to catch it, and as little traffic as usually shows the mutant."""
        [own] = [one for one in CHECKS if one.id == self.check]
        active = [own] if isinstance(own, ActiveCheck) else _COMMON
        return [one for one in CHECKS if one in active or not isinstance(one, ActiveCheck)]

    def run_checks(self, checks: Sequence[AnyCheck] = CHECKS) -> Report:
        """Run checks on the mutant."""
        options = Options(self.models, examples=self.examples, thrifty=self.live)
        return check_behind(self.change(), options, self.settings, checks)

    def caught(self, report: Report) -> Finding | None:
        """Return the finding that has to be there; None if the report does not have it."""
        wanted = self.check, self.clause, self.severity
        for finding in report.findings:
            if (finding.check, finding.clause.place, finding.severity) == wanted:
                return finding
        return None


def check_behind(
    layer: Layer,
    options: Options,
    settings: Mapping[str, Any],
    checks: Sequence[AnyCheck] = CHECKS,
) -> Report:
    """Run checks on a mock behind *layer*; raises what went wrong in the layer."""
    report = check_own_mock(checks, options, start=start_behind(layer, **settings))
    for fault in layer.faults:
        raise fault
    return report
