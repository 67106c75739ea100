"""What clients may send and seldom do, byte for byte, and what each of our servers returns.

Rows are written for a *place*: `<get>` and `<post>` are targets of it that answer GET and POST,
`<body>` is a body that it likes, `<n>` its length; `<fields>` are the headers of a plain request.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field

GET, POST = "what GET usually gets", "what POST usually gets"
Answer = int | str
"""A status, or one of the above."""


@dataclass(frozen=True)
class Oddity:
    """Bytes, and the statuses of the final responses to them; none if the connection just ends."""

    name: str
    raw: bytes
    answers: tuple[Answer, ...]
    but: Mapping[str, tuple[Answer, ...]] = field(default_factory=dict)
    """What certain kinds of places return instead."""
    half: bool = False
    """Whether the client then says that it will send no more."""
    early: bool = False
    """Whether the response comes, and can get lost, while the client is still sending."""
    split: bool = False
    """Whether it sends byte by byte."""


HOST = b"Host: 127.0.0.1\r\n"
FIELDS = HOST + b"<fields>"


def get(more: bytes = b"", fields: bytes = FIELDS, line: bytes = b"GET <get> HTTP/1.1") -> bytes:
    """Write a request without a body; *more* and *fields* end with a line break."""
    return line + b"\r\n" + fields + more + b"\r\n"


def post(
    framing: bytes,
    body: bytes = b"<body>",
    fields: bytes = FIELDS,
    line: bytes = b"POST <post> HTTP/1.1",
) -> bytes:
    """Write a request with a body; *framing* ends with a line break."""
    return line + b"\r\n" + fields + framing + b"\r\n" + body


def chunked(body: bytes, framing: bytes = b"Transfer-Encoding: chunked\r\n") -> bytes:
    """Write a request whose body comes in chunks, which are given as they are sent."""
    return post(framing, body)


SIZED = b"Content-Length: <n>\r\n"
ONE_CHUNK = b"<x>\r\n<body>\r\n0\r\n\r\n"
GZIP = gzip.compress(b"{}", mtime=0)

# The proxy itself says to the upstream what its host is; its own routes look at what was sent.
NAMED = {"proxy": (GET,)}
_HOSTS = [
    Oddity("no Host", get(fields=b"<fields>"), (400,)),
    Oddity("no Host in HTTP/1.0", get(fields=b"<fields>", line=b"GET <get> HTTP/1.0"), (GET,)),
    Oddity("Host twice", get(HOST), (400,)),
    Oddity("two Hosts", get(b"Host: example.com\r\n"), (400,)),
    *(
        Oddity(f"Host: {name}", get(fields=b"Host: " + name.encode() + b"\r\n<fields>"), (400,),
               NAMED)
        for name in ("127.0.0.1:999999", "127.0.0.1:99999999999999999999", "127.0.0.1:-1",
                     "127.0.0.1:x", "[::1", "[::1]:x", "[::1]x", "[::g]", "[]", "::1",
                     "user:secret@127.0.0.1", "127.0.0.1/evil", "127.0.0.1?x", "127.0.0.1#x",
                     "a b", "a, b", '"127.0.0.1"', "%zz", "127.0.0.1\\")
    ),
    *(
        Oddity(f"Host: {name}", get(fields=b"Host: " + name.encode() + b"\r\n<fields>"), (GET,))
        for name in ("LOCALHOST", "127.0.0.1:", "127.0.0.1:00080", "[::1]", "[::1]:6290",
                     "[0:0:0:0:0:0:0:1]", "a.localhost:1")
    ),
    Oddity("Host: obs-text", get(fields=b"Host: \xff\xfe\r\n<fields>"), (400,), NAMED),
    Oddity("empty Host", get(fields=b"Host:\r\n<fields>"), (GET,), {"control": (403,)}),
    Oddity("Host of another", get(fields=b"Host: example.com\r\n<fields>"), (GET,),
           {"control": (403,)}),
]  # fmt: skip
_TARGETS = [
    Oddity("absolute", get(line=b"GET http://127.0.0.1<get> HTTP/1.1"), (GET,)),
    Oddity("absolute with a port", get(line=b"GET http://localhost:80<get> HTTP/1.1"), (GET,)),
    Oddity("absolute, IPv6", get(line=b"GET http://[::1]:80<get> HTTP/1.1"), (GET,)),
    Oddity("absolute, https", get(line=b"GET https://127.0.0.1<get> HTTP/1.1"), (GET,)),
    Oddity("absolute, upper case", get(line=b"GET HTTP://LOCALHOST<get> HTTP/1.1"), (GET,)),
    Oddity("absolute, no Host", get(fields=b"<fields>", line=b"GET http://[::1]<get> HTTP/1.1"),
           (GET,)),
    Oddity("absolute to another", get(line=b"GET http://example.com<get> HTTP/1.1"), (GET,),
           {"control": (403,)}),
    Oddity("absolute, no IPv6", get(line=b"GET http://[::1<get> HTTP/1.1"), (400,)),
    Oddity("absolute, no port", get(line=b"GET http://127.0.0.1:999999<get> HTTP/1.1"), (400,)),
    Oddity("absolute with a user", get(line=b"GET http://u:p@127.0.0.1<get> HTTP/1.1"), (400,)),
    Oddity("a host and no path", get(line=b"GET example.com:443 HTTP/1.1"), (400,)),
    Oddity("a word", get(line=b"GET word HTTP/1.1"), (400,)),
    Oddity("*", get(line=b"OPTIONS * HTTP/1.1"), (204,), {"inbox": (GET,)}),
    Oddity("GET *", get(line=b"GET * HTTP/1.1"), (404,), {"inbox": (GET,)}),
    Oddity("CONNECT", get(line=b"CONNECT 127.0.0.1:443 HTTP/1.1"), (400,)),
    Oddity("CONNECT to a path", get(line=b"CONNECT <get> HTTP/1.1"), (405,), {"inbox": (GET,)}),
]  # fmt: skip
_ESCAPES = [
    Oddity(f"target {target}", get(line=b"GET " + target.encode() + b" HTTP/1.1"), (404,),
           {"inbox": (GET,)})
    for target in ("/%00", "/api/v1%2Fnone", "/%zz", "/%", "//api/v1/task/x", "/__mock//clock",
                   "//__mock/clock", "/__mock/../__mock/clock", "/%ff%fe", "/api/v1/task/%2541",
                   "/a|b^c~", "/;a=b", "/__mock", "/%5f%5fmock/none", "/images/%00/x/%2e")
] + [
    Oddity("target with a query", get(line=b"GET <get>?%zz&&=&a=%00?? HTTP/1.1"), (GET,),
           {"control": (400,)}),
    Oddity("target with a fragment", get(line=b"GET <get>#x HTTP/1.1"), (GET,)),
    Oddity("target, obs-text", get(line=b"GET /api/\xff\xfe HTTP/1.1"), (400,)),
    Oddity("target, UTF-8", get(line=b"GET /\xc3\xa4 HTTP/1.1"), (400,)),
    Oddity("target, quoted", get(line=b'GET /"<> HTTP/1.1'), (404,), {"inbox": (GET,)}),
    Oddity("target, space", get(line=b"GET /a b HTTP/1.1"), (400,)),
    Oddity("target, 60,000 bytes", get(line=b"GET /" + b"a" * 60_000 + b" HTTP/1.1"), (404,),
           {"inbox": (GET,), "proxy": (404,)}),
    Oddity("target, 70,000 bytes", get(line=b"GET /" + b"a" * 70_000 + b" HTTP/1.1"), (414,),
           early=True),
    Oddity("target, 700,000 bytes", get(line=b"GET /" + b"a" * 700_000 + b" HTTP/1.1"), (431,),
           early=True),
]  # fmt: skip
_METHODS = [
    Oddity(f"method {name}", get(line=name.encode() + b" <get> HTTP/1.1"), (400,))
    for name in ("get", "Get", "BREW", "M-SEARCH!#$%&'*+.^_`|~", "G" * 5000)
] + [
    Oddity(f"method {name}", get(line=name.encode() + b" <get> HTTP/1.1"), (405,),
           {"inbox": (GET,)})
    for name in ("PUT", "PATCH", "M-SEARCH", "TRACE")
] + [
    Oddity("method with a bracket", get(line=b"GE(T <get> HTTP/1.1"), (400,)),
    Oddity("method with a space before", get(line=b" GET <get> HTTP/1.1"), (400,)),
    Oddity("no method", get(line=b"<get> HTTP/1.1"), (400,)),
]  # fmt: skip
_HEADERS = [
    Oddity("case", get(fields=b"hOsT: 127.0.0.1\r\n<fields>"), (GET,)),
    Oddity("no space", get(fields=b"Host:127.0.0.1\r\n<fields>"), (GET,)),
    Oddity("tabs", get(b"X-A:\t a\tb \t\r\n"), (GET,)),
    Oddity("empty value", get(b"X-A:\r\nX-B: \r\n"), (GET,)),
    Oddity("obs-text", get(b"X-A: \xe9\xff\r\n"), (GET,)),
    Oddity("obs-text and text", get(b"X-A: \xff\r\nX-A: a\r\n"), (GET,)),
    Oddity("UTF-8", get("User-Agent: Bücher\r\n".encode()), (GET,)),
    Oddity("folded", get(b"X-A: a\r\n b\r\n"), (400,)),
    Oddity("folded at once", get(fields=b" X-A: a\r\n" + FIELDS), (400,)),
    Oddity("space before the colon", get(b"X-A : a\r\n"), (400,)),
    Oddity("no colon", get(b"X-A\r\n"), (400,)),
    Oddity("no name", get(b": a\r\n"), (400,)),
    Oddity("NUL", get(b"X-A: a\x00b\r\n"), (400,)),
    Oddity("bare CR", get(b"X-A: a\rb\r\n"), (400,)),
    Oddity("many of one name", get(b"X-A: a\r\n" * 90), (GET,)),
    Oddity("too many", get(b"".join(b"X-%d: a\r\n" % number for number in range(200))), (431,)),
    Oddity("60,000 bytes", get(b"X-A: " + b"a" * 60_000 + b"\r\n"), (GET,)),
    Oddity("700,000 bytes", get(b"X-A: " + b"a" * 700_000 + b"\r\n"), (431,), early=True),
    Oddity("cookies", get(b"Cookie: a=b; c; =; \xff\r\nCookie: d\r\n"), (GET,)),
    Oddity("Authorization twice", get(b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"),
           (400,)),
    Oddity("Upgrade: websocket", get(b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
                                     b"Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n"),
           (GET,)),
    Oddity("Upgrade: h2c", get(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                               b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"), (GET,)),
    Oddity("Forwarded", get(b"X-Forwarded-Host: [::1\r\nX-Forwarded-Proto: \xff\r\n"
                            b"Forwarded: ;=\r\n"), (GET,)),
    Oddity("Range", get(b'Range: bytes=-\xff\r\nIf-None-Match: "\r\n'
                        b"If-Modified-Since: never\r\n"), (GET,)),
]  # fmt: skip
_BODIES = [
    Oddity("100-continue", post(b"Expect: 100-continue\r\n" + SIZED), (POST,)),
    Oddity("100-continue, chunked", chunked(ONE_CHUNK, b"Expect: 100-continue\r\n"
                                                       b"Transfer-Encoding: chunked\r\n"), (POST,)),
    Oddity("100-continue, no body", get(b"Expect: 100-continue\r\n"), (GET,)),
    Oddity("another expectation", post(b"Expect: wonders\r\n" + SIZED), (POST,)),
    Oddity("chunked", chunked(ONE_CHUNK), (POST,)),
    Oddity("chunked, upper case", chunked(ONE_CHUNK, b"TRANSFER-ENCODING: CHUNKED\r\n"), (POST,)),
    Oddity("chunks with extensions", chunked(b'<x>;a=b;c="d";e\r\n<body>\r\n0;f\r\n\r\n'), (POST,)),
    Oddity("chunks with zeros", chunked(b"000<x>\r\n<body>\r\n000\r\n\r\n"), (POST,)),
    Oddity("chunks with a trailer", chunked(b"<x>\r\n<body>\r\n0\r\nX-A: a\r\nX-B:\r\n\r\n"),
           (POST,)),
    Oddity("chunks of no length", chunked(b"zz\r\n<body>\r\n0\r\n\r\n"), (400,)),
    Oddity("chunks of a huge length", chunked(b"f" * 18 + b"\r\n<body>\r\n0\r\n\r\n"), (400,)),
    Oddity("chunks of a negative length", chunked(b"-<x>\r\n<body>\r\n0\r\n\r\n"), (400,)),
    Oddity("chunks after an end", chunked(b"<x>\r\n<body>oops\r\n0\r\n\r\n"), (400,)),
    Oddity("chunks that end early", chunked(b"<x>\r\n<body>\r\n"), (400,), half=True),
    Oddity("chunks and a length", chunked(ONE_CHUNK, b"Transfer-Encoding: chunked\r\n" + SIZED),
           (POST,)),
    Oddity("gzip, chunked", chunked(ONE_CHUNK, b"Transfer-Encoding: gzip, chunked\r\n"), (501,)),
    Oddity("chunked twice", chunked(ONE_CHUNK, b"Transfer-Encoding: chunked, chunked\r\n"),
           (400,)),
    Oddity("chunked, then gzip", chunked(ONE_CHUNK, b"Transfer-Encoding: chunked, gzip\r\n"),
           (400,)),
    Oddity("identity", post(b"Transfer-Encoding: identity\r\n" + SIZED), (400,)),
    Oddity("chunked in HTTP/1.0", post(b"Transfer-Encoding: chunked\r\n", ONE_CHUNK,
                                       line=b"POST <post> HTTP/1.0"), (400,)),
    Oddity("a length twice", post(SIZED * 2), (400,)),
    Oddity("a list of equal lengths", post(b"Content-Length: <n>, <n>\r\n"), (400,)),
    Oddity("two lengths", post(SIZED + b"Content-Length: 1\r\n"), (400,)),
    *(
        Oddity(f"Content-Length: {length}", post(b"Content-Length: " + length.encode() + b"\r\n"),
               (400,))
        for length in ("-1", "+2", "0x2", "two", "", "2.0", "9" * 30, "1 2", "\xb2")
    ),
    Oddity("a length of 2^64-1", post(b"Content-Length: 18446744073709551615\r\n"), (413,)),
    Oddity("a length and less", post(b"Content-Length: 9<n>\r\n"), (400,), half=True),
    Oddity("GET with a body", get(SIZED) + b"<body>", (GET,)),
    Oddity("GET with chunks", get(b"Transfer-Encoding: chunked\r\n") + ONE_CHUNK, (GET,)),
    Oddity("DELETE with a body", post(b"Content-Length: 2\r\n", b"{}",
                                       line=b"DELETE /__mock/rules HTTP/1.1"), (200,),
           {"inbox": (POST,)}),
    Oddity("gzip", post(b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(GZIP), GZIP),
           (415,), {"inbox": (POST,)}),
    Oddity("Content-Encoding: identity", post(b"Content-Encoding: Identity\r\n" + SIZED), (POST,)),
]  # fmt: skip
_LINES = [
    Oddity("HTTP/1.0", get(line=b"GET <get> HTTP/1.0"), (GET,)),
    Oddity("HTTP/1.0, keep-alive", get(b"Connection: keep-alive\r\n", line=b"GET <get> HTTP/1.0"),
           (GET,)),
    Oddity("HTTP/1.2", get(line=b"GET <get> HTTP/1.2"), (400,)),
    Oddity("HTTP/2.0", get(line=b"GET <get> HTTP/2.0"), (505,)),
    Oddity("HTTP/0.9", b"GET <get>\r\n\r\n", (505,)),
    Oddity("http/1.1", get(line=b"GET <get> http/1.1"), (400,)),
    Oddity("two spaces", get(line=b"GET  <get> HTTP/1.1"), (GET,)),
    Oddity("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400,)),
    Oddity("TLS", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(160), (400,)),
    Oddity("garbage", b"\x00\x01\x02garbage\r\n\r\n", (400,)),
    Oddity("nothing", b"", (), half=True),
    Oddity("line breaks only", b"\r\n\r\n\r\n", (), half=True),
    Oddity("half a head", b"GET <get> HTTP/1.1\r\nHost: a", (), half=True),
    Oddity("line breaks before", b"\r\n\r\n" + get(), (GET,)),
    Oddity("line feeds before", b"\n\n" + get(), (GET,)),
    Oddity("bare LF", get().replace(b"\r\n", b"\n"), (400,)),
    Oddity("bare LF in headers", get(b"X-A: a\n"), (GET,)),
    Oddity("close", get(b"Connection: close\r\n"), (GET,)),
    Oddity("close in a list", get(b"Connection: x-a, CLOSE\r\n"), (GET,)),
    Oddity("pipelined", get() * 3, (GET, GET, GET)),
    Oddity("pipelined with bodies", post(SIZED) + get() + chunked(ONE_CHUNK) + get(),
           (POST, GET, POST, GET)),
    Oddity("pipelined with one that is wrong", get() + get(fields=b"Host: [\r\n<fields>") + get(),
           (GET, 400, GET), {"proxy": (GET, GET, GET)}),
    Oddity("half-closed", get(), (GET,), half=True),
    Oddity("a body, half-closed", post(SIZED), (POST,), half=True),
    Oddity("byte by byte", get(), (GET,), split=True),
    Oddity("a body byte by byte", post(SIZED), (POST,), split=True),
    Oddity("chunks byte by byte", chunked(ONE_CHUNK), (POST,), split=True),
]  # fmt: skip

ODDITIES = [*_HOSTS, *_TARGETS, *_ESCAPES, *_METHODS, *_HEADERS, *_BODIES, *_LINES]

OWN: Mapping[str, tuple[Answer, ...]] = {
    # The report is for those who can be told to be on this machine.
    **dict.fromkeys(("no Host in HTTP/1.0", "empty Host", "Host of another"), (403,)),
    # The authority of an absolute target is left out before it is looked at.
    "absolute, no Host": (400,),
    **dict.fromkeys(("absolute, no IPv6", "absolute, no port", "absolute with a user"), (GET,)),
    # Every other method and target is the upstream's, which knows no such route.
    **dict.fromkeys(("CONNECT to a path", "target with a fragment"), (404,)),
    **{one.name: (404,) for one in _METHODS if one.answers == (405,)},
    # It splits a stream by another parser than the server's.
    "bare LF": (GET,),
    # A proxy passes what it cannot read; so its parser takes more than a server does.
    **dict.fromkeys(("folded", "folded at once", "space before the colon", "no colon"), (GET,)),
    **dict.fromkeys(("no name", "NUL", "bare CR", "too many", "Authorization twice"), (GET,)),
    # It hangs up after each response.
    "pipelined": (GET,),
    "pipelined with one that is wrong": (GET,),
}
"""What the proxy returns for its own routes where that differs."""
