"""Takes secrets out of what was observed, before anything is kept of it."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from .evidence import REDACTED

Headers = Sequence[tuple[str, str]]

_SHORTEST = 6
"""Characters of a secret that is looked for everywhere; a shorter one would be found by chance."""
_NAME = re.compile(
    r"authorization|cookie|api-?key|(^|[-_])(key|token|secret|password|signature|sig)($|[-_])",
    re.IGNORECASE,
)
_QUERY = re.compile(r"([?&])([^=&#]*)=([^&#]*)")
_CALLBACK = re.compile(rb'("callBackUrl"\s*:\s*")((?:[^"\\]|\\.)*)')
_URL = re.compile(r"(?i)(https?:(?:\\?/){2})(?:[^/?#@\\]*@)?([^/?#\\@\s]+)(\S*)")


class Secrets:
    """The secrets of one request."""

    def __init__(self, headers: Headers, target: str = "") -> None:
        found = set(_in_headers(headers)) | set(_in_query(target))
        forms = {
            form
            for one in found
            if len(one) >= _SHORTEST
            for form in (one, quote(one, safe=""), json.dumps(one)[1:-1])
        }
        self._forms = sorted(forms, key=len, reverse=True)

    def hidden(self, text: str) -> str:
        """Give *text* without them."""
        for secret in self._forms:
            text = text.replace(secret, REDACTED)
        return text

    def hidden_bytes(self, data: bytes) -> bytes:
        """Give *data* without them."""
        for secret in self._forms:
            data = data.replace(secret.encode("utf-8"), REDACTED.encode())
        return data

    def headers(self, headers: Headers) -> Iterator[tuple[str, str]]:
        """Give the headers without any secret of their own."""
        for name, value in headers:
            if not _NAME.search(name):
                yield name, self.hidden(value)
                continue
            scheme, space, _ = value.partition(" ")
            shown = scheme + space if "authorization" in name.lower() and space else ""
            yield name, shown + REDACTED

    def target(self, target: str) -> str:
        """Give what a request asks for, without secrets in its query."""

        def hide(found: re.Match[str]) -> str:
            value = REDACTED if _NAME.search(found[2]) else found[3]
            return f"{found[1]}{found[2]}={value}"

        return self.hidden(_QUERY.sub(hide, target))


def _in_headers(headers: Headers) -> Iterator[str]:
    for name, value in headers:
        if not _NAME.search(name):
            continue
        yield value
        yield from (part.partition("=")[2] or part for part in re.split(r"[;,\s]+", value))
        if value.lower().startswith("basic "):
            try:
                plain = base64.b64decode(value[6:], validate=True).decode("utf-8")
            except (binascii.Error, ValueError):
                continue
            yield plain.partition(":")[2]


def _in_query(target: str) -> Iterable[str]:
    return (value for _, name, value in _QUERY.findall(target) if _NAME.search(name))


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
