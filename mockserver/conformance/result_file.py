"""Reads a result file's type, size in pixels and completeness from its bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

from mockserver.conformance.png_file import png_fault

_PNG, PAGE = "image/png", "text/html"

UNTYPED = ("", "application/octet-stream", "binary/octet-stream")
"""Content types that say nothing about a file."""

_BY_ENDING = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
}

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""JPEG markers that the size follows."""


def type_of_name(path: str) -> str | None:
    """Return the media type that the ending of a URL's path stands for; None for any other."""
    return _BY_ENDING.get(PurePosixPath(path.lower()).suffix)


@dataclass(frozen=True)
class Look:
    """What the bytes of a file say about it."""

    media_type: str
    size: tuple[int, int] | None
    """Width and height in pixels; None where the bytes do not say."""

    @property
    def tells_size(self) -> bool:
        """Whether the size of a complete file of this type can be read here."""
        return self.media_type == _PNG


def look_at(data: bytes) -> Look:
    """Read the start of a file; the size is known of complete PNG and MP4 files."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        whole = data[12:16] == b"IHDR" and b"IEND" in data[-12:]
        return Look(_PNG, struct.unpack(">II", data[16:24]) if whole else None)
    if data[4:8] == b"ftyp":
        return Look("video/mp4", _track_size(data))
    for media_type, start, size_of in (
        ("image/jpeg", b"\xff\xd8\xff", _jpeg_size),
        ("image/gif", b"GIF8", _gif_size),
        ("video/webm", b"\x1a\x45\xdf\xa3", _no_size),
    ):
        if data.startswith(start):
            return Look(media_type, size_of(data))
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return Look("image/webp", _webp_size(data))
    if data.lstrip()[:1] == b"<":
        return Look(PAGE, None)
    return Look(f"unknown bytes {data[:8].hex()}", None)


@lru_cache(maxsize=64)
def fault_in(data: bytes) -> str:
    """Return why a picture or video is incomplete; empty if it is complete, or cannot be read."""
    look = look_at(data)
    if look.media_type == "image/png":
        return png_fault(data)
    if look.media_type == "image/jpeg":
        return (
            "" if data.rfind(b"\xff\xd9") > len(data) // 2 else "the end of the picture is missing"
        )
    if look.media_type == "image/webp":
        length = int.from_bytes(data[4:8], "little") + 8
        return "" if length <= len(data) else f"{len(data)} of {length} bytes"
    if look.media_type == "video/mp4":
        return _mp4_fault(data)
    return ""


def _no_size(_data: bytes) -> None:
    return None


def _gif_size(data: bytes) -> tuple[int, int] | None:
    return struct.unpack("<HH", data[6:10]) if len(data) >= 10 else None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Find the frame among the segments."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        if data[at + 1] in _FRAMES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        filling = data[at + 1] == 0xFF
        at += 1 if filling else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Read the size, whose place depends on the kind of WebP: lossy, lossless or extended."""
    if len(data) < 30:
        return None
    if data[12:16] == b"VP8X":
        sides = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return next(sides), next(sides)
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if data[12:16] == b"VP8 ":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None


def _track_size(data: bytes) -> tuple[int, int] | None:
    """Return the size in the track header of the video: the only one that is not zero."""
    moov = _box(data, b"moov")
    start = 0
    while moov and (at := moov.find(b"tkhd", start)) >= 0:
        length = struct.unpack(">I", moov[at - 4 : at])[0]
        end = at - 4 + length
        if end <= len(moov):
            width, height = struct.unpack(">II", moov[end - 8 : end])
            if width and height:
                return width >> 16, height >> 16
        start = at + 4
    return None


def _box(data: bytes, name: bytes) -> bytes:
    """Return the content of the first top-level box with a name."""
    for found, head, end in _boxes(data):
        if found == name:
            return data[head:end]
    return b""


def _boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the top-level boxes: their name, and where their content starts and ends."""
    at = 0
    while at + 8 <= len(data):
        length, head = struct.unpack(">I", data[at : at + 4])[0], 8
        if length == 1 and at + 16 <= len(data):
            length, head = struct.unpack(">Q", data[at + 8 : at + 16])[0], 16
        if length == 0:  # the last box may go on to the end
            length = len(data) - at
        if length < head:
            return
        yield data[at + 4 : at + 8], at + head, at + length
        at += length


def _mp4_fault(data: bytes) -> str:
    """Return which box of a video is missing or cut off; empty if none is."""
    boxes = {name: end for name, _, end in _boxes(data)}
    for name in (b"moov", b"mdat"):
        if name not in boxes:
            return f"there is no box {name.decode()}"
    cut = [name for name, end in boxes.items() if end > len(data)]
    return f"the box {cut[0].decode('latin-1')} is cut off" if cut else ""
