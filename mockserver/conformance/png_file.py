"""Checks that a PNG file is complete: its chunks, their checksums, and all rows of its pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

_STEP = 1 << 20
"""Bytes that are inflated at a time, so that a small file cannot exhaust memory."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Values of a pixel, by the colour type of the header."""
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
           (0, 1, 1, 2))  # fmt: skip
"""The first column and row of each pass of an interlaced picture, and the steps between them."""


class _Fault(Exception):
    """A file is incomplete; the message says where."""


def png_fault(data: bytes) -> str:
    """Return what is wrong with a file that starts like a PNG file; empty if it is complete."""
    try:
        header, inflater, rows = b"", zlib.decompressobj(), 0
        for name, content in _chunks(data):
            if name == b"IHDR":
                header = content
            if name == b"IDAT":
                rows += _inflated(inflater, content)
        wanted = _bytes_of(header)
        if not inflater.eof or rows != wanted:
            return f"the pixels end after {rows} of {wanted} bytes"
    except (_Fault, zlib.error, struct.error) as fault:
        return str(fault)
    return ""


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the chunks up to IEND; whatever follows is ignored, as viewers do."""
    at, name = 8, b""
    while name != b"IEND":
        head = data[at : at + 8]
        if len(head) < 8:
            raise _Fault(f"the file ends after {len(data)} bytes, without the chunk IEND")
        length, name = struct.unpack(">I4s", head)
        content = data[at + 8 : at + 8 + length]
        checksum = data[at + 8 + length : at + 12 + length]
        shown = name.decode("latin-1")
        if len(content) < length or len(checksum) < 4:
            raise _Fault(f"the chunk {shown!r} is cut off")
        if struct.unpack(">I", checksum)[0] != zlib.crc32(content, zlib.crc32(name)):
            raise _Fault(f"the chunk {shown!r} has a wrong checksum")
        yield name, content
        at += 12 + length


def _inflated(inflater: zlib._Decompress, content: bytes) -> int:
    """Count the bytes that *content* inflates to."""
    count, left = 0, content
    while left and not inflater.eof:
        count += len(inflater.decompress(left, _STEP))
        left = inflater.unconsumed_tail
    return count


def _bytes_of(header: bytes) -> int:
    """Return how many bytes all rows have, including the filter byte that starts each."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if colour not in _CHANNELS or not width or not height:
        raise _Fault("the header is not that of a PNG file")
    bits = depth * _CHANNELS[colour]
    passes = _PASSES if interlaced else ((0, 0, 1, 1),)
    total = 0
    for column, row, right, down in passes:
        columns = max(0, -(-(width - column) // right))
        rows = max(0, -(-(height - row) // down))
        total += rows * (1 + (columns * bits + 7) // 8) if columns else 0
    return total
