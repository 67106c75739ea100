"""A clip of one still: H.264 in MP4, written by hand and playable everywhere.

One intra frame sets a colour for each macroblock of 16 by 16 pixels, and every later frame says
"as before" in a few bytes. Section numbers refer to ITU-T H.264; the boxes are those of
ISO/IEC 14496-12 and 14496-15.
"""

from __future__ import annotations

import re
import struct
from functools import lru_cache, partial
from itertools import pairwise

from mockserver.media.mosaic import mosaic_of
from mockserver.media.picture import Colour, Picture, palette_of

_RATE = 2  # frames per second
_SCALE = 1000  # ticks per second, of the movie and of its track
# Table A-1: level_idc and the largest frame it admits, in macroblocks of 16x16 pixels.
_LEVELS = ((10, 99), (20, 396), (21, 792), (30, 1620), (31, 3600), (32, 5120), (40, 8192))
_LARGE_LEVELS = ((42, 8704), (50, 22080), (51, 36864), (60, 139264))
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
# Coefficient tokens (table 9-5) of no level, of one level of size 1, of one larger level.
_LUMA_TOKENS = ("1", "01", "000101")
_CHROMA_TOKENS = ("01", "1", "000111")
_Levels = tuple[int, int, int]
"""Luma, blue and red, relative to mid-grey, in steps of the quantiser."""
_DOWN, _ACROSS, _MEAN = 0, 1, 2  # directions of prediction (table 8-4)
_CHROMA_MODES = {_MEAN: 0, _ACROSS: 1, _DOWN: 2}  # the same for chroma (table 8-5)


def write_mp4(picture: Picture) -> bytes:
    """Return an MP4 of exactly the picture's size and seconds (at least 1).

    Raises ValueError for a side that is odd or below 16, or a frame larger than H.264 admits.
    """
    level = _level_of(picture.width, picture.height)
    config = _decoder_config(picture.width, picture.height, level)
    samples = _samples(picture)
    file_type = _box(b"ftyp", b"isom", struct.pack(">I", 512), b"isomiso2avc1mp41mp42")
    # The table of offsets is as long with any offset, so a first draft tells where data starts.
    start = len(file_type) + len(_movie(picture, config, samples, 0)) + 8
    movie = _movie(picture, config, samples, start)
    return file_type + movie + _box(b"mdat", *samples)


def _level_of(width: int, height: int) -> int:
    """Find the lowest level_idc for frames of this many pixels, or raise ValueError."""
    if min(width, height) < 16 or width % 2 or height % 2:
        raise ValueError(f"a video needs even sides of 16 or more, not {width}x{height}")
    columns, rows = -(-width // 16), -(-height // 16)
    for level, most in _LEVELS + _LARGE_LEVELS:
        # A.3.1 limits each side, too: no frame may be more than eight times as long as wide.
        if columns * rows <= most and max(columns, rows) ** 2 <= 8 * most:
            return level
    raise ValueError(f"no H.264 level admits a video of {width}x{height}")


# --- H.264 ----------------------------------------------------------------------------------


def _samples(picture: Picture) -> list[bytes]:
    """Return the access units: an intra frame, then frames in which all is skipped."""
    columns, rows = -(-picture.width // 16), -(-picture.height // 16)
    blocks = columns * rows
    mosaic = mosaic_of(picture, columns, rows)
    first = _with_length(_intra_frame(mosaic, [*map(_levels_of, palette_of(picture.seed))]))
    count = max(1, picture.seconds) * _RATE
    # frame_num has four bits, so only sixteen frames differ.
    skipped = [_with_length(_skipped_frame(blocks, number)) for number in range(min(16, count))]
    return [first, *(skipped[number % 16] for number in range(1, count))]


def _sequence_set(width: int, height: int, level: int) -> bytes:
    """Write the sequence parameter set (7.3.2.1) of Constrained Baseline profile."""
    columns, rows = -(-width // 16), -(-height // 16)
    cropping = "0"
    if (columns * 16, rows * 16) != (width, height):
        right, bottom = (columns * 16 - width) // 2, (rows * 16 - height) // 2
        cropping = "1" + _ue(0) + _ue(right) + _ue(0) + _ue(bottom)
    # Frame numbers of 4 bits, output in decoding order, one reference frame.
    order = _ue(0) + _ue(0) + _ue(2) + _ue(1) + "0"
    size = _ue(columns - 1) + _ue(rows - 1) + "1" + "1" + cropping
    # BT.709, limited range: without it, players guess the colours from the size.
    signal = "1" + "101" + "0" + "1" + f"{1:08b}" * 3
    usability = "1" + "0" + "0" + signal + "0" + "0" + "0" + "0" + "0" + "0"
    bits = f"{66:08b}" + "11000000" + f"{level:08b}" + order + size + usability
    return _unit(0x67, bits)


def _picture_set() -> bytes:
    """Write the picture parameter set (7.3.2.2): CAVLC, quantiser 28, deblocking switchable.

    At quantiser 28 a level of 1 moves all of a macroblock's luma by exactly 1, and chroma by 2.
    """
    return _unit(0x68, _ue(0) * 2 + "00" + _ue(0) * 3 + "000" + _se(28 - 26) + _se(0) * 2 + "100")


def _intra_frame(mosaic: list[bytes], palette: list[_Levels]) -> bytes:
    """Write a key frame: each macroblock is predicted by its neighbour, and says how it differs.

    A row like the one above copies that; in others, each macroblock goes on from the left one.
    """
    header = _ue(0) + _ue(7) + _ue(0) + "0000" + _ue(0) + "00" + _se(0) + _ue(1)
    block = lru_cache(partial(_macroblock, palette))
    bits = [header]
    above: bytes | None = None
    for row in mosaic:
        if row == above:
            bits.append(block(_DOWN, 0, 0) * len(row))
            continue
        first = (_MEAN, None) if above is None else (_DOWN, above[0])
        bits.append(block(*first, row[0]))
        bits += [block(_ACROSS, left, here) for left, here in pairwise(row)]
        above = row
    return _unit(0x65, "".join(bits))


def _macroblock(palette: list[_Levels], mode: int, before: int | None, here: int) -> str:
    """Write a macroblock of one colour, predicted from a neighbour of the colour *before*.

    Table 7-11: Intra 16x16, with DC of chroma or without, and never with AC, so that for its
    neighbours it counts as empty. Before the first one is mid-grey.
    """
    known = (0, 0, 0) if before is None else palette[before]
    luma, blue, red = (new - old for new, old in zip(palette[here], known, strict=True))
    coloured = bool(blue or red)
    bits = _ue(1 + mode + 4 * coloured) + _ue(_CHROMA_MODES[mode]) + _se(0)
    bits += _coefficient(luma, _LUMA_TOKENS)
    if coloured:
        bits += _coefficient(blue, _CHROMA_TOKENS) + _coefficient(red, _CHROMA_TOKENS)
    return bits


def _skipped_frame(blocks: int, number: int) -> bytes:
    """Write a predicted frame that repeats the one before; *number* is below 16."""
    header = _ue(0) + _ue(5) + _ue(0) + f"{number:04b}" + "000" + _se(0) + _ue(1)
    return _unit(0x41, header + _ue(blocks))


def _levels_of(colour: Colour) -> _Levels:
    """Convert to BT.709, as levels at quantiser 28 relative to mid-grey: luma, blue, red."""
    red, green, blue = (part / 255 for part in colour)
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    chroma = (112 * (blue - luma) / 0.9278, 112 * (red - luma) / 0.7874)
    return round(16 + 219 * luma) - 128, round(chroma[0] / 2), round(chroma[1] / 2)


def _coefficient(level: int, tokens: tuple[str, str, str]) -> str:
    """Write a block whose only coefficient is its DC (9.2): token, level, no zeros before it."""
    if abs(level) < 2:
        return tokens[1] + ("1" if level < 0 else "0") + "1" if level else tokens[0]
    code = 2 * abs(level) - 4 + (level < 0)
    if code < 14:
        bits = "0" * code + "1"
    elif code < 30:
        bits = "0" * 14 + "1" + f"{code - 14:04b}"
    else:
        bits = "0" * 15 + "1" + f"{code - 30:012b}"
    return tokens[2] + bits + "1"


def _ue(number: int) -> str:
    """Write an unsigned Exp-Golomb code (9.1)."""
    return f"{number + 1:0{2 * (number + 1).bit_length() - 1}b}"


def _se(number: int) -> str:
    return _ue(2 * number - 1 if number > 0 else -2 * number)


def _unit(header: int, bits: str) -> bytes:
    """Close a NAL unit, and break up what a reader could take for a start code (7.4.1)."""
    bits += "1"
    bits += "0" * (-len(bits) % 8)
    payload = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return bytes([header]) + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", payload)


def _with_length(unit: bytes) -> bytes:
    return struct.pack(">I", len(unit)) + unit


# --- MP4 ------------------------------------------------------------------------------------


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def _table(kind: bytes, *numbers: int, flags: int = 0) -> bytes:
    """Write a box of version 0 that contains only 32-bit numbers."""
    return _box(kind, struct.pack(f">{len(numbers) + 1}I", flags, *numbers))


def _decoder_config(width: int, height: int, level: int) -> bytes:
    """Write avcC: what a decoder must know before the first frame."""
    sequence, picture = _sequence_set(width, height, level), _picture_set()
    sets = struct.pack(">BH", 0xE1, len(sequence)) + sequence
    sets += struct.pack(">BH", 1, len(picture)) + picture
    return _box(b"avcC", bytes([1, 66, 0xC0, level, 0xFF]), sets)


def _movie(picture: Picture, config: bytes, samples: list[bytes], start: int) -> bytes:
    """Write moov, for samples that follow each other from file offset *start*."""
    ticks = max(1, picture.seconds) * _SCALE
    times = struct.pack(">5I", 0, 0, 0, _SCALE, ticks)
    speed_and_volume = struct.pack(">IH10x", 0x10000, 0x100)
    header = _box(b"mvhd", times, speed_and_volume, _MATRIX, bytes(24), struct.pack(">I", 2))
    track_times = struct.pack(">6I", 3, 0, 0, 1, 0, ticks)  # flags 3: enabled, in the movie
    size = struct.pack(">II", picture.width << 16, picture.height << 16)
    track = _box(b"tkhd", track_times, bytes(16), _MATRIX, size)
    language = struct.pack(">HH", 0x55C4, 0)  # undetermined
    media = _box(b"mdhd", times, language)
    handler = _box(b"hdlr", bytes(8), b"vide", bytes(12), b"VideoHandler\0")
    information = _information(_sample_table(picture, config, samples, start))
    return _box(b"moov", header, _box(b"trak", track, _box(b"mdia", media, handler, information)))


def _information(sample_table: bytes) -> bytes:
    """Write minf, with all data in this file."""
    video = _table(b"vmhd", 0, 0, flags=1)
    reference = _box(b"dref", struct.pack(">II", 0, 1), _table(b"url ", flags=1))
    return _box(b"minf", video, _box(b"dinf", reference), sample_table)


def _sample_table(picture: Picture, config: bytes, samples: list[bytes], start: int) -> bytes:
    """Write stbl: one chunk of frames of equal length in time, the first of them a key frame."""
    size = struct.pack(">HHIII", picture.width, picture.height, 72 << 16, 72 << 16, 0)
    depth = struct.pack(">H32xHH", 1, 24, 0xFFFF)
    entry = _box(b"avc1", struct.pack(">6xH16x", 1), size, depth, config)
    count = len(samples)
    return _box(
        b"stbl",
        _box(b"stsd", struct.pack(">II", 0, 1), entry),
        _table(b"stts", 1, count, _SCALE // _RATE),
        _table(b"stss", 1, 1),
        _table(b"stsc", 1, 1, count, 1),
        _table(b"stsz", 0, count, *map(len, samples)),
        _table(b"stco", 1, start),
    )
