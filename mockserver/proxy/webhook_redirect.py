"""Leads webhooks through the proxy: puts an address of its own in the place of callBackUrl."""

from __future__ import annotations

import json
import re
import secrets
from collections import OrderedDict
from urllib.parse import urlsplit

from mockserver.network.origin import origin_of

PATH = "/__mock/webhook/"
_FIELD = "callBackUrl"
_MOST = 20_000
"""Addresses that are remembered; the oldest are forgotten first."""
_BLANK = re.compile(r"[ \t\r\n]*")


class WebhookRedirect:
    """The app's own URLs, by the tokens in the addresses that stand for them."""

    def __init__(self, public_url: str | None) -> None:
        self._public_url = None if public_url is None else public_url.rstrip("/")
        self._prefix = urlsplit(public_url or "").path.rstrip("/")
        self._urls: OrderedDict[str, str] = OrderedDict()

    @property
    def wanted(self) -> bool:
        """Whether webhooks are to come this way."""
        return self._public_url is not None

    def token_in(self, path: str) -> str | None:
        """Give the token of an address of this proxy; None if *path* is none."""
        own = path.removeprefix(self._prefix)
        return own.removeprefix(PATH) if self.wanted and own.startswith(PATH) else None

    def url_of(self, token: str) -> str | None:
        """Give the app's URL; None if nobody knows it any longer."""
        return self._urls.get(token)

    def lead(self, body: bytes) -> tuple[bytes, str] | None:
        """Put an address of this proxy into a submission; give that, and the token.

        Nothing else is changed. None if there is nothing that could be led.
        """
        found = _find(body)
        if found is None or self._public_url is None:
            return None
        url, start, end = found
        token = secrets.token_urlsafe(16)
        self._urls[token] = url
        if len(self._urls) > _MOST:
            self._urls.popitem(last=False)
        text = body.decode("utf-8")
        led = f"{text[:start]}{json.dumps(f'{self._public_url}{PATH}{token}')}{text[end:]}"
        return led.encode("utf-8"), token


def _find(body: bytes) -> tuple[str, int, int] | None:
    """Find the one callBackUrl of a JSON object: its value, and where it begins and ends."""
    try:
        found = [one for one in _members(body.decode("utf-8")) if one[0] == _FIELD]
    except (ValueError, IndexError, RecursionError):
        return None
    if len(found) != 1:
        return None
    _, url, start, end = found[0]
    return (url, start, end) if isinstance(url, str) and _can_be_led(url) else None


def _members(text: str) -> list[tuple[str, object, int, int]]:
    """List the members of a JSON object, with where their values begin and end.

    Raises ValueError and IndexError if it is none.
    """
    members, decoder, at = [], json.JSONDecoder(), _blank(text, 0)
    if text[at] != "{":
        raise ValueError(text[at])
    at = _blank(text, at + 1)
    while text[at] != "}":
        if text[at] != '"':
            raise ValueError(text[at])
        name, at = decoder.raw_decode(text, at)
        at = _blank(text, at)
        if text[at] != ":":
            raise ValueError(text[at])
        start = _blank(text, at + 1)
        value, end = decoder.raw_decode(text, start)
        members.append((name, value, start, end))
        at = _blank(text, end)
        if text[at] == ",":
            at = _blank(text, at + 1)
        elif text[at] != "}":
            raise ValueError(text[at])
    if text[at + 1 :].strip():
        raise ValueError(text[at + 1 :])
    return members


def _blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return at if found is None else found.end()


def _can_be_led(url: str) -> bool:
    """Say whether calls to *url* can be passed on; a user and password would get lost."""
    try:
        origin_of(url)
    except ValueError:
        return False
    return "@" not in urlsplit(url).netloc
