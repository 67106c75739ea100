"""Shell lines that send a request again, with curl."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable


def shell_word(text: str, *variables: str) -> str:
    """Quote *text* for a POSIX shell, which is still to expand *variables*, for example `$KEY`."""
    if not any(one in text for one in variables):
        return shlex.quote(text)
    kept = "|".join(map(re.escape, variables))
    parts = re.split(f"({kept})", text)
    quoted = ""
    for one, following in zip(parts, [*parts[1:], ""], strict=True):
        if one not in variables:
            quoted += re.sub(r'([\\"$`])', r"\\\1", one)
        else:  # a name would go on with what follows it
            quoted += f"${{{one[1:]}}}" if re.match("[A-Za-z0-9_]", following) else one
    return f'"{quoted}"'


def curl_line(
    method: str, url: str, headers: Iterable[str] = (), body: str = "", *, options: str = "-sg"
) -> str:
    """Return a line that sends a request; *url*, *headers* and *body* are shell words.

    `-g` keeps curl from reading brackets in a URL as patterns, and `--data-raw` from reading a
    body that begins with `@` as the name of a file. `-X HEAD` would wait for a body for ever.
    """
    words = ["curl", options, url]
    if method != "GET" or body:
        words.append("-I" if method == "HEAD" else f"-X {method}")
    words += [f"-H {one}" for one in headers]
    if body:
        words.append(f"--data-raw {body}")
    return " ".join(words)
