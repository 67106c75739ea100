"""Reads the values of options and arguments; what is wrong is said with what is accepted."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TypeVar
from urllib.parse import urlsplit

import click

from mockserver.commands.command import Decorator, option
from mockserver.domain.durations import parse_duration
from mockserver.domain.redaction import without_users

_WITHOUT_SCHEME = re.compile(
    r"(localhost(:[^/?#@]*)?|[^/:?#@]+:\d+|\[[^/]+\]:\d+)([/?].*)?", re.DOTALL
)
_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")

T = TypeVar("T")

LOCAL_MOCK = "http://127.0.0.1:6290"
"""Where `maxapi-mock serve` is, unless it is told otherwise."""


def reads(read: Callable[[str], T]) -> Callable[[str], T]:
    """Make the type of an option of a function that raises ValueError."""

    def reader(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return reader


def integer(low: int | None = None, high: int | None = None) -> Callable[[str | int], int]:
    """Make the type of an option that takes an integer, within limits that belong to it."""
    limits = "" if low is None else f" from {low}" + ("" if high is None else f" to {high}")

    def read(text: str | int) -> int:
        number = int(text) if _INTEGER.fullmatch(str(text)) else None
        is_within = number is not None and (
            (low is None or low <= number) and (high is None or number <= high)
        )
        if number is None or not is_within:
            raise click.BadParameter(f"{text!r} is not accepted; use an integer{limits}")
        return number

    return read


PORT, FREE_PORT = integer(1, 65535), integer(0, 65535)
"""The types of ports; the second one takes 0 for any that is free."""


def port_option(default: int) -> Decorator:
    """Make the option of a server's own port."""
    return option(
        "--port",
        metavar="PORT",
        type=FREE_PORT,
        default=default,
        group="Server",
        help=f"port to listen on; 0 takes a free one (default {default})",
    )


@reads
def usd(text: str) -> Decimal:
    """Read an amount of US dollars."""
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise ValueError(f"{text!r} is not an amount; use US dollars, for example 0.50")
    return amount


@reads
def positive(text: str) -> float:
    """Read a number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ValueError(f"{text!r} is not accepted; use a number above 0")
    return number


@reads
def seconds(text: str) -> float:
    """Read a duration, in seconds."""
    return parse_duration(text).total_seconds()


@reads
def statuses(text: str) -> tuple[int, ...]:
    """Read HTTP statuses, separated by commas."""
    words = [one.strip() for one in text.split(",")]
    if not all(re.fullmatch(r"[2-5][0-9]{2}", one) for one in words):
        raise ValueError(f"{text!r} is not accepted; use statuses, for example 500,500,200")
    return tuple(map(int, words))


def read_receiver_url(given: str) -> str:
    """Read a URL, also one that leaves its scheme out. Raises ValueError."""
    from mockserver.network.receiver import read_receiver

    url = f"http://{given}" if _WITHOUT_SCHEME.fullmatch(given) else given
    try:
        read_receiver(url)
    except ValueError as error:
        said = f"{without_users(given)!r} is not accepted: {error}"
        raise ValueError(
            f"{said}; use one like localhost:3000 or https://example.com/hook"
        ) from None
    return url


receiver_url = reads(read_receiver_url)


def base_url(*, path: bool) -> Callable[[str], str]:
    """Make the type of an option that takes an http URL with nothing after its host or *path*."""
    from mockserver.network.origin import origin_of

    @reads
    def read(url: str) -> str:
        try:
            origin_of(url)
        except ValueError as error:
            problem = str(error)
        else:
            problem = _surplus(url, path=path)
        if problem:
            wanted = "use one like https://api.example.com"
            raise ValueError(f"{url!r} is not accepted: {problem}; {wanted}")
        return url

    return read


def _surplus(url: str, *, path: bool) -> str:
    """Return what a base URL has too much; nothing if it is one."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        return "the URL has a user"
    if parts.query or parts.fragment:
        return "the URL has a query or fragment"
    return "the URL has a path" if parts.path not in ("", "/") and not path else ""
