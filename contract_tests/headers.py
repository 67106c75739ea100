"""The check that the headers of a response describe its body."""

from __future__ import annotations

from email.message import Message

from mockserver.conformance.check import Failed, Observations, Passed, exchange_check, promised
from mockserver.conformance.model import Exchange
from mockserver.contract import Contract


@exchange_check(
    "headers-true", "The headers of a response describe its body correctly", "headers_true"
)
def headers_true(_contract: Contract, exchange: Exchange) -> Observations:
    """Compare the stated length with the body, and decode the body in the stated charset."""
    if exchange.status is None or exchange.method == "HEAD":
        return
    fault = _wrong_length(exchange) or _wrong_charset(exchange)
    if fault:
        yield Failed(
            promised("headers_true"),
            "headers that describe the body",
            fault,
            exchange,
            fault.split()[0],
        )
    else:
        yield Passed(promised("headers_true"))


def _wrong_length(exchange: Exchange) -> str:
    said = exchange.response_headers.get("content-length")
    if (
        said is None
        or "content-encoding" in exchange.response_headers
        or exchange.key.encode() in exchange.response_body
        or b"/redacted" in exchange.response_body
    ):
        return ""  # the stated length is that of the coded body, or of one with a secret in it
    if said != str(len(exchange.response_body)):
        return f"Content-Length {said}, and {len(exchange.response_body)} bytes came"
    return ""


def _wrong_charset(exchange: Exchange) -> str:
    message = Message()
    message["Content-Type"] = exchange.response_headers.get("content-type", "")
    charset = message.get_content_charset("utf-8")
    if not isinstance(exchange.json, dict) or charset in ("utf-8", "utf8"):
        return ""
    try:
        same = exchange.response_body.decode(charset) == exchange.response_body.decode("utf-8")
    except (LookupError, ValueError):
        same = False
    return "" if same else f"Content-Type with charset {charset}, and the response is UTF-8"
