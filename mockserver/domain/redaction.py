"""Removes API keys and other secrets from whatever is shown, in whatever form they occur."""

from __future__ import annotations

import base64
import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

REDACTED = "$MAXAPI_API_KEY"
"""Replaces an API key in whatever is shown; a shell substitutes the reader's own key."""
HIDDEN = "[redacted]"
"""Replaces any other secret."""
SHORTEST = 6
"""Characters of a secret that is searched for everywhere. A shorter one would be found by chance,
so it is hidden only where its place identifies it, as in a header or after `api_key=`."""

_LONG, _SHOWN = 16, 4
"""Characters of a key whose end may be shown, and of that end."""

_OURS = re.compile(r"(test|verify)-[0-9a-f]{16}|maxapi-mock-(run|trigger)")
_NAME = re.compile(
    r"(?i:authorization|cookie|api-?key|(?<!idempotency)(^|[-_.])(key|tokens?|secret|password"
    r"|passwd|signature|sig|credentials?|auth|jwt)($|[-_.]))|[a-z](Key|Token|Secret|Password)$"
)
_QUERY = re.compile(r"([?&;])([\w.~\[\]-]+)=([^&#;\s\"'<>`\\]+)")
_USER = re.compile(r"(?:(?<=://)|(?<=:\\/\\/))[^/?#\s\"'<>\\]*@")

_ESCAPE = (
    rb"\\u([0-9a-f]{4})|\\u\{([0-9a-f]{1,6})\}|\\U([0-9a-f]{8})|%u([0-9a-f]{4})"
    rb"|\\x([0-9a-f]{2})|%([0-9a-f]{2})|\\([0-7]{3})|(&\#?[0-9a-z]{1,31};?)|\\([^a-z0-9]|[bfnrtv])"
)
"""What JSON, Python, JavaScript, shells, URLs and HTML write instead of a character."""
_GAP = rb"([\s\0]+|\xc2\xad|\xe2\x80[\x8b-\x8d]|\xef\xbb\xbf)"
"""Characters that break a long text into lines, or are invisible."""
_ESCAPE_MARKS, _ASCII_GAPS = (b"\\", b"%", b"&"), b" \t\n\r\f\v\0"
"""What every escape begins with, and the gaps among ASCII."""
_ESCAPES = re.compile(_ESCAPE, re.IGNORECASE)
_ESCAPES_AND_GAPS = re.compile(rb"%b|%b" % (_ESCAPE, _GAP), re.IGNORECASE)
_CODE_POINTS, _OCTETS, _OCTAL, _ENTITY, _ESCAPED = (1, 2, 3, 4), (5, 6), 7, 8, 9
"""The groups of the pattern; the group of a gap comes after them."""
_CONTROLS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
_DEPTH = 8
"""Layers of escapes, for example of JSON in JSON in a URL."""

_PICTURE = re.compile(rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP|....ftyp", re.DOTALL)
"""What result files begin with: they are common, and escapes mean nothing in them."""
_LARGE = 64 * 1024
"""Bytes from which on binary data is searched only as it is."""

Span = tuple[int, int]


class Redactor:
    """Replaces *secrets* by *mark*.

    They are found in upper and lower case, within longer texts, broken into lines, as base64 (also
    of a longer text), as hexadecimal digits, and with the escapes of JSON, Python, shells, URLs and
    HTML, even nested. Secrets shorter than `SHORTEST` are not searched for.
    """

    def __init__(self, secrets: Iterable[str], mark: str = REDACTED) -> None:
        self._mark = mark
        forms = chain.from_iterable(_forms(one) for one in secrets if len(one) >= SHORTEST)
        self._forms = tuple(dict.fromkeys(forms))
        self._shortest = min(map(len, self._forms), default=0)

    def text(self, text: str) -> str:
        """Return *text* without the secrets."""
        data = text.encode("utf-8", "surrogatepass")
        hidden = self.data(data)
        return text if hidden is data else hidden.decode("utf-8", "replace")

    def data(self, data: bytes) -> bytes:
        """Return *data* without the secrets; *data* itself if it has none."""
        if not self._forms or len(data) < self._shortest:
            return data
        if self._is_plainly_clean(data):
            return data
        pieces, end = [], 0
        is_binary = len(data) > _LARGE and b"\0" in data[:_LARGE]
        depth = 0 if is_binary or _PICTURE.match(data) else _DEPTH
        found = (self._found(data, pattern, depth) for pattern in (_ESCAPES, _ESCAPES_AND_GAPS))
        for first, last in _united(chain.from_iterable(found)):
            pieces += [data[end:first], self._mark.encode()]
            end = last
        return b"".join([*pieces, data[end:]]) if pieces else data

    def _is_plainly_clean(self, data: bytes) -> bool:
        """Return whether *data* surely has no secret; this is quick, and true in common cases."""
        if not data.isascii() or any(mark in data for mark in _ESCAPE_MARKS):
            return False
        lowered = data.lower()
        joined = lowered.translate(None, _ASCII_GAPS)
        return not any(form in lowered or form in joined for form in self._forms)

    def value(self, value: Any) -> Any:
        """Return a JSON value without the secrets, including those in its names."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(name): self.value(one) for name, one in value.items()}
        return [self.value(one) for one in value] if isinstance(value, list) else value

    def _found(self, data: bytes, escapes: re.Pattern[bytes], depth: int) -> Iterator[Span]:
        """Find the secrets in *data*, also with up to *depth* layers of escapes removed.

        Places can overlap, and be found more than once.
        """
        lowered = data.lower()
        for form in self._forms:
            at = lowered.find(form)
            while at >= 0:
                yield at, at + len(form)
                at = lowered.find(form, at + 1)
        if depth and (plain := _Plain(data, escapes)).differs:
            yield from map(plain.origin, self._found(plain.data, escapes, depth - 1))


class _Plain:
    """*data* without its outermost layer of escapes."""

    def __init__(self, data: bytes, pattern: re.Pattern[bytes]) -> None:
        pieces: list[bytes] = []
        self._segments: list[tuple[int, int, int | None]] = [(0, 0, None)]
        """For each: its start here, its start in the data, and its end there if it is an escape."""
        length = end = 0
        for found in pattern.finditer(data):
            new = _unescaped(found)
            if new == found[0]:
                continue
            pieces += [data[end : found.start()], new]
            length += found.start() - end
            end = found.end()
            self._segments.append((length, found.start(), end))
            length += len(new)
            self._segments.append((length, end, None))
        self.differs = bool(pieces)
        self.data = b"".join([*pieces, data[end:]])

    def origin(self, span: Span) -> Span:
        """Return the place in the data that corresponds to a place here."""
        start, first, end = self._segment_of(span[0])
        first += span[0] - start if end is None else 0
        start, last, end = self._segment_of(span[1] - 1)
        return first, last + span[1] - start if end is None else end

    def _segment_of(self, position: int) -> tuple[int, int, int | None]:
        return self._segments[bisect_right(self._segments, position, key=itemgetter(0)) - 1]


def _unescaped(found: re.Match[bytes]) -> bytes:
    """Return what an escape stands for: itself if it is not one, and nothing for a gap."""
    group, text = found.lastindex or 0, found[found.lastindex or 0]
    if group in _OCTETS:
        return bytes([int(text, 16)])
    if group in _CODE_POINTS:
        number = int(text, 16)
        return (
            chr(number).encode("utf-8", "surrogatepass") if number <= sys.maxunicode else found[0]
        )
    if group == _OCTAL:
        return bytes([int(text, 8) & 0xFF])
    if group == _ENTITY:
        import html

        return html.unescape(text.decode("ascii")).encode()
    return b"" if group != _ESCAPED else _CONTROLS.get(text, text)


@lru_cache(maxsize=1024)
def _forms(secret: str) -> tuple[bytes, ...]:
    """Return what is searched for, in lower case: the secret without its own escapes, and encoded.

    Forms that are too short to be searched for are left out.
    """
    found: list[bytes] = []
    for written in _written(secret):
        found += [written, written.hex().encode()]
        for once in _in_base64(written):
            found += [once, *_in_base64(once)]
        for pattern in (_ESCAPES, _ESCAPES_AND_GAPS):
            plain = _Plain(written, pattern)
            while plain.differs:
                plain = _Plain(plain.data, pattern)
            found.append(plain.data)
    return tuple(dict.fromkeys(form.lower() for form in found if len(form) >= SHORTEST))


def _written(text: str) -> set[bytes]:
    """Return the bytes of a text, both in UTF-8 and as a header holds them."""
    try:
        return {text.encode("utf-8", "surrogatepass"), text.encode("latin-1")}
    except UnicodeEncodeError:
        return {text.encode("utf-8", "surrogatepass")}


def _in_base64(data: bytes) -> Iterator[bytes]:
    """Yield what every base64 text contains that encodes *data* at any offset."""
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + data)
        certain = encoded[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        yield from (certain, certain.replace(b"+", b"-").replace(b"/", b"_"))


def _united(spans: Iterable[Span]) -> list[Span]:
    """Return places in order, with overlapping ones merged."""
    united: list[Span] = []
    for first, last in sorted(spans):
        if united and first < united[-1][1]:
            united[-1] = united[-1][0], max(last, united[-1][1])
        else:
            united.append((first, last))
    return united


def is_ours(key: str) -> bool:
    """Return whether the mock's own fixtures or commands made *key*, so that it may be shown."""
    return _OURS.fullmatch(key) is not None


def masked(key: str) -> str:
    """Return what people recognize a key by: all of one that the mock made, else its end."""
    if is_ours(key) or not key:
        return key
    return f"…{key[-_SHOWN:]}" if len(key) >= _LONG else "…"


def names_a_variable(text: str) -> bool:
    """Return whether *text* is the name of a variable and not a key, so that it may be shown."""
    return re.fullmatch(r"[A-Z_][A-Z0-9_]*", text) is not None


@lru_cache(maxsize=1024)
def names_a_secret(name: str) -> bool:
    """Return whether a header or a parameter of that name holds a secret."""
    return _NAME.search(name) is not None


def without_users(text: str) -> str:
    """Return *text* without the users and passwords of the URLs in it."""
    return _USER.sub(f"{HIDDEN}@", text)


def without_url_secrets(text: str) -> str:
    """Return *text* without the users and passwords of URLs, and the secrets in their queries."""

    def hide(found: re.Match[str]) -> str:
        return f"{found[1]}{found[2]}={HIDDEN}" if names_a_secret(found[2]) else found[0]

    return _QUERY.sub(hide, without_users(text))


def without_user_and_query(url: str, mark: str = "") -> str:
    """Return a URL without its user and query; a *mark* shows where they were."""
    user, query = (f"{mark}@", f"?{mark}") if mark else ("", "")
    return re.sub(r"\?.*", query, re.sub(r"//[^/?#@]*@", f"//{user}", url))
