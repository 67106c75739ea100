"""A PNG that names itself: caption and prompt on a coloured ground with a border.

Pillow only draws the letters. The file is written by hand with two bits a pixel, because
encoding millions of pixels takes Pillow ten times as long as a mock may make a client wait.
"""

from __future__ import annotations

import struct
import textwrap
import unicodedata
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, cast

from mockserver.media.picture import Picture, palette_of

if TYPE_CHECKING:
    from PIL import Image, ImageFont

ACCENT, _SOFT, TEXT = 1, 2, 3  # palette indices; the background is 0
_LEVELS = [0] * 64 + [_SOFT] * 96 + [TEXT] * 96  # coverage of a letter (0 to 255) to index
_LONGEST = 1200  # characters of the prompt that are laid out: more would be slow, and unread
_SMALLEST = 9  # pixels of type size: below this letters are no longer legible
_ELLIPSIS = "…"
# Pillow's built-in font has this much beyond ASCII; some of the rest has a plain stand-in.
_DRAWABLE = frozenset("©«°±·»“”…™")
_PLAIN = {0xD7: "x", 0x2013: "-", 0x2014: "-", 0x2212: "-", 0x2018: "'", 0x2019: "'"}
_TOGETHER = 64  # equal rows that are compressed as one: far more, and memory is the limit
_BOX = "\ufffd"  # one stand-in for all characters without a glyph, so that few are kept


def write_png(picture: Picture) -> bytes:
    """Return a PNG of exactly the picture's size; equal pictures have equal bytes.

    Raises ValueError for a side below one pixel. Any text is accepted: what does not fit
    ends in an ellipsis, and characters unknown to the built-in font show as boxes.
    """
    if min(picture.width, picture.height) < 1:
        raise ValueError(f"a PNG needs sides of 1 or more, not {picture.width}x{picture.height}")
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 2, 3, 0, 0, 0)
    colours = bytes(part for colour in palette_of(picture.seed) for part in colour)
    chunks = [
        _chunk(b"IHDR", header),
        _chunk(b"PLTE", colours),
        _chunk(b"IDAT", _compressed(packed_rows(picture))),
        _chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _compressed(parts: Iterable[bytes]) -> bytes:
    compressor = zlib.compressobj(1)
    return b"".join(map(compressor.compress, parts)) + compressor.flush()


# --- Pixels ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sheet:
    """How a picture is divided, in image pixels except for the room."""

    border: int  # thickness
    inset: int  # from the edge to the text; a multiple of 4, so that text starts at a byte
    scale: int  # image pixels on each side of a pixel of the text mask
    room: int  # width for text, in mask pixels; a multiple of 4
    depth: int  # height for text, in mask pixels


def _sheet_of(width: int, height: int) -> _Sheet:
    """Divide a picture so that border and text grow with its shorter side."""
    short = min(width, height)
    border = max(2, short // 100)
    inset = -(-(border + max(2, short // 50)) // 4) * 4
    scale = max(1, short // 720)
    room = max(0, (width - 2 * inset) // scale // 4 * 4)
    return _Sheet(border, inset, scale, room, max(0, (height - 2 * inset) // scale))


def packed_rows(picture: Picture) -> Iterator[bytes]:
    """Yield all rows, a few at a time; each is a filter byte, and four pixels a byte."""
    width, height = picture.width, picture.height
    sheet = _sheet_of(width, height)
    edge = b"\0" + _pack(bytes([ACCENT]) * width)
    side = bytes([ACCENT]) * sheet.border
    plain = b"\0" + _pack((side + bytes(max(0, width - 2 * sheet.border)) + side)[:width])
    start = 1 + sheet.inset // 4
    text = [plain[:start] + row + plain[start + len(row) :] for row in _text_rows(picture, sheet)]
    below = height - sheet.inset - len(text) * sheet.scale - sheet.border
    above = sheet.inset - sheet.border
    if below < 0:  # too small for anything but a border
        yield from _repeated(edge, height)
        return
    yield from _repeated(edge, sheet.border)
    yield from _repeated(plain, above)
    yield b"".join(row * sheet.scale for row in text)
    yield from _repeated(plain, below)
    yield from _repeated(edge, sheet.border)


def _repeated(row: bytes, times: int) -> Iterator[bytes]:
    """Yield *row* several times, in parts that fit into a processor's cache."""
    many, others = divmod(times, _TOGETHER)
    if many:
        yield from repeat(row * _TOGETHER, many)
    yield row * others


def _pack(indices: bytes) -> bytes:
    """Pack one row of palette indices, a byte each, to two bits each."""
    padded = indices + bytes(-len(indices) % 4)
    first, second, third, last = (int.from_bytes(padded[at::4], "big") for at in range(4))
    packed = first << 6 | second << 4 | third << 2 | last
    return packed.to_bytes(len(padded) // 4, "big")


def _text_rows(picture: Picture, sheet: _Sheet) -> list[bytes]:
    """Return the packed rows of the text, one for each row of its mask."""
    lines, size = _lay_out(picture, sheet)
    drawn = (_line_rows(line, size, sheet.scale, sheet.room) for line in lines)
    return [row for rows in drawn for row in rows]


@lru_cache(maxsize=64)
def _line_rows(line: str, size: int, scale: int, room: int) -> tuple[bytes, ...]:
    """Draw a line of text once and return its packed rows, each as wide as the text.

    Kept, because the lines of a caption come again in most pictures.
    """
    from PIL import Image

    height, width = _line_height(size), min(-(-_width(line, size) // 4) * 4, room)
    if not width:
        return (b"",) * height
    mask = Image.new("L", (width, height))
    _draw_line(mask, line, size)
    indexed = mask.point(_LEVELS)
    indexed.putpalette(bytes(12))  # only a palette image can be packed
    wide = indexed.resize((width * scale, height), Image.Resampling.NEAREST)
    packed, stride = wide.tobytes("raw", "P;2"), wide.width // 4
    return tuple(packed[at : at + stride] for at in range(0, len(packed), stride))


def _draw_line(mask: Image.Image, line: str, size: int) -> None:
    left = 0
    for char in line:
        glyph, advance = _glyph(char, size)
        if char != " ":
            mask.paste(255, (left - 1, 0), glyph)
        left += advance


# --- Layout ---------------------------------------------------------------------------------


def _lay_out(picture: Picture, sheet: _Sheet) -> tuple[list[str], int]:
    """Return lines and type size; what does not fit even in small type ends in an ellipsis."""
    base = max(_SMALLEST + 1, 5 + min(picture.width, picture.height) // sheet.scale // 24)
    smallest = max(_SMALLEST, base // 2)
    if sheet.room < 2 * smallest:
        return [], smallest
    caption, prompt = [*map(_clean, picture.caption)], _clean(picture.prompt)
    for size in (base, smallest):
        head = [part for line in caption for part in _wrap(line, size, sheet.room)]
        lines = [*head, "", *_wrap(prompt, size, sheet.room)]
        if len(lines) <= sheet.depth // _line_height(size):
            return lines, size
    rows, body = sheet.depth // _line_height(smallest), _wrap(prompt, smallest, sheet.room)
    head = _cut(_wrap(" ".join(caption), smallest, sheet.room), rows - min(1, len(body)))
    return head + _cut(body, rows - len(head)), smallest


def _clean(text: str) -> str:
    """Make one printable line of any text: runs of white space and controls become a space."""
    cut = unicodedata.normalize("NFC", text[:_LONGEST]).translate(_PLAIN)
    printable = "".join(_drawable(char) if char.isprintable() else " " for char in cut)
    return " ".join(printable.split()) + (_ELLIPSIS if len(text) > _LONGEST else "")


def _drawable(char: str) -> str:
    """Return a character that the font has: the same, a letter without its accent, or a box."""
    if char.isascii() or char in _DRAWABLE:
        return char
    base = unicodedata.normalize("NFD", char)[0]
    return base if base.isascii() else _BOX


def _wrap(text: str, size: int, room: int) -> list[str]:
    """Break text into lines by the average width of its characters; a wider line is clipped."""
    average = max(1.0, _width(text, size) / max(1, len(text)))
    return textwrap.wrap(text, max(1, int(0.95 * room / average)))


def _cut(lines: list[str], rows: int) -> list[str]:
    """Return the first *rows* lines, the last one with an ellipsis if any were dropped."""
    if len(lines) <= rows or rows < 1:
        return lines[: max(0, rows)]
    return [*lines[: rows - 1], lines[rows - 1][:-1] + _ELLIPSIS]


# --- Type -----------------------------------------------------------------------------------


def _width(text: str, size: int) -> int:
    return sum(_glyph(char, size)[1] for char in text)


def _line_height(size: int) -> int:
    return size + size // 4


@lru_cache(maxsize=1024)
def _glyph(char: str, size: int) -> tuple[Image.Image, int]:
    """Return the coverage of a character, one pixel in from the left, and its advance in pixels.

    Kept, because pasting a letter is five times as fast as having it drawn anew.
    """
    from PIL import Image, ImageDraw

    advance = round(_font(size).getlength(char))
    glyph = Image.new("L", (advance + 2, _line_height(size)))
    ImageDraw.Draw(glyph).text((1, 0), char, font=_font(size), fill=255)
    return glyph, advance


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Load Pillow's own font with its basic layout, the only one that every build has."""
    from PIL import ImageFont

    # Only without a size could it be the old bitmap font.
    font = cast("ImageFont.FreeTypeFont", ImageFont.load_default(size=size))
    return font.font_variant(layout_engine=ImageFont.Layout.BASIC)
