"""JSON as RFC 8259 defines it, which is stricter than Python's own parser."""

from __future__ import annotations

import json
import re
from typing import Any

Json = Any
"""Any JSON value: dict, list, str, int, float, bool or None."""

_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class NotJson(ValueError):
    """The text is not acceptable JSON; the message says what is wrong and where."""


def parse_json(text: bytes, *, nesting: int = 100) -> Json:
    """Read one JSON value.

    Raises NotJson for anything on which parsers disagree: duplicate keys, NaN and infinities,
    numbers too large for a double, lone surrogates, bytes that are not UTF-8, text after the
    value, arrays and objects nested deeper than *nesting*.
    """
    if not text or text.isspace():
        raise NotJson("the body is empty; send one JSON value")
    if text.startswith(b"\xef\xbb\xbf"):
        raise NotJson("it begins with a byte order mark; send plain UTF-8")
    _check_nesting(text, nesting)
    try:
        value = _DECODER.decode(text.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise NotJson(f"not UTF-8: byte {error.start} is invalid") from None
    except json.JSONDecodeError as error:
        raise NotJson(
            f"{error.msg.removesuffix(' at')} at line {error.lineno} column {error.colno}"
        ) from None
    except RecursionError:
        raise NotJson(f"nested deeper than {nesting} levels") from None
    if b"\\u" in text and _ESCAPED_SURROGATE.search(text):
        _check_surrogates(value)
    return value


def dump_json(value: Json) -> bytes:
    """Return *value* as ASCII JSON, which no transport can corrupt."""
    return json.dumps(value).encode("ascii")


def _no_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise NotJson(f"duplicate key {key!a}")
            seen.add(key)
    return members


def _no_constant(name: str) -> Json:
    raise NotJson(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise NotJson(f"the number {digits[:40]} does not fit a double")
    return number


def _short_int(digits: str) -> int:
    """Reject what no other parser keeps exactly, before Python's own limit of digits does."""
    if len(digits) > 309:
        raise NotJson(f"the number {digits[:40]}… does not fit a double")
    return int(digits)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_no_duplicates,
    parse_constant=_no_constant,
    parse_float=_finite,
    parse_int=_short_int,
)


def _check_nesting(text: bytes, limit: int) -> None:
    """Count the levels, but only if the text has enough brackets to exceed *limit*."""
    if text.count(b"[") + text.count(b"{") <= limit:
        return
    depth = 0
    for token in re.finditer(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', text, re.DOTALL):
        if token[0] in b"[{":
            depth += 1
        elif token[0] in b"]}":
            depth -= 1
        if depth > limit:
            raise NotJson(f"nested deeper than {limit} levels")


def _check_surrogates(value: Json) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        codepoint = ord(error.object[error.start])
        raise NotJson(f"lone surrogate \\u{codepoint:04x} in a string") from None
