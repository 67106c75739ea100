"""Removes secrets from observed traffic before anything of it is kept."""

from __future__ import annotations

import base64
import binascii
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import unquote

from mockserver.domain.redaction import (
    REDACTED,
    Redactor,
    names_a_secret,
    without_user_and_query,
)

Headers = Sequence[tuple[str, str]]

_MOST = 64
"""How many secrets are looked for in later traffic: those that were seen last."""
_QUERY = re.compile(r"([?&])([^=&#]*)=([^&#]*)")
_CALLBACK = re.compile(rb'("callBackUrl"\s*:\s*")((?:[^"\\]|\\.)*)')
_URL = re.compile(r"(?i)(https?:(?:\\?/){2})(?:[^/?#@\\]*@)?([^/?#\\@\s]+)(\S*)")


class Secrets:
    """The secrets of the traffic so far: any later exchange may repeat one."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()
        self._redactor = Redactor(())

    def learn(self, headers: Headers, target: str = "") -> None:
        """Add the secrets in *headers* and in the query of *target*."""
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
        """Return *text* without the secrets."""
        return self._redactor.text(text)

    def hidden_bytes(self, data: bytes) -> bytes:
        """Return *data* without the secrets."""
        return self._redactor.data(data)

    def headers(self, headers: Headers) -> Iterator[tuple[str, str]]:
        """Yield the headers, without the values of those that hold a secret."""
        for name, value in headers:
            if not names_a_secret(name):
                yield self.hidden(name), self.hidden(value)
                continue
            scheme, space, _ = value.partition(" ")
            shown = scheme + space if "authorization" in name.lower() and space else ""
            yield self.hidden(name), self.hidden(shown) + REDACTED

    def target(self, target: str) -> str:
        """Return the target of a request, without secrets in its query."""

        def hide(found: re.Match[str]) -> str:
            value = REDACTED if names_a_secret(found[2]) else found[3]
            return f"{found[1]}{found[2]}={value}"

        return self.hidden(_QUERY.sub(hide, target))


def _in_headers(headers: Headers) -> Iterator[str]:
    for name, value in headers:
        if not names_a_secret(name):
            continue
        yield value
        scheme, space, credentials = value.partition(" ")
        is_scheme = space and "authorization" in name.lower()
        parts = re.split(r"[;,\s]+", credentials if is_scheme else value)
        yield from (part.partition("=")[2] or part for part in parts)
        if is_scheme and scheme.lower() == "basic":
            try:
                plain = base64.b64decode(credentials, validate=True).decode("utf-8")
            except (binascii.Error, ValueError):
                continue
            yield plain.partition(":")[2]


def _in_query(target: str) -> Iterable[str]:
    return (unquote(value) for _, name, value in _QUERY.findall(target) if names_a_secret(name))


def secrets_in(url: str) -> list[str]:
    """Return the password of a URL, and the secrets of its query."""
    found = [unquote(one) for one in re.findall(r"://[^/?#]*?:([^/?#]*)@", url)]
    return [*found, *_in_query(url)]


def url_without_secrets(url: str) -> str:
    """Return scheme and host of a URL: its owner may have put a secret into any other part.

    What is not an http URL only loses its query and user.
    """
    found = _URL.fullmatch(url)
    if found is None:
        return without_user_and_query(url, "redacted")
    return f"{found[1]}{found[2]}{'/redacted' if found[3].strip('/') else found[3]}"


def without_callback(body: bytes) -> bytes:
    """Return the body of a submission with only scheme and host of its callBackUrl."""

    def hide(found: re.Match[bytes]) -> bytes:
        url = found[2].decode("utf-8", "surrogateescape")
        return found[1] + url_without_secrets(url).encode("utf-8", "surrogateescape")

    return _CALLBACK.sub(hide, body)
