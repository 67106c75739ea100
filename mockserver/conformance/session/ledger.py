"""A spending limit that cannot be exceeded, not even by several runs or an interrupted one.

The most that a submission could cost is written down before it is sent, and released only when it
was rejected. Whatever happens in between, the file then has too much rather than too little.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import IO, Any

from mockserver.errors import MaxapiMockError


class LedgerError(MaxapiMockError):
    """The ledger cannot be used; the message names the file, the line and the reason."""


class LimitError(Exception):
    """A submission could cost more than is left."""


class PriceError(LimitError):
    """The price of a submission is unknown."""


class Ledger:
    """Reservations in a file of JSON lines; safe to share between threads and processes."""

    def __init__(self, path: Path, limit: Decimal) -> None:
        self._path = path
        self.limit = limit

    def reserve(self, amount: Decimal, what: str) -> str:
        """Set *amount* aside for *what*; return the name of the reservation.

        When this returns, the reservation is on the disk. Raises LimitError if less than that is
        left, and LedgerError.
        """
        with self._locked() as file:
            reserved = sum(_reserved(file, self._path).values(), Decimal())
            if reserved + amount > self.limit:
                raise LimitError(
                    f"{what} could cost ${amount};"
                    f" of ${self.limit}, ${self.limit - reserved} is left"
                )
            name = secrets.token_hex(8)
            _append(file, {"reserve": name, "usd": str(amount), "for": what})
            return name

    def release(self, name: str) -> None:
        """Release a reservation for which surely nothing was charged. Raises LedgerError."""
        with self._locked() as file:
            _reserved(file, self._path)
            _append(file, {"release": name})

    @property
    def reserved(self) -> Decimal:
        """US dollars that are reserved. Raises LedgerError."""
        with self._locked() as file:
            return sum(_reserved(file, self._path).values(), Decimal())

    @contextmanager
    def _locked(self) -> Iterator[IO[bytes]]:
        try:
            with self._path.open("a+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield file
        except OSError as error:
            raise LedgerError(f"ledger: {self._path}: {error.strerror or error}") from None


def _reserved(file: IO[bytes], path: Path) -> dict[str, Decimal]:
    """Read what is reserved and not released; remove an unfinished last line."""
    file.seek(0)
    content = file.read()
    whole, newline, torn = content.rpartition(b"\n")
    if torn:  # its writer died before it sent the submission, or before it released anything
        file.truncate(len(whole) + len(newline))
    reserved: dict[str, Decimal] = {}
    for number, line in enumerate(whole.splitlines(), 1):
        try:
            entry = json.loads(line)
            if "release" in entry:
                reserved.pop(entry["release"], None)
            else:
                reserved[entry["reserve"]] = _amount(entry["usd"])
        except (ValueError, KeyError, TypeError, InvalidOperation):
            shown = line[:80].decode("utf-8", "replace")
            raise LedgerError(
                f"ledger: {path}: line {number}: {shown!r} is not an entry;"
                " repair or remove the file"
            ) from None
    return reserved


def _amount(text: Any) -> Decimal:
    amount = Decimal(str(text))
    if not amount.is_finite() or amount < 0:
        raise ValueError(text)
    return amount


def _append(file: IO[bytes], entry: dict[str, str]) -> None:
    file.write(json.dumps(entry).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())
