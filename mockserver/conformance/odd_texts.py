"""Long and odd texts and URLs that an API has to accept unchanged."""

from __future__ import annotations

from typing import Any

TEXTS = (
    "a cat " * 900,
    "\u4e2d\u6587\U0001f408" * 700,
    "  spaces on both sides, and a line's end \r\n",
    "one\n\ntwo\ttabbed \\ \"quoted\" 'so' `so` \u00abso\u00bb \\n \\u00e4",
    "e\u0301 is not \u00e9, \ufb01 is not fi, \u212b is not \u00c5",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 \u05e9\u05dc \u202ertl\u202c \ufeff \u2028 \u00a0.",
    "<script>alert(1)</script> &amp; &lt; %20 %C3%A4 + {{name}} ${HOME} $1",
    "null",
    "007",
    "[1, 2]",
    "' OR 1=1; --",
    "x",
)
"""Prompts; long in characters, and in bytes."""
IDS = (
    "somebody@example.com/7?a=b&c=d#e",
    "\u00c4nne M\u00fcller \U0001f408 'x'",
    "0012345678901234567890",
    "u" * 255,
    " ",
)
"""Ids of users."""
NESTED: dict[str, Any] = {
    "list": [1, 2.5, True, None, "7", {"deeper": [[], {}, -0.25, 10**15]}],
    "\u00e4 key/with~odd.letters": {"": "empty"},
}
"""A value that has every type in it."""
URLS = (
    "https://example.com/a%20b/%C3%A4.png?size=1&size=2&sig=a%2Fb%3D%3D",
    "https://example.com:8443/x.JPG#top",
    "http://example.com/~user/(1),2;v=3.webp?a=b+c",
)
"""Unusual but valid URLs of pictures."""
WEBHOOK_PATHS = (
    "/{}/",
    "/{}?token=a%2Fb%3D&x=1&x=2",
    "/deeper/{}?q",
    "/a%20b/%C3%A4/{}/?empty=&z=%26",
    "/UPPER/lower.JSON;p=1/{}",
)
"""Paths and queries that a callBackUrl may have; `{}` makes each unique."""
