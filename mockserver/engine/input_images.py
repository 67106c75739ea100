"""The size of a task's first input image, as far as the mock can know it."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from ipaddress import ip_address
from threading import Lock
from typing import Any
from urllib.parse import unquote, urlsplit

from mockserver.contract import ModelCard
from mockserver.engine.clock import real_seconds
from mockserver.engine.routing import pattern_of
from mockserver.media.dimensions import dimensions

Shape = tuple[int, int]
"""Width and height in pixels."""

_FIELDS = ("imageUrls",)
_MOST_BYTES = 256 * 1024
"""Bytes of an image that are read: its size is at the beginning, after an embedded preview."""
_TIMEOUT = 2.0
"""Seconds in which an image must have been read."""
_CHUNK = 4096
_REMEMBERED = 1000


def first_image(submitted: Mapping[str, Any]) -> str | None:
    """Return the URL of the first input image of a valid input."""
    for field in _FIELDS:
        given = submitted.get(field)
        if isinstance(given, list) and given:
            url = given[0].get("url") if isinstance(given[0], dict) else given[0]
            return url if isinstance(url, str) else None
    return None


def follows_input(card: ModelCard, submitted: Mapping[str, Any]) -> bool:
    """Return whether the results have the ratio of the first input image.

    The page says that an omitted ratio is the upstream's choice, and typically follows that image.
    """
    return card.value_of("ratio", submitted) is None


class OwnResults:
    """Recognises the URLs of the mock's own results, by their paths."""

    def __init__(
        self, results: Mapping[str, Any], size_of_task: Callable[[str, str], Shape | None]
    ) -> None:
        self._patterns = [pattern_of(one["path"]) for one in results.values() if "path" in one]
        self._size_of_task = size_of_task
        """Returns the size of a task's results, by the ids of its sandbox and of the task."""

    def shape(self, url: str) -> Shape | None:
        """Return the size of the result at *url*; None if it is not (or no longer) one of ours."""
        found = self.named_by(url)
        return None if found is None else self._size_of_task(found["sandbox"], found["taskId"])

    def named_by(self, url: str) -> re.Match[str] | None:
        """Return `sandbox`, `taskId` and `index` of a URL of a result; None for any other URL."""
        matches = (pattern.search(_path(url)) for pattern in self._patterns)
        return next((one for one in matches if one is not None), None)


def _path(url: str) -> str:
    try:
        return unquote(urlsplit(url).path)
    except ValueError:
        return ""


class LocalImages:
    """Reads the sizes of images on this machine, and on no other, and remembers them.

    It follows no redirects, uses no proxy, and reads a limited number of bytes in a limited time.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[str, Shape | None] = OrderedDict()
        self._lock = Lock()

    def shape(self, url: str) -> Shape | None:
        """Return the size of the image at *url*; None if it is elsewhere or cannot be read."""
        if not is_loopback(url):
            return None
        with self._lock:
            if url in self._seen:
                return self._seen[url]
        found = _look(url)
        with self._lock:
            self._seen[url] = found
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return found


def is_loopback(url: str) -> bool:
    """Return whether a URL names this machine in a way that no other machine can claim."""
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    try:
        host = (parse_url(url).host or "").strip("[]")  # read as urllib3 will when it connects
        return host == "localhost" or ip_address(host).is_loopback
    except (LocationParseError, ValueError):
        return False


def _look(url: str) -> Shape | None:
    head = b""
    try:
        for chunk in _chunks(url):
            head += chunk
            found = dimensions(head)
            if found is not None:
                return found
    except Exception:  # whatever goes wrong with the URL or its server, the default ratio is used
        return None
    return None


def _chunks(url: str) -> Iterator[bytes]:
    from urllib3 import PoolManager, Timeout

    ends = real_seconds() + _TIMEOUT
    timeout = Timeout(connect=_TIMEOUT / 2, read=_TIMEOUT / 2)
    with PoolManager() as pool:
        response = pool.request(
            "GET", url, redirect=False, retries=False, timeout=timeout, preload_content=False
        )
        with closing(response):
            read = 0
            while response.status == 200 and read < _MOST_BYTES and real_seconds() < ends:
                chunk = response.read1(_CHUNK)
                if not chunk:
                    return
                read += len(chunk)
                yield chunk
