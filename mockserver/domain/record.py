"""Values that never change, and that are made with every request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

Class = TypeVar("Class")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[Class]) -> type[Class]:
    """Make a dataclass with slots that type checkers treat as frozen.

    To freeze it at run time as well would more than double the time that it takes to make one.
    """
    return dataclass(slots=True)(cls)
