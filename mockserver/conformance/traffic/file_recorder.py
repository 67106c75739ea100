"""Fetches the result files that passing tasks name, in a thread of its own."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from queue import Full, Queue
from threading import Event, Thread
from typing import NamedTuple

import urllib3

from mockserver.domain.recording_form import MOST_FILE_BYTES
from mockserver.file_writing import write_whole
from mockserver.media.dimensions import suffix_of
from mockserver.network.outbound import (
    place_of,
    proxy_for,
    public_address,
    why_not_connected,
)
from mockserver.network.receiver import Receiver, read_receiver

_TIMEOUT = 10.0
_LONGEST = 120.0
"""Seconds in which a file must have come."""
_MOST_WAITING = 1000
_MOST_TOGETHER = 2 * 1024**3
"""Bytes that one run fetches."""
_CHUNK = 64 * 1024


_HEADERS = {"Accept-Encoding": "identity"}
_Send = Callable[..., urllib3.BaseHTTPResponse]
"""Sends a request; takes how."""


class NotFetched(Exception):
    """A result file is not recorded; the message says why."""


class _Job(NamedTuple):
    url: str
    folder: Path
    keep: Callable[[str], object]


class FileRecorder:
    """Fetches files by URL without the app's key, and names them by the hash of their content.

    It fetches from the host of *upstream*, and from public addresses; redirects are not followed.
    *notice* gets each reason why a file is missing, once.
    """

    def __init__(self, upstream: str, notice: Callable[[str], object]) -> None:
        self._upstream = read_receiver(upstream)
        self._notice = notice
        self._jobs: Queue[_Job | None] = Queue(_MOST_WAITING)
        self._closed = Event()
        self.notices: Counter[str] = Counter()
        self.count = 0
        """How many files were recorded."""
        self._fetched = 0
        self._thread = Thread(target=self._run, name="result-files", daemon=True)
        self._thread.start()

    def fetch(self, url: str, folder: Path, keep: Callable[[str], object]) -> None:
        """Fetch a file soon; *keep* is called with its name in *folder*, in another thread."""
        try:
            self._jobs.put_nowait(_Job(url, folder, keep))
        except Full:
            self._note("too many were waiting")

    def close(self, patience: float) -> None:
        """Wait at most *patience* seconds for the files that are still to be fetched."""
        ends = time.monotonic() + patience
        with suppress(Full):
            self._jobs.put(None, timeout=patience)
        self._thread.join(max(0.0, ends - time.monotonic()))
        self._closed.set()
        if self._thread.is_alive():
            self._note("the proxy was stopped before")

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None and not self._closed.is_set():
            try:
                job.keep(self._record(job))
                self.count += 1
            except NotFetched as error:
                self._note(str(error))
            except OSError as error:
                self._note(f"{error.filename}: {error.strerror}" if error.filename else str(error))
            except Exception as error:
                self._note(type(error).__name__)

    def _note(self, why: str) -> None:
        text = f"a result file was not recorded: {why}"
        self.notices[text] += 1
        if self.notices[text] == 1:
            self._notice(text)

    def _record(self, job: _Job) -> str:
        """Write a file, and return its name. Raises NotFetched and OSError."""
        if self._fetched > _MOST_TOGETHER:
            raise NotFetched(f"all together are larger than {_MOST_TOGETHER} bytes")
        where = place_of(job.url)
        try:
            content = _content(self._request(job.url), where)
        except urllib3.exceptions.HTTPError as error:
            raise NotFetched(why_not_connected(error, where)) from None
        except ValueError as error:
            raise NotFetched(str(error)) from None
        self._fetched += len(content)
        suffix = suffix_of(content)
        if suffix is None:
            raise NotFetched(f"{where} returned neither a picture nor a video")
        name = f"{hashlib.sha256(content).hexdigest()}.{suffix}"
        job.folder.mkdir(parents=True, exist_ok=True)
        if not (job.folder / name).exists():
            write_whole({job.folder / name: content})
        return name

    def _request(self, url: str) -> _Send:
        """Return what sends the request for a URL, directly or through the user's proxy.

        Raises OSError for a host that is not public; the names of others only a proxy may resolve.
        """
        receiver, proxy = read_receiver(url), proxy_for(url)
        address = receiver.host
        is_known = proxy is None or receiver.address is not None
        if is_known and not _is_same(receiver, self._upstream):
            address = public_address(receiver.host, receiver.port)
        if proxy is not None:
            headers = {"Proxy-Authorization": proxy.authorization} if proxy.authorization else None
            manager = urllib3.ProxyManager(proxy.url, proxy_headers=headers, retries=False)
            return partial(manager.request, "GET", url, headers=_HEADERS)
        headers = {**_HEADERS, "Host": receiver.authority}
        pool = _pool(receiver, address)
        return partial(pool.request, "GET", receiver.target, headers=headers)


def _pool(receiver: Receiver, address: str) -> urllib3.HTTPConnectionPool:
    """Return connections to exactly one address of a host, whose certificate names the host."""
    if receiver.scheme == "http":
        return urllib3.HTTPConnectionPool(address, receiver.port, retries=False)
    name = receiver.host
    return urllib3.HTTPSConnectionPool(
        address, receiver.port, retries=False, assert_hostname=name, server_hostname=name
    )


def _is_same(one: Receiver, other: Receiver) -> bool:
    return (one.scheme, one.host, one.port) == (other.scheme, other.host, other.port)


def _content(send: _Send, where: str) -> bytes:
    """Read a file. Raises NotFetched, HTTPError and OSError."""
    ends, content = time.monotonic() + _LONGEST, bytearray()
    timeout = urllib3.Timeout(connect=_TIMEOUT, read=_TIMEOUT)
    with closing(send(redirect=False, timeout=timeout, preload_content=False)) as response:
        if response.status != 200:
            raise NotFetched(f"{where} responded with {response.status}")
        for chunk in response.stream(_CHUNK):
            content += chunk
            if len(content) > MOST_FILE_BYTES:
                raise NotFetched(f"it is larger than {MOST_FILE_BYTES} bytes")
            if time.monotonic() > ends:
                raise NotFetched(f"{where} took longer than {_LONGEST:g} s")
    return bytes(content)
