"""What `write_png` promises: a readable, uncropped picture for any text at any size."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from mockserver.media import Picture, write_png
from mockserver.media.picture import palette_of

ACCENT, TEXT = 1, 3  # palette indices
PICTURE = Picture(
    width=320,
    height=240,
    caption=("model-one", "4:3", "1K", "320x240", "1/2"),
    prompt="A lighthouse on a cliff at dusk",
    seed="seed-1",
)
SIZES = [(64, 64), (65, 67), (256, 256), (768, 1024), (4096, 64), (64, 4096), (3840, 2160)]


def decode(png: bytes) -> Image.Image:
    """Read a PNG with Pillow, pixels included."""
    image = Image.open(io.BytesIO(png))
    image.load()
    return image


def edge_indices(image: Image.Image) -> list[set[int]]:
    """Return the palette indices on each of the four outermost rows and columns."""
    width, height = image.size
    strips = [
        (0, 0, width, 1),
        (0, height - 1, width, height),
        (0, 0, 1, height),
        (width - 1, 0, width, height),
    ]
    return [set(image.crop(strip).tobytes()) for strip in strips]


@pytest.mark.parametrize(("width", "height"), [*SIZES, (4096, 4096)])
def test_size_is_exact(width: int, height: int) -> None:
    """A PNG has exactly the pixels asked for, with a palette of four colours."""
    picture = replace(PICTURE, width=width, height=height)

    image = decode(write_png(picture))

    assert (image.size, image.mode, image.format) == ((width, height), "P", "PNG")
    assert len(image.getpalette() or []) == 12


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_border_is_on_all_sides(width: int, height: int) -> None:
    """All four edges are the accent colour, which touches nothing but background inside."""
    picture = replace(PICTURE, width=width, height=height)

    image = decode(write_png(picture))

    assert edge_indices(image) == [{ACCENT}] * 4
    border = max(2, min(width, height) // 100)
    inner = image.crop((border, border, width - border, height - border))
    assert edge_indices(inner) == [{0}] * 4


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_caption_and_prompt_are_both_shown(width: int, height: int) -> None:
    """Text is drawn, and either part of it makes a difference at any size."""
    picture = replace(PICTURE, width=width, height=height)
    without_prompt = replace(picture, prompt="")
    without_caption = replace(picture, caption=())
    without_text = replace(picture, prompt="", caption=())
    pictures = (picture, without_prompt, without_caption, without_text)

    images = [decode(write_png(each)) for each in pictures]

    drawn = [image.histogram()[TEXT] > 0 for image in images]
    assert drawn == [True, True, True, False]
    assert len({image.tobytes() for image in images}) == 4


def test_equal_pictures_give_equal_bytes() -> None:
    """The bytes depend on the picture and on nothing else."""
    twin = replace(PICTURE)

    first, second = write_png(PICTURE), write_png(twin)

    assert first == second


@pytest.mark.parametrize(
    "other",
    [
        replace(PICTURE, prompt="A lighthouse on a cliff at dawn"),
        replace(PICTURE, caption=(*PICTURE.caption[:-1], "2/2")),
        replace(PICTURE, seed="seed-2"),
    ],
    ids=["prompt", "caption", "seed"],
)
def test_different_pictures_give_different_bytes(other: Picture) -> None:
    """Each of prompt, caption and seed can be told from the file."""
    expected = write_png(PICTURE)

    actual = write_png(other)

    assert actual != expected


def test_palette_comes_from_the_seed() -> None:
    """The colours are those of the seed, in the order of `Palette`."""
    expected = [part for colour in palette_of(PICTURE.seed) for part in colour]

    actual = decode(write_png(PICTURE)).getpalette()

    assert actual == expected


def test_text_that_does_not_fit_is_cut() -> None:
    """Of a prompt that is too long, only the start decides the picture."""
    long = replace(PICTURE, prompt="word " * 200_000)
    longer = replace(PICTURE, prompt="word " * 200_000 + "end")

    images = [decode(write_png(long)), decode(write_png(longer))]

    assert images[0].tobytes() == images[1].tobytes()
    assert edge_indices(images[0]) == [{ACCENT}] * 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a\n\tb\0c", "a b c"),
        ("caf\u00e9", "cafe"),
        ("cafe\u0301", "cafe"),
        ("2\u00d72 \u2014 it\u2019s", "2x2 - it's"),
        ("\u732b", "\U0001f408"),
    ],
    ids=["white space", "accent", "combining accent", "punctuation", "no glyph"],
)
def test_characters_without_a_glyph_have_a_stand_in(one: str, other: str) -> None:
    """What the font cannot draw looks like its nearest plain form, or else like a box."""
    pictures = replace(PICTURE, prompt=one), replace(PICTURE, prompt=other)

    first, second = map(write_png, pictures)

    assert first == second


@pytest.mark.parametrize("side", [1, 2, 3, 5, 9, 16, 30])
def test_tiny_pictures_are_valid(side: int) -> None:
    """Below 64 pixels text may be missing, but the size is right and nothing is raised."""
    picture = replace(PICTURE, width=side, height=31)

    image = decode(write_png(picture))

    assert image.size == (side, 31)
    assert edge_indices(image) == [{ACCENT}] * 4


def test_no_pixels_are_rejected() -> None:
    """A side of zero is an error that names the size."""
    picture = replace(PICTURE, width=0)

    with pytest.raises(ValueError, match="0x240"):
        write_png(picture)


def test_importing_the_package_does_not_import_pillow() -> None:
    """A server that never makes a PNG does not pay for Pillow."""
    code = "import sys, mockserver.media; sys.exit('PIL' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
        timeout=60,
    )

    assert done.returncode == 0


@settings(deadline=None, max_examples=100)  # the first use of each letter size is slower
@given(
    width=st.integers(64, 600),
    height=st.integers(64, 600),
    caption=st.lists(st.text(max_size=30), max_size=6).map(tuple),
    prompt=st.text(),
    seed=st.text(),
)
@example(width=64, height=64, caption=("W" * 99,) * 9, prompt="W" * 5000, seed="")
@example(width=64, height=600, caption=("\u202e\u200d\ufe0f",), prompt="\ufdfa" * 2000, seed="\0")
def test_any_text_at_any_size(
    width: int, height: int, caption: tuple[str, ...], prompt: str, seed: str
) -> None:
    """No text breaks the size, the border or the promise of equal bytes."""
    picture = Picture(width, height, caption, prompt, seed)

    png = write_png(picture)

    image = decode(png)
    assert (image.size, image.mode) == ((width, height), "P")
    assert edge_indices(image) == [{ACCENT}] * 4
    assert write_png(picture) == png
