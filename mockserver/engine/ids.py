"""The ids of sandboxes and tasks."""

from __future__ import annotations

import hashlib
import random
from uuid import UUID


def sandbox_id(key: str) -> str:
    """Derive a sandbox's public id, which does not reveal the key."""
    return hashlib.sha256(b"sandbox:" + key.encode("utf-8", "surrogateescape")).hexdigest()[:16]


_UNSEEDED = random.Random()  # noqa: S311 - ids must be unique, not secret


def randomness(seed: str | None, id_: str) -> random.Random:
    """Return a source of ids, which a seed makes repeatable; without one, all share a source."""
    return _UNSEEDED if seed is None else random.Random(f"{seed}:{id_}")  # noqa: S311


def uuid_of(bits: int) -> str:
    """Return the random UUID (version 4) of 128 random bits, as `uuid.UUID` would write it."""
    digits = f"{bits & _RANDOM_BITS | _VERSION_4:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


_VERSION_4 = UUID(int=0, version=4).int
_RANDOM_BITS = UUID(int=0, version=4).int ^ UUID(int=2**128 - 1, version=4).int
"""The bits of a UUID that its version leaves open."""
