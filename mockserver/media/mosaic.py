"""The content of a clip: a still in which each pixel is a block of 16 by 16."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from mockserver.media.picture import Picture
from mockserver.media.png import ACCENT, TEXT, packed_rows

_SMALLEST = 12
"""Blocks on the shorter side; with fewer, no text would be legible."""
_BARS = 24


def mosaic_of(picture: Picture, columns: int, rows: int) -> list[bytes]:
    """Return a palette index for each block, row by row.

    As little text fits, the number comes first. The bars above and below encode all of the text,
    so that files differ even in text for which there is no room.
    """
    if min(columns, rows) < _SMALLEST:
        return [bytes(columns)] * rows
    caption = (*picture.caption[-1:], *picture.caption[:1])
    drawn = _unpacked(replace(picture, width=columns, height=rows, caption=caption))
    text = "\n".join((picture.seed, *picture.caption, picture.prompt))
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    bits = int.from_bytes(digest, "big")
    bars = bytes(TEXT if bits >> (at * _BARS // columns) & 1 else ACCENT for at in range(columns))
    return [bars, bars, *drawn[2:-2], bars, bars]


def _unpacked(picture: Picture) -> list[bytes]:
    """Return a palette index for each pixel of a still."""
    packed, stride = b"".join(packed_rows(picture)), 1 + -(-picture.width // 4)
    rows = [packed[at + 1 : at + stride] for at in range(0, len(packed), stride)]
    pixels = [bytes(four >> shift & 3 for four in row for shift in (6, 4, 2, 0)) for row in rows]
    return [row[: picture.width] for row in pixels]
