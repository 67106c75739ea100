"""The laws of the transport's word: what the headers say of the body is true."""

from __future__ import annotations

from email.message import Message

from mockserver.contract import Contract
from mockserver.domain.redaction import REDACTED

from mockserver.conformance.model import Exchange
from mockserver.conformance.check import EXCHANGE, Broken, Checks, Held, law, promised


@law("headers-true", "The headers of an answer say what is true of its body", EXCHANGE,
     "headers_true")  # fmt: skip
def headers_true(_contract: Contract, exchange: Exchange) -> Checks:
    """Compare the length that was said, and read a text in the charset that was said."""
    if exchange.status is None or exchange.method == "HEAD":
        return
    fault = _wrong_length(exchange) or _wrong_charset(exchange)
    if fault:
        yield Broken(promised("headers_true"), "what is true", fault, exchange, fault.split()[0])
    else:
        yield Held(promised("headers_true"))


def _wrong_length(exchange: Exchange) -> str:
    said = exchange.answer_headers.get("content-length")
    if (
        said is None
        or "content-encoding" in exchange.answer_headers
        or REDACTED.encode() in exchange.answer
        or b"/redacted" in exchange.answer
    ):
        return ""  # the length is that of the coded answer, or of one with a secret in it
    if said != str(len(exchange.answer)):
        return f"Content-Length {said}, and {len(exchange.answer)} bytes came"
    return ""


def _wrong_charset(exchange: Exchange) -> str:
    message = Message()
    message["Content-Type"] = exchange.answer_headers.get("content-type", "")
    charset = message.get_content_charset("utf-8")
    if not isinstance(exchange.json, dict) or charset in ("utf-8", "utf8"):
        return ""
    try:
        same = exchange.answer.decode(charset) == exchange.answer.decode("utf-8")
    except (LookupError, ValueError):
        same = False
    return "" if same else f"Content-Type with charset {charset}, and the answer is UTF-8"
