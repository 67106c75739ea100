"""JSON pointers (RFC 6901): how a place inside a document is written in a URI's fragment."""

from __future__ import annotations


def parts_of(pointer: str) -> list[str]:
    """Split a pointer into the names and indices on its way; the empty one is the document."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def escaped(part: str | int) -> str:
    """Return a name or an index as one part of a pointer."""
    return str(part).replace("~", "~0").replace("/", "~1")
