"""The control: targets without a drift, in which nothing may be found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from mockserver.contract import load_contract

from ..evidence import Report
from ..lab import Options
from .changes import refuses
from .drift import DRAW, EDIT, LITE, NANO, VIDEO, examine_behind
from .layer import Layer, MakeLayer

_FEW = (EDIT, DRAW, LITE, NANO, VIDEO, "seedream-4", "seedance-2.0")


@dataclass(frozen=True)
class Control:
    """A target without a drift."""

    name: str
    sentence: str
    change: MakeLayer = Layer
    settings: Mapping[str, Any] = field(default_factory=dict)
    live: bool = False
    models: tuple[str, ...] = _FEW

    def examine(self, seed: int, *, of_all: bool = False) -> Report:
        """Hold every law against it, for a few models and examples, or as the suite does."""
        models = tuple(load_contract().cards) if of_all else self.models
        examples = 15 if of_all else 3
        options = Options(models, seed=seed, examples=examples, thrifty=self.live)
        return examine_behind(self.change(), options, self.settings)


def _local(document: dict[str, Any]) -> str | None:
    url = document.get("callBackUrl")
    is_local = isinstance(url, str) and urlsplit(url).hostname == "localhost"
    return "callBackUrl: localhost is not supported" if is_local else None


CONTROLS = (
    Control("untouched", "The mock as it is."),
    Control("live", "The mock as a live API, which refuses localhost.", refuses(_local), live=True),
    Control("failures", "The mock, whose tasks all fail.", settings={"scenario": "failure"}),
    Control("timeouts", "The mock, whose tasks all time out.", settings={"scenario": "timeout"}),
)
