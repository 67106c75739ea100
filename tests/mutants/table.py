"""The catalogue of mutants, by subject."""

from __future__ import annotations

from tests.mutants import (
    cancels,
    deliveries,
    echo,
    envelope,
    fields,
    later_reads,
    lifecycle,
    media,
    nearly,
    rejected,
    results,
    rules,
    sampled,
    shown,
    side_effects,
    timestamps,
    tokens,
    unknown_fields,
    webhooks,
)
from tests.mutants.mutant import Mutant

SUBJECTS: dict[str, tuple[Mutant, ...]] = {
    "Responses": envelope.MUTANTS,
    "Errors": rejected.MUTANTS,
    "Tokens": tokens.MUTANTS,
    "What there is not": unknown_fields.MUTANTS,
    "Values of a field": fields.MUTANTS,
    "Rules of a submission": rules.MUTANTS,
    "Tasks": shown.MUTANTS,
    "Echo and timestamps": echo.MUTANTS,
    "Lifecycle": lifecycle.MUTANTS,
    "Cancellation": cancels.MUTANTS,
    "Results": results.MUTANTS,
    "Result files": media.MUTANTS,
    "Webhooks": webhooks.MUTANTS,
    "Nearly right": nearly.MUTANTS,
    "Values together, and long ones": sampled.MUTANTS,
    "Moments and clocks": timestamps.MUTANTS,
    "What is seen again": later_reads.MUTANTS,
    "Where webhooks go": deliveries.MUTANTS,
    "Rejected requests": side_effects.MUTANTS,
}

MUTANTS: dict[str, Mutant] = {mutant.name: mutant for rows in SUBJECTS.values() for mutant in rows}
"""Every mutant by its name."""
