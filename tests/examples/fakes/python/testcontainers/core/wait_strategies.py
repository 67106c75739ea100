"""What the recipe uses of Testcontainers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HttpWaitStrategy:
    """Waits until a path responds."""

    port: int
    path: str
