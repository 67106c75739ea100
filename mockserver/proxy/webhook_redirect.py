"""Redirects webhooks through the proxy: replaces callBackUrl with an address of its own."""

from __future__ import annotations

import json
import re
import secrets
from collections import OrderedDict
from urllib.parse import urlsplit

from mockserver.network.receiver import read_receiver

PATH = "/__mock/webhook/"
_FIELD = "callBackUrl"
_MAX_URLS = 20_000
"""URLs that are remembered; the oldest are forgotten first."""
_BLANK = re.compile(r"[ \t\r\n]*")


class WebhookRedirect:
    """The app's own callback URLs, by the tokens in the addresses that replace them.

    *public_url* is where the API reaches this proxy; without one, nothing is replaced.
    """

    def __init__(self, public_url: str | None) -> None:
        self._public_url = None if public_url is None else public_url.rstrip("/")
        self._prefix = urlsplit(public_url or "").path.rstrip("/")
        self._urls: OrderedDict[str, str] = OrderedDict()

    @property
    def is_active(self) -> bool:
        """Whether webhooks are to come through this proxy."""
        return self._public_url is not None

    def token_in(self, path: str) -> str | None:
        """Return the token in an address of this proxy; None if *path* is not one."""
        own = path.removeprefix(self._prefix)
        return own.removeprefix(PATH) if self.is_active and own.startswith(PATH) else None

    def url_of(self, token: str) -> str | None:
        """Return the app's own URL; None if *token* is unknown, or was forgotten."""
        return self._urls.get(token)

    def replace(self, body: bytes) -> tuple[bytes, str] | None:
        """Replace the callBackUrl of a submission; return the new body, and the token.

        Every other byte stays as it is, so the API checks what the app has written. None if
        there is not exactly one URL that can be replaced.
        """
        found = _find(body)
        if found is None or self._public_url is None:
            return None
        url, start, end = found
        token = secrets.token_urlsafe(16)
        self._urls[token] = url
        if len(self._urls) > _MAX_URLS:
            self._urls.popitem(last=False)
        text, own = body.decode("utf-8"), json.dumps(f"{self._public_url}{PATH}{token}")
        return f"{text[:start]}{own}{text[end:]}".encode(), token


def _find(body: bytes) -> tuple[str, int, int] | None:
    """Find the only callBackUrl of a JSON object: its value, and where that begins and ends."""
    try:
        found = [one for one in _members(body.decode("utf-8")) if one[0] == _FIELD]
    except (ValueError, IndexError, RecursionError):
        return None
    if len(found) != 1:
        return None
    _, url, start, end = found[0]
    return (url, start, end) if isinstance(url, str) and _can_be_reached(url) else None


def _members(text: str) -> list[tuple[str, object, int, int]]:
    """List the members of a JSON object, and where their values begin and end in *text*.

    `json` does not tell positions, but its decoder says where a value ends: so only the outermost
    object is parsed here. Raises ValueError or IndexError if *text* is not a JSON object.
    """
    members, decoder, at = [], json.JSONDecoder(), _skip_blank(text, 0)
    if text[at] != "{":
        raise ValueError(text[at])
    at = _skip_blank(text, at + 1)
    while text[at] != "}":
        if text[at] != '"':
            raise ValueError(text[at])
        name, at = decoder.raw_decode(text, at)
        at = _skip_blank(text, at)
        if text[at] != ":":
            raise ValueError(text[at])
        start = _skip_blank(text, at + 1)
        value, end = decoder.raw_decode(text, start)
        members.append((name, value, start, end))
        at = _skip_blank(text, end)
        if text[at] == ",":
            at = _skip_blank(text, at + 1)
        elif text[at] != "}":
            raise ValueError(text[at])
    if text[at + 1 :].strip():
        raise ValueError(text[at + 1 :])
    return members


def _skip_blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return at if found is None else found.end()


def _can_be_reached(url: str) -> bool:
    """Return whether webhooks can be passed on to *url*; a user and password would get lost."""
    try:
        return read_receiver(url).userinfo is None
    except ValueError:
        return False
