"""Reads width and height from the first bytes of an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of the JPEG segments that begin with the size."""


def dimensions(head: bytes) -> tuple[int, int] | None:
    """Return width and height of a PNG, JPEG, WebP or GIF in pixels; None if *head* lacks them."""
    for magic, read in _FORMATS.items():
        if head.startswith(magic):
            try:
                size = read(head)
            except IndexError:
                return None
            return size if size is not None and min(size) > 0 else None
    return None


def _number(data: bytes, start: int, length: int, *, little: bool = False) -> int:
    if len(data) < start + length:
        raise IndexError
    return int.from_bytes(data[start : start + length], "little" if little else "big")


def _png(head: bytes) -> tuple[int, int]:
    return _number(head, 16, 4), _number(head, 20, 4)


def _gif(head: bytes) -> tuple[int, int]:
    return _number(head, 6, 2, little=True), _number(head, 8, 2, little=True)


def _jpeg(head: bytes) -> tuple[int, int] | None:
    place = 2
    while head[place] == 0xFF:
        marker = head[place + 1]
        if marker in _FRAMES:
            return _number(head, place + 7, 2), _number(head, place + 5, 2)
        if marker == 0xFF:  # fill bytes may stand before a marker
            place += 1
            continue
        place += 2 + _number(head, place + 2, 2)
    return None


def _webp(head: bytes) -> tuple[int, int] | None:
    kind = head[12:16]
    if head[8:12] != b"WEBP":
        return None
    if kind == b"VP8 ":
        width, height = (_number(head, place, 2, little=True) for place in (26, 28))
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        bits = _number(head, 21, 4, little=True)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        return _number(head, 24, 3, little=True) + 1, _number(head, 27, 3, little=True) + 1
    return None


_FORMATS: Mapping[bytes, Callable[[bytes], tuple[int, int] | None]] = {
    b"\x89PNG\r\n\x1a\n": _png,
    b"GIF8": _gif,
    b"\xff\xd8": _jpeg,
    b"RIFF": _webp,
}


def suffix_of(content: bytes) -> str | None:
    """Return the usual suffix of a picture's or video's file; None for anything else."""
    if content[4:8] == b"ftyp":
        return "mp4"
    if content.startswith(b"RIFF"):
        return "webp" if content[8:12] == b"WEBP" else None
    found = (suffix for magic, suffix in _SUFFIXES.items() if content.startswith(magic))
    return next(found, None)


_SUFFIXES = {b"\x89PNG\r\n\x1a\n": "png", b"GIF8": "gif", b"\xff\xd8\xff": "jpg"}
