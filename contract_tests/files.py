"""What a result file is, by its bytes: its type, and its width and height."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import PurePosixPath

_PNG, PAGE = "image/png", "text/html"

UNTYPED = ("", "application/octet-stream", "binary/octet-stream")
"""Content types that say nothing of what a file is."""

_BY_ENDING = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
    ".webm": "video/webm",
}


def type_of_name(path: str) -> str | None:
    """Return the media type that the ending of a URL's path stands for; None for any other."""
    return _BY_ENDING.get(PurePosixPath(path.lower()).suffix)


@dataclass(frozen=True)
class Look:
    """What the bytes of a file say."""

    media_type: str
    size: tuple[int, int] | None
    """Width and height in pixels; None where the bytes do not tell."""

    @property
    def tells_size(self) -> bool:
        """Whether a whole file of this type tells its size here."""
        return self.media_type == _PNG


def look_at(data: bytes) -> Look:
    """Read the head of a file; whole PNG and MP4 files tell their size."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        whole = data[12:16] == b"IHDR" and b"IEND" in data[-12:]
        return Look(_PNG, struct.unpack(">II", data[16:24]) if whole else None)
    if data[4:8] == b"ftyp":
        return Look("video/mp4", _track_size(data))
    for media_type, start in (
        ("image/jpeg", b"\xff\xd8\xff"),
        ("image/gif", b"GIF8"),
        ("video/webm", b"\x1a\x45\xdf\xa3"),
    ):
        if data.startswith(start):
            return Look(media_type, None)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return Look("image/webp", None)
    if data.lstrip()[:1] == b"<":
        return Look(PAGE, None)
    return Look(f"unknown bytes {data[:8].hex()}", None)


def _track_size(data: bytes) -> tuple[int, int] | None:
    """Find the track header whose size is not zero: that of the pictures."""
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
    """Give the content of the first box of a name at the top of a file."""
    at = 0
    while at + 8 <= len(data):
        length = struct.unpack(">I", data[at : at + 4])[0]
        head = 8
        if length == 1 and at + 16 <= len(data):
            length, head = struct.unpack(">Q", data[at + 8 : at + 16])[0], 16
        if length < head:
            return b""
        if data[at + 4 : at + 8] == name:
            return data[at + head : at + length]
        at += length
    return b""
