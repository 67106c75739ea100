"""Takes secrets out of what was observed, before anything is kept of it."""

from __future__ import annotations

import base64
import binascii
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import unquote

from mockserver.domain.redaction import REDACTED, Redactor, names_a_secret

Headers = Sequence[tuple[str, str]]

_MOST = 64
"""Secrets that are looked for in what comes later: those that were seen last."""
_QUERY = re.compile(r"([?&])([^=&#]*)=([^&#]*)")
_CALLBACK = re.compile(rb'("callBackUrl"\s*:\s*")((?:[^"\\]|\\.)*)')
_URL = re.compile(r"(?i)(https?:(?:\\?/){2})(?:[^/?#@\\]*@)?([^/?#\\@\s]+)(\S*)")


class Secrets:
    """The secrets of the traffic that was seen: also an answer to others can repeat them."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()
        self._redactor = Redactor(())

    def learn(self, headers: Headers, target: str = "") -> None:
        """Take note of those in *headers*, and in the query of what was asked for."""
        found = dict.fromkeys([*_in_headers(headers), *_in_query(target)])
        is_new = bool(found.keys() - self._known.keys())
        for one in found:
            self._known[one] = None
            self._known.move_to_end(one)
        while len(self._known) > max(_MOST, len(found)):
            self._known.popitem(last=False)
        if is_new:
            self._redactor = Redactor(self._known)

    def hidden(self, text: str) -> str:
        """Give *text* without them."""
        return self._redactor.text(text)

    def hidden_bytes(self, data: bytes) -> bytes:
        """Give *data* without them."""
        return self._redactor.data(data)

    def headers(self, headers: Headers) -> Iterator[tuple[str, str]]:
        """Give the headers without any secret of their own."""
        for name, value in headers:
            if not names_a_secret(name):
                yield self.hidden(name), self.hidden(value)
                continue
            scheme, space, _ = value.partition(" ")
            shown = scheme + space if "authorization" in name.lower() and space else ""
            yield self.hidden(name), self.hidden(shown) + REDACTED

    def target(self, target: str) -> str:
        """Give what a request asks for, without secrets in its query."""

        def hide(found: re.Match[str]) -> str:
            value = REDACTED if names_a_secret(found[2]) else found[3]
            return f"{found[1]}{found[2]}={value}"

        return self.hidden(_QUERY.sub(hide, target))


def _in_headers(headers: Headers) -> Iterator[str]:
    for name, value in headers:
        if not names_a_secret(name):
            continue
        yield value
        scheme, space, given = value.partition(" ")
        is_scheme = space and "authorization" in name.lower()
        parts = re.split(r"[;,\s]+", given if is_scheme else value)
        yield from (part.partition("=")[2] or part for part in parts)
        if is_scheme and scheme.lower() == "basic":
            try:
                plain = base64.b64decode(given, validate=True).decode("utf-8")
            except (binascii.Error, ValueError):
                continue
            yield plain.partition(":")[2]


def _in_query(target: str) -> Iterable[str]:
    return (unquote(value) for _, name, value in _QUERY.findall(target) if names_a_secret(name))


def secrets_in(url: str) -> list[str]:
    """Give the password of a URL, and the secrets of its query."""
    found = [unquote(one) for one in re.findall(r"://[^/?#]*?:([^/?#]*)@", url)]
    return [*found, *_in_query(url)]


def url_without_secrets(url: str) -> str:
    """Give scheme and host of a URL: its owner can hide a secret in all the rest.

    What is no http URL stays none.
    """
    found = _URL.fullmatch(url)
    if found is None:
        return re.sub(r"\?.*", "?redacted", re.sub(r"//[^/?#@]*@", "//redacted@", url))
    return f"{found[1]}{found[2]}{'/redacted' if found[3].strip('/') else found[3]}"


def without_callback(body: bytes) -> bytes:
    """Give the body of a submission with no more of its callBackUrl than scheme and host."""

    def hide(found: re.Match[bytes]) -> bytes:
        url = found[2].decode("utf-8", "surrogateescape")
        return found[1] + url_without_secrets(url).encode("utf-8", "surrogateescape")

    return _CALLBACK.sub(hide, body)
