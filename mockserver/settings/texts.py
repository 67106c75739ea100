"""Readers of settings: each turns a text into a value, and raises ValueError for a wrong text."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Any

from mockserver.contract import Contract
from mockserver.domain.durations import format_duration, parse_duration
from mockserver.domain.expectation import check_expected
from mockserver.domain.scenario import Script, make_script, parse_named

Parse = Callable[[str, Contract], Any]
"""Reads a text; the contract has the known names."""


def read_text(text: str, _contract: Contract) -> str:
    if not text:
        raise ValueError("is empty; use some text")
    return text


def read_path(text: str, contract: Contract) -> Path:
    return Path(read_text(text, contract))


def read_authorities(text: str, contract: Contract) -> Path:
    import ssl

    path = read_path(text, contract).absolute()
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:
        why = "it has none" if isinstance(error, ssl.SSLError) else error.strerror
        raise ValueError(
            f"{text!r} is not accepted: {why}; use a PEM file of certificates"
        ) from None
    return path


def read_integer(low: int, high: int, text: str, _contract: Contract) -> int:
    if not re.fullmatch(r"[0-9]{1,15}", text.strip()) or not low <= int(text) <= high:
        raise ValueError(f"{text!r} is not accepted; use an integer from {low} to {high}")
    return int(text)


def integer_reader(low: int, high: int) -> Parse:
    return partial(read_integer, low, high)


def read_bytes(text: str, _contract: Contract) -> int:
    match = re.fullmatch(r"([0-9]{1,12})\s*(k|M|G)?i?B?", text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size; use bytes or 512k, 64M, 1G")
    return int(match[1]) * {None: 1, "k": 2**10, "M": 2**20, "G": 2**30}[match[2]]


def read_flag(text: str, _contract: Contract) -> bool:
    known = {"true": True, "yes": True, "on": True, "1": True}
    known |= {"false": False, "no": False, "off": False, "0": False}
    if text.lower() not in known:
        raise ValueError(f"{text!r} is not accepted; use true or false")
    return known[text.lower()]


def read_duration(text: str, _contract: Contract) -> timedelta:
    return parse_duration(text)


def read_positive_duration(text: str, _contract: Contract) -> timedelta:
    duration = parse_duration(text)
    if not duration:
        raise ValueError(f"{text!r} is not accepted; use more than 0")
    return duration


def read_task_duration(text: str, _contract: Contract) -> timedelta | None:
    try:
        return None if text == "typical" else parse_duration(text)
    except ValueError as error:
        raise ValueError(f"{error}, or 'typical' for the model's own") from None


def read_usd(text: str, _contract: Contract) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount <= 10**9:
        raise ValueError(f"{text!r} is not an amount; use US dollars, for example 0.50")
    return amount


def read_balance(text: str, contract: Contract) -> Decimal | None:
    try:
        return None if text == "unlimited" else read_usd(text, contract)
    except ValueError as error:
        raise ValueError(f"{error}, or 'unlimited'") from None


def read_choice(accepted: tuple[str, ...], text: str, _contract: Contract) -> str:
    if text not in accepted:
        raise ValueError(f"{text!r} is not accepted; use one of {', '.join(accepted)}")
    return text


def choice_reader(*accepted: str) -> Parse:
    return partial(read_choice, accepted)


def read_states(text: str, contract: Contract) -> frozenset[str]:
    accepted = contract.lifecycle.path
    chosen = read_names(text, contract)
    if not chosen <= set(accepted):
        raise ValueError(f"{text!r} is not accepted; use some of {','.join(accepted)}")
    return chosen


def read_names(text: str, _contract: Contract) -> frozenset[str]:
    names = frozenset(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise ValueError(f"{text!r} names nothing; use one or more, separated by commas")
    return names


def read_expected(text: str, contract: Contract) -> frozenset[str] | None:
    if text == "none":
        return None
    expected = read_names(text, contract)
    operations = [*contract.service["operations"], "result", "webhook"]
    for name in sorted(expected):
        check_expected(name, operations)
    return expected


def read_ratio(text: str, contract: Contract) -> str:
    accepted = {ratio: None for card in contract.cards.values() for ratio in card.sizes}
    if text not in accepted:
        raise ValueError(f"{text!r} is not accepted; use one of {', '.join(accepted)}")
    return text


def read_url(text: str, _contract: Contract) -> str:
    if not re.fullmatch(
        r"https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?(/[!-~]*)?", text
    ):
        raise ValueError(f"{text!r} is not accepted; use http(s)://host[:port][/path]")
    if set("?#") & set(text):
        raise ValueError(f"{text!r} is not accepted; use a URL without query and fragment")
    return text.rstrip("/")


def read_state(text: str, _contract: Contract) -> str | None:
    if text == "memory":
        return None
    if not re.match(r"sqlite:///.|postgres(ql)?://.", text):
        accepted = "memory, sqlite:///FILE or postgresql://HOST/DATABASE"
        raise ValueError(f"{text.partition(':')[0]!r} is not accepted; use {accepted}")
    return text


def read_replica_address(text: str, _contract: Contract) -> str:
    if not re.fullmatch(r"([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}", text):
        raise ValueError(f"{text!r} is not accepted; use HOST:PORT")
    return text


def read_rate(text: str, _contract: Contract) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise ValueError(f"{text!r} is not accepted; use a probability from 0 to 1")
    return rate


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How many requests are accepted within a duration."""

    count: int
    per: timedelta

    def __str__(self) -> str:
        return f"{self.count}/{format_duration(self.per)}"


def read_rate_limit(text: str, contract: Contract) -> RateLimit | None:
    if text == "none":
        return None
    count, slash, per = text.partition("/")
    if not slash or not re.fullmatch(r"[1-9][0-9]{0,8}", count):
        raise ValueError(
            f"{text!r} is not a rate; use <n>/<duration>, for example 10/1s, or 'none'"
        )
    return RateLimit(int(count), read_positive_duration(per, contract))


def read_token(text: str, _contract: Contract) -> str:
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError("is not accepted; use visible ASCII characters, which a header can hold")
    return text


def read_scenario(text: str, contract: Contract) -> Script | None:
    if text == "none":
        return None
    return make_script(parse_named(text), contract)


def read_origins(text: str, contract: Contract) -> frozenset[str]:
    names = frozenset(name.lower() for name in read_names(text, contract))
    for name in sorted(names):
        if name not in ("*", "null") and not re.fullmatch(r"https?://[^\s/@?#\\]+", name):
            raise ValueError(
                f"{name!r} is not an origin; use '*', or for example http://localhost:5173"
            )
    return names


def read_hosts(text: str, contract: Contract) -> frozenset[str]:
    names = frozenset(name.lower() for name in read_names(text, contract))
    for name in sorted(names):
        if re.search(r"[\s/\\@#]", name) or name.count(":") == 1:
            raise ValueError(
                f"{name!r} is not a host; use app.example.com, *.internal or 10.0.0.7, "
                "without scheme, port and path"
            )
    return names


HIDDEN = "[hidden]"
"""Shown instead of a secret."""


def read_secret(text: str, contract: Contract) -> str | None:
    if text == HIDDEN:
        raise ValueError(f"{HIDDEN} only replaces the secret; use the secret itself")
    return None if text == "none" else read_token(text, contract)


_TAKEN = {
    *("content-type", "content-length", "content-encoding", "transfer-encoding", "host"),
    *("connection", "user-agent", "expect", "te", "trailer", "upgrade"),
}
"""Headers that control how a webhook is sent."""


def read_header(text: str, _contract: Contract) -> str:
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", text) or text.lower() in _TAKEN:
        raise ValueError(f"{text!r} is not accepted; use the name of an unused header")
    return text
