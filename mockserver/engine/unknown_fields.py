"""Undocumented fields: accepted, and reported with the name that was probably meant."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from mockserver.contract import Contract
from mockserver.contract.violation import join_place

_MOST = 20


def unknown_fields(request: Mapping[str, Any], contract: Contract) -> list[str]:
    """Return a message for each unknown field of a valid submit request, with a similar name."""
    known = contract.envelope_fields
    card, submitted = contract.cards[request["model"]], request["input"]
    if request.keys() <= known and submitted.keys() <= card.fields:
        return []
    unknown = [(name, "", known) for name in request if name not in known]
    unknown += [(name, "input", card.fields) for name in submitted if name not in card.fields]
    return [_advice(*one) for one in unknown[:_MOST]]


def remarks(request: Mapping[str, Any], contract: Contract) -> list[str]:
    """Return a message for each field of a valid submit request that has no effect."""
    card = contract.cards[request["model"]]
    overruled = card.without_effect(request["input"]) if card.effects else []
    return unknown_fields(request, contract) + overruled


def _advice(name: str, parent: str, known: Collection[str]) -> str:
    near = _near(name, known)
    hint = f", did you mean {near!r}?" if near else ""
    return f"{join_place([name], parent)}: unknown{hint}"


def _near(name: str, known: Collection[str]) -> str | None:
    """Find the known name that resembles *name*, or is a word of it: `aspect_ratio`, `ratio`."""
    plain = {_plain(other): other for other in sorted(known)}
    words = [word for word in name[:100].replace("-", "_").split("_") if word in known]
    from difflib import get_close_matches

    close = get_close_matches(_plain(name[:100]), plain, n=1, cutoff=0.6)
    return plain[close[0]] if close else next(iter(words), None)


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
