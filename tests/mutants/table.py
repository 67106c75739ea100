"""The catalogue."""

from __future__ import annotations

from tests.mutants import later_reads as afterwards
from tests.mutants import cancels
from tests.mutants import deliveries
from tests.mutants import echo
from tests.mutants import envelope
from tests.mutants import fields
from tests.mutants import lifecycle
from tests.mutants import media
from tests.mutants import timestamps as moments
from tests.mutants import nearly
from tests.mutants import rejected as refused
from tests.mutants import results
from tests.mutants import rules
from tests.mutants import sampled
from tests.mutants import shown
from tests.mutants import side_effects
from tests.mutants import tokens
from tests.mutants import unknown_fields as unknown
from tests.mutants import webhooks
from tests.mutants.mutant import Drift

SUBJECTS: dict[str, tuple[Drift, ...]] = {
    "Answers": envelope.DRIFTS,
    "Refusals": refused.DRIFTS,
    "Tokens": tokens.DRIFTS,
    "What there is not": unknown.DRIFTS,
    "Values of a field": fields.DRIFTS,
    "Rules of a submission": rules.DRIFTS,
    "Tasks": shown.DRIFTS,
    "Echo and moments": echo.DRIFTS,
    "Lifecycle": lifecycle.DRIFTS,
    "Cancellation": cancels.DRIFTS,
    "Results": results.DRIFTS,
    "Result files": media.DRIFTS,
    "Webhooks": webhooks.DRIFTS,
    "Nearly right": nearly.DRIFTS,
    "Values together, and long ones": sampled.DRIFTS,
    "Moments and clocks": moments.DRIFTS,
    "What is seen again": afterwards.DRIFTS,
    "Where webhooks go": deliveries.DRIFTS,
    "What was refused": side_effects.DRIFTS,
}

DRIFTS: dict[str, Drift] = {drift.name: drift for rows in SUBJECTS.values() for drift in rows}
"""Every drift by its name."""
