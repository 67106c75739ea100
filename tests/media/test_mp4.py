"""What `write_mp4` promises: a small MP4 that decodes to exactly the frames asked for."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mockserver.media import Picture, write_mp4
from mockserver.media.mosaic import mosaic_of
from mockserver.media.mp4 import _levels_of
from mockserver.media.picture import palette_of

if TYPE_CHECKING:
    from collections.abc import Iterator

PICTURE = Picture(
    width=1280, height=720, caption=("model-one",), prompt="Waves", seed="seed-1", seconds=5
)
SIZES = [
    (1280, 720),
    (854, 480),
    (480, 854),
    (1920, 1080),
    (3840, 2160),
    (16, 16),
    (18, 30),
    (4096, 64),
]
CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl"}


def boxes(data: bytes, start: int = 0) -> Iterator[tuple[str, int, bytes]]:
    """Yield path, offset and body of each box, and of those inside containers."""
    at = 0
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        assert 8 <= size <= len(data) - at
        body = data[at + 8 : at + size]
        yield kind.decode(), start + at, body
        if kind in CONTAINERS:
            yield from boxes(body, start + at + 8)
        at += size


def box_bodies(mp4: bytes) -> dict[str, bytes]:
    """Return each box by its name, as a file with one track has no two of one name."""
    found = list(boxes(mp4))
    assert len({kind for kind, _, _ in found}) == len(found)
    return {kind: body for kind, _, body in found}


def numbers(body: bytes) -> tuple[int, ...]:
    """Read a body as 32-bit numbers, and leave out what is left at its end."""
    return struct.unpack(f">{len(body) // 4}I", body[: len(body) // 4 * 4])


def planes(frame: av.VideoFrame) -> list[set[int]]:
    """Return the distinct samples of luma, blue and red, without the padding of each line."""
    values = []
    for plane in frame.planes:
        data = bytes(plane)
        lines = range(0, plane.height * plane.line_size, plane.line_size)
        values.append({value for line in lines for value in set(data[line : line + plane.width])})
    return values


def decode(mp4: bytes) -> list[av.VideoFrame]:
    """Decode all frames, and fail on any error that a lenient player would conceal."""
    options = {"err_detect": "explode"}
    with av.open(io.BytesIO(mp4), "r", format="mp4") as container:
        stream = container.streams.video[0]
        stream.codec_context.options = options
        return list(container.decode(stream))


def blocks(frame: av.VideoFrame) -> list[list[tuple[int, ...]]]:
    """Return luma, blue and red of each macroblock, and fail if one of them has several."""
    cells: dict[tuple[int, int], list[set[int]]] = {}
    for number, plane in enumerate(frame.planes):
        side = 16 if number == 0 else 8
        data = bytes(plane)
        for y in range(plane.height):
            line = data[y * plane.line_size : y * plane.line_size + plane.width]
            for x in range(0, plane.width, side):
                cell = cells.setdefault((y // side, x // side), [set(), set(), set()])
                cell[number] |= set(line[x : x + side])
    assert all(len(values) == 1 for cell in cells.values() for values in cell)
    rows, columns = max(cells)
    return [
        [tuple(min(values) for values in cells[y, x]) for x in range(columns + 1)]
        for y in range(rows + 1)
    ]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_frames_decode_to_the_mosaic(width: int, height: int) -> None:
    """Every frame has the exact size, and each block exactly its colour of the palette."""
    picture = replace(PICTURE, width=width, height=height, seconds=2)
    palette = palette_of(picture.seed)

    frames = decode(write_mp4(picture))

    assert [(frame.width, frame.height, frame.format.name) for frame in frames] == [
        (width, height, "yuv420p")
    ] * 4
    levels = [(y + 128, 2 * u + 128, 2 * v + 128) for y, u, v in map(_levels_of, palette)]
    mosaic = mosaic_of(picture, -(-width // 16), -(-height // 16))
    assert blocks(frames[0]) == [[levels[index] for index in row] for row in mosaic]
    assert all(bytes(frame.planes[0]) == bytes(frames[0].planes[0]) for frame in frames)


@settings(deadline=None, max_examples=60)
@given(st.text(), st.integers(8, 200), st.integers(8, 200), st.text(), st.text())
def test_any_clip_decodes(seed: str, width: int, height: int, model: str, prompt: str) -> None:
    """Without an error, to the palette of its seed and nothing else."""
    picture = Picture(2 * width, 2 * height, (model, "2 of 3"), prompt, seed, 1)

    shown = {colour for row in blocks(decode(write_mp4(picture))[0]) for colour in row}

    levels = map(_levels_of, palette_of(seed))
    assert shown <= {(y + 128, 2 * u + 128, 2 * v + 128) for y, u, v in levels}


@settings(deadline=None, max_examples=60)
@given(seed=st.text(), width=st.integers(8, 60), height=st.integers(8, 60))
def test_colour_is_the_background_of_the_seed(seed: str, width: int, height: int) -> None:
    """For any seed, a clip without text has the colour of a still of it, as near as YUV allows."""
    picture = Picture(2 * width, 2 * height, (), "", seed, 1)
    red, green, blue = palette_of(seed).background

    (luma,), (from_blue,), (from_red,) = planes(decode(write_mp4(picture))[0])

    light = (luma - 16) / 219 * 255
    assert light + 1.8556 * (from_blue - 128) * 255 / 224 == pytest.approx(blue, abs=4)
    assert light + 1.5748 * (from_red - 128) * 255 / 224 == pytest.approx(red, abs=4)
    assert light == pytest.approx(0.2126 * red + 0.7152 * green + 0.0722 * blue, abs=1)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": "seed-2"},
        {"caption": ("model-two", "1 of 2")},
        {"caption": ("model-one", "2 of 2")},
        {"prompt": "Wives"},
    ],
    ids=str,
)
@pytest.mark.parametrize(("width", "height"), [(1280, 720), (720, 1280), (854, 480), (480, 480)])
def test_two_clips_can_be_told_apart(width: int, height: int, change: dict[str, Any]) -> None:
    """By what is drawn, not only by a shade: another task, model, number or prompt."""
    picture = replace(PICTURE, width=width, height=height, caption=("model-one", "1 of 2"))
    columns, rows = -(-width // 16), -(-height // 16)

    one, other = (mosaic_of(each, columns, rows) for each in (picture, replace(picture, **change)))

    pairs = zip(b"".join(one), b"".join(other), strict=True)
    assert sum(left != right for left, right in pairs) >= 4


@pytest.mark.parametrize(("seconds", "expected"), [(-1, 1), (0, 1), (1, 1), (5, 5), (40, 40)])
def test_duration_is_exact(seconds: int, expected: int) -> None:
    """Movie, track, media and samples all last the seconds asked for, or 1 for less."""
    mp4 = write_mp4(replace(PICTURE, seconds=seconds))

    found = box_bodies(mp4)

    movie, track, media = (numbers(found[kind]) for kind in ("mvhd", "tkhd", "mdhd"))
    _, entries, count, delta = numbers(found["stts"])
    assert movie[4] == expected * movie[3]
    assert media[4] == expected * media[3]
    assert track[5] == movie[4]
    assert (entries, count * delta) == (1, media[4])
    assert len(decode(mp4)) == count


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_boxes_tell_the_size(width: int, height: int) -> None:
    """Track and sample description show the size without decoding."""
    mp4 = write_mp4(replace(PICTURE, width=width, height=height))

    found = box_bodies(mp4)

    assert struct.unpack(">II", found["tkhd"][-8:]) == (width << 16, height << 16)
    assert found["stsd"][12:16] == b"avc1"
    assert struct.unpack_from(">HH", found["stsd"], 8 + 8 + 24) == (width, height)


def test_movie_comes_before_its_data() -> None:
    """A player can start before it has the whole file."""
    mp4 = write_mp4(PICTURE)

    order = [kind for kind, _, _ in boxes(mp4) if kind in {"ftyp", "moov", "mdat"}]

    assert order == ["ftyp", "moov", "mdat"]


def test_samples_fill_the_data_exactly() -> None:
    """The only chunk starts where mdat's body does, and its samples end where the file does."""
    mp4 = write_mp4(PICTURE)
    offset = next(at for kind, at, _ in boxes(mp4) if kind == "mdat")

    found = box_bodies(mp4)

    _, fixed, count, *sizes = numbers(found["stsz"])
    assert numbers(found["stco"]) == (0, 1, offset + 8)
    assert numbers(found["stsc"]) == (0, 1, 1, count, 1)
    assert numbers(found["stss"]) == (0, 1, 1)
    assert (fixed, len(sizes), sum(sizes)) == (0, count, len(found["mdat"]))


def test_each_sample_is_one_unit_with_its_length() -> None:
    """Samples are a key frame and then predicted ones, free of anything like a start code."""
    found = box_bodies(write_mp4(PICTURE))

    headers, at = [], 0
    for size in numbers(found["stsz"])[3:]:
        sample = found["mdat"][at : at + size]
        assert int.from_bytes(sample[:4], "big") == size - 4
        assert not any(bytes([0, 0, code]) in sample[4:] for code in (0, 1, 2))
        headers.append(sample[4])
        at += size

    assert headers == [0x65] + [0x41] * 9


@pytest.mark.parametrize(
    ("width", "height", "level"),
    [(16, 16, 10), (854, 480, 30), (1280, 720, 31), (1920, 1080, 40), (3840, 2160, 51)],
)
def test_codec_is_constrained_baseline(width: int, height: int, level: int) -> None:
    """The codec string is avc1.42C0xx, at the lowest level that admits the size."""
    found = box_bodies(write_mp4(replace(PICTURE, width=width, height=height)))

    at = found["stsd"].index(b"avcC") + 4

    assert found["stsd"][at : at + 4] == bytes([1, 0x42, 0xC0, level])


@pytest.mark.parametrize(("width", "height"), [(1279, 720), (1280, 719), (14, 16), (16, 0)])
def test_sides_that_cannot_be_coded_are_rejected(width: int, height: int) -> None:
    """An odd or tiny side is an error that names the size."""
    picture = replace(PICTURE, width=width, height=height)

    with pytest.raises(ValueError, match=f"even sides of 16 or more, not {width}x{height}"):
        write_mp4(picture)


def test_sizes_beyond_every_level_are_rejected() -> None:
    """A frame that no decoder must accept is an error that names the size."""
    picture = replace(PICTURE, width=20_000, height=16)

    with pytest.raises(ValueError, match=r"no H\.264 level admits a video of 20000x16"):
        write_mp4(picture)


def test_equal_pictures_give_equal_bytes() -> None:
    """The bytes depend on the picture alone; another seed produces another colour."""
    twin, other = replace(PICTURE), replace(PICTURE, seed="seed-2")

    first, second, third = map(write_mp4, (PICTURE, twin, other))

    assert first == second
    assert first != third


def test_clips_are_small() -> None:
    """A minute of full HD stays below 60 KB."""
    picture = replace(PICTURE, width=1920, height=1080, seconds=60)

    mp4 = write_mp4(picture)

    assert len(mp4) < 60_000
