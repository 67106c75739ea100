"""Markers inside a prompt: `#mock:<name>` or `#mock:<name>=<value>`."""

from __future__ import annotations

import re

_MARKER = re.compile(r"#mock:([a-z0-9-]+)(?:=([^\s#]*))?")


def markers(prompt: str) -> list[tuple[str, str | None]]:
    """List the markers in *prompt* in their order, each with its value or None."""
    if "#mock:" not in prompt:
        return []
    return [(match[1], match[2]) for match in _MARKER.finditer(prompt)]
