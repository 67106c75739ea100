"""The catalogue."""

from __future__ import annotations

from . import (
    afterwards,
    cancels,
    deliveries,
    echo,
    envelope,
    fields,
    lifecycle,
    media,
    moments,
    nearly,
    refused,
    results,
    rules,
    sampled,
    shown,
    side_effects,
    tokens,
    unknown,
    webhooks,
)
from .drift import Drift

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
