"""The paths of the API."""

from __future__ import annotations

import re


def pattern_of(path: str) -> re.Pattern[str]:
    """Make a pattern of a path template: `{index}` takes a short number, others one segment."""
    escaped = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
    numbered = escaped.replace("{index}", r"(?P<index>[0-9]{1,4})")
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", numbered), re.ASCII)
