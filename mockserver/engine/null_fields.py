"""Optional fields whose value is `null`; what they mean is undocumented."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mockserver.contract import Contract


def without_nulls(document: Any, contract: Contract) -> Any:
    """Return a submission without the optional fields that are null.

    A required field keeps its null, and so is rejected; an undocumented field keeps it, too.
    """
    if not isinstance(document, dict):
        return document
    kept = _pruned(document, contract.document("submit-request"))
    model, submitted = kept.get("model"), kept.get("input")
    if isinstance(model, str) and model in contract.cards and isinstance(submitted, dict):
        kept["input"] = _pruned(submitted, contract.cards[model].input)
    return kept


def _pruned(members: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    optional = schema["properties"].keys() - schema.get("required", ())
    return {
        name: value for name, value in members.items() if value is not None or name not in optional
    }
