"""Width and height from the first bytes of an image."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mockserver.media.dimensions import dimensions


def image(kind: str, **how: Any) -> bytes:
    """Draw an image of 300 by 200 pixels."""
    file = BytesIO()
    Image.new("RGB", (300, 200), "teal").save(file, kind, **how)
    return file.getvalue()


KINDS = [
    image("PNG"),
    image("GIF"),
    image("JPEG"),
    image("JPEG", progressive=True),
    image("JPEG", exif=b"Exif\0\0" + b"x" * 60_000),
    image("WEBP"),
    image("WEBP", lossless=True),
    image("WEBP", exif=b"Exif\0\0" + b"x" * 100),
]


@pytest.mark.parametrize("whole", KINDS)
def test_the_size_is_read_from_the_beginning(whole: bytes) -> None:
    """Each format and each of its kinds is read; no prefix of a file has another size."""
    sizes = {dimensions(whole[:length]) for length in range(min(len(whole), 2000))}

    assert dimensions(whole) == (300, 200)
    assert sizes <= {None, (300, 200)}


@given(st.sampled_from(KINDS), st.integers(0, 40), st.binary(max_size=40))
def test_any_bytes_give_a_size_or_none(whole: bytes, kept: int, rest: bytes) -> None:
    """Nothing that looks like an image breaks it."""
    found = dimensions(whole[:kept] + rest)

    assert found is None or min(found) > 0


@pytest.mark.parametrize("head", [b"", b"<html>", b"RIFF\0\0\0\0WAVEfmt ", b"\xff\xd8\xff"])
def test_what_is_not_an_image_has_no_size(head: bytes) -> None:
    """A page, a sound, half a header."""
    assert dimensions(head) is None
