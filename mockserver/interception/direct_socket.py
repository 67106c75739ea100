"""What urllib3 takes for a TLS socket to the mock, which answers in the thread of its client."""

from __future__ import annotations

import io
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A response takes time, or fails on its way: it comes over a TLS socket."""

    request: bytes | None = None
    """What to send there; None is what the client has sent."""


Receive = Callable[[bytes], bytes | Elsewhere]
"""Takes what a client has sent; returns its response, or nothing if more must come first."""


class DirectSocket:
    """A client's connection without a socket, as long as *receive* can answer at once.

    Else it becomes the TLS socket that *connect* makes, so that clients meet time-outs and faults
    as everywhere. So it does if it is asked for what only a socket knows, like a certificate.
    """

    _real: ssl.SSLSocket | None = None
    _silent: tuple[int, ...] = ()
    """The ends of a pipe into which nobody writes."""

    def __init__(
        self, receive: Receive, connect: Callable[[], ssl.SSLSocket], owner: object
    ) -> None:
        self.owner = owner
        """Whose connection it is; no other may use it."""
        self._receive = receive
        self._connect = connect
        self._timeout: float | None = None
        self._unanswered = self._response = b""

    def sendall(self, data: Any) -> None:
        """Send *data*; a complete request has its response when this returns."""
        if self._real is not None:
            self._real.sendall(data)
            return
        self._unanswered += data
        answer = self._receive(bytes(data))
        if isinstance(answer, Elsewhere):
            self._go_elsewhere(answer.request or self._unanswered)
        elif answer:
            self._unanswered, self._response = b"", answer

    def makefile(self, *_: object) -> io.BufferedIOBase:
        """Return a file with one response."""
        if self._unanswered:  # a request that is incomplete; the client waits in vain
            self._go_elsewhere(self._unanswered)
        if self._real is not None and not self._response:
            return self._real.makefile("rb")
        response, self._response = self._response, b""
        return io.BufferedReader(io.BytesIO(response))

    def _go_elsewhere(self, request: bytes) -> None:
        self._unanswered = b""
        self._connected().sendall(request)

    def _connected(self) -> ssl.SSLSocket:
        if self._real is None:
            self._real = self._connect()
            self._real.settimeout(self._timeout)
        return self._real

    def settimeout(self, timeout: float | None) -> None:
        """Let the client wait no longer than this for what does not come at once."""
        self._timeout = timeout
        if self._real is not None:
            self._real.settimeout(timeout)

    def fileno(self) -> int:
        """Return a file by which clients see whether something has come, or the mock has left."""
        if self._real is not None:
            return self._real.fileno()
        self._silent = self._silent or os.pipe()
        return self._silent[0]

    def shutdown(self, how: int) -> None:
        """End what the client waits for."""
        if self._real is not None:
            self._real.shutdown(how)

    def close(self) -> None:
        """Close the connection."""
        if self._real is not None:
            self._real.close()
        for file in self._silent:
            os.close(file)
        self._silent = ()

    __del__ = close

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connected(), name)
