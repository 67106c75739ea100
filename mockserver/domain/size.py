"""The ratio, resolution and pixels of a task's result, by the model's card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log
from typing import Any

from mockserver.contract import ModelCard


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a result."""

    ratio: str
    resolution: str
    width: int
    height: int


def size_of(
    card: ModelCard,
    submitted: Mapping[str, Any],
    default_ratio: str,
    source: tuple[int, int] | None = None,
) -> Size:
    """Look up the size in the card's table.

    An omitted ratio is the card's own default, else the one nearest to that of *source* (width
    and height of the first input image), else *default_ratio*. If the model or its table does not
    have that, it is the first ratio of the table that the model accepts.
    """
    resolution = card.value_of("resolution", submitted)
    for ratio in _ratios(card, submitted, default_ratio, source):
        sizes = card.sizes.get(ratio, {})
        name = resolution if resolution in sizes else next(iter(sizes), None)
        if name is not None and (resolution is None or resolution in sizes):
            return Size(ratio, name, *sizes[name])
    ratio, sizes = next(iter(card.sizes.items()))
    name, (width, height) = next(iter(sizes.items()))
    return Size(ratio, name, width, height)


def _ratios(
    card: ModelCard,
    submitted: Mapping[str, Any],
    default_ratio: str,
    source: tuple[int, int] | None,
) -> list[str]:
    """List the ratios to try, the wanted one first."""
    accepted = card.input["properties"].get("ratio", {}).get("enum", list(card.sizes))
    wanted = card.value_of("ratio", submitted)
    if wanted is None and source is not None:
        return _by_nearness(accepted, source)
    return [ratio for ratio in (wanted or default_ratio, *accepted) if ratio in accepted]


def _by_nearness(ratios: Iterable[str], source: tuple[int, int]) -> list[str]:
    """Sort ratios by their distance from that of *source*: twice and half are equally far."""
    wanted = log(source[0] / source[1])

    def distance(ratio: str) -> float:
        width, _, height = ratio.partition(":")
        return abs(log(float(width) / float(height)) - wanted)

    return sorted(ratios, key=distance)
