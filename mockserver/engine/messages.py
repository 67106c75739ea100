"""Requests, responses and errors, independent of any web framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from mockserver.contract import Contract, dump_json
from mockserver.domain.record import record
from mockserver.domain.script import Drip, WireFault

if TYPE_CHECKING:
    from mockserver.engine.held import HeldResponse

WARNING_HEADER = "X-Mock-Warning"


@record
class Request:
    """An HTTP request; its headers are never changed either."""

    method: str
    path: str
    """Percent-decoded, without the query."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""
    body: bytes = b""
    """May be cut one byte after the largest size that the settings accept."""
    query: str = ""
    """The raw query string."""
    scheme: str = "http"


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong with a response on its way, besides its content."""

    latency: float = 0.0
    """Real seconds by which it is late."""
    wire: WireFault | None = None
    """What goes wrong on the connection."""
    drip: Drip | None = None
    """How slowly the body arrives."""
    held: HeldResponse | None = None
    """What it waits for, after *latency*, and is told when it is sent."""


class Stream(Protocol):
    """A body that goes on until its client leaves."""

    def begin(self) -> bool:
        """Begin, when the head has been sent; return whether there is anything to go on with."""

    def take(self) -> bytes | None:
        """Return what is to be sent now, or None at the end.

        This is called every `STREAM_INTERVAL` seconds.
        """

    def end(self) -> None:
        """End, as the client has left, or the mock stops."""


STREAM_INTERVAL = 0.05
"""Real seconds between two looks at what a stream has to send: many events cost one write."""


@record
class Response:
    """An HTTP response; several requests may get the same one."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    fault: Fault | None = None
    """What goes wrong on its way to the client."""
    first: Callable[[], object] | None = None
    """What must be done, and may take long, before the client gets the response."""
    stream: Stream | None = None
    """What is sent in place of a body, for as long as the client stays."""


JSON_TYPE = ("Content-Type", "application/json")


def json_response(status: int, document: Any, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response with a JSON document."""
    return Response(status, (JSON_TYPE, *(headers or {}).items()), dump_json(document))


def success(contract: Contract, data: Any = None) -> dict[str, Any]:
    """Return the envelope of success around *data*; without data, the bare envelope."""
    fields = contract.document("success")["properties"]
    envelope = {"code": fields["code"]["const"], "msg": fields["msg"]["const"]}
    return envelope if data is None else {**envelope, "data": data}


class ApiError(Exception):
    """The API rejects a request; one handler turns it into HTTP.

    *code* is from 400 to 599; *msg* replaces the message of the table `errors` in `service.json`.
    """

    def __init__(
        self,
        code: int,
        msg: str = "",
        *,
        data: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(code, msg)
        self.code = code
        self.msg = msg
        self.data = data
        self.headers = headers or {}

    def without_frames(self) -> ApiError:
        """Return this error without the frames that raised it.

        What keeps an error for later needs it so: a frame holds the keeper, which closes a cycle.
        """
        self.__context__ = None
        return self.with_traceback(None)

    def message(self, contract: Contract) -> str:
        """Return the message, by default that of the contract."""
        return self.msg or _message(self.code, contract)

    def response(self, contract: Contract) -> Response:
        """Return the response with the API's error envelope."""
        envelope = {"code": self.code, "msg": self.message(contract)}
        if self.data is not None:
            envelope["data"] = self.data
        return json_response(self.code, envelope, self.headers)


def _message(code: int, contract: Contract) -> str:
    """Return the message of the table, else HTTP's own for the code."""
    row = contract.service["errors"].get(str(code))
    if row is not None:
        return str(row["msg"])
    try:
        return HTTPStatus(code).phrase.lower()
    except ValueError:
        return f"error {code}"


def check_coding(headers: Mapping[str, str]) -> None:
    """Check that a body is not compressed; compression is undocumented. Raises ApiError 415."""
    coding = headers.get("content-encoding", "identity")
    if coding.lower() not in ("identity", ""):
        message = f"Content-Encoding: {coding[:60]!r} is not accepted; send the body as it is"
        raise ApiError(415, message, headers={"Accept-Encoding": "identity"})


def warn(warnings: Sequence[str]) -> dict[str, str]:
    """Return the header that carries *warnings*, as ASCII without line breaks."""
    if not warnings:
        return {}
    text = " | ".join(warnings).encode("ascii", "backslashreplace").decode("ascii")
    visible = "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
    return {WARNING_HEADER: visible[:2000]}
