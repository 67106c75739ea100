"""A user's own picture, scaled to the size of a result, and what makes a file unfit for one."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Literal

from mockserver.media.dimensions import suffix_of

Kind = Literal["image", "video"]

KINDS: dict[str, Kind] = {
    ".png": "image",
    ".jpg": "image",
    ".jpeg": "image",
    ".webp": "image",
    ".mp4": "video",
}
"""What a file is, by its suffix in lower case."""
_MOST_BYTES = 64 * 1024 * 1024
_MOST_PIXELS = 100_000_000
_HEAD = 16


@dataclass(frozen=True, slots=True)
class Scaling:
    """A picture and the size that it is to have."""

    path: Path
    width: int
    height: int


def write_scaled(scaling: Scaling) -> bytes:
    """Return a PNG of exactly that size: as much of the picture's middle as has its shape.

    Raises OSError if the picture can no longer be read.
    """
    from PIL import Image, ImageOps

    with Image.open(scaling.path) as opened:
        upright = ImageOps.exif_transpose(opened)
        mode = "RGBA" if upright.has_transparency_data else "RGB"
        size = (scaling.width, scaling.height)
        fitted = ImageOps.fit(upright.convert(mode), size, Image.Resampling.LANCZOS)
    written = BytesIO()
    fitted.save(written, "PNG", compress_level=1)  # four times as fast as the default
    return written.getvalue()


def problem_of(path: Path) -> str | None:
    """Return why a file cannot be a result, and what could; None if it can."""
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        return f"is not a picture or video; use {', '.join(KINDS)}"
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            return f"is larger than {_MOST_BYTES} bytes; use a smaller one"
        with path.open("rb") as file:
            is_video = suffix_of(file.read(_HEAD)) == "mp4"
            if kind == "video":
                missing = _missing_in(file, size) if is_video else "its file type"
                return missing and f"is not a whole MP4: it lacks {missing}; use another one"
        return _problem_of_picture(path)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}; use a whole file"


def _problem_of_picture(path: Path) -> str | None:
    """Decode a picture, a JPEG at an eighth of its size. Raises OSError."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG", "JPEG", "WEBP")) as image:
                if image.width * image.height > _MOST_PIXELS:
                    return f"has more than {_MOST_PIXELS} pixels; use a smaller one"
                image.draft("RGB", (1, 1))
                image.load()
    except (ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"cannot be read: {error}; use a whole file"
    return None


def _missing_in(file: BinaryIO, size: int) -> str | None:
    """Return which box of a video is missing or cut off."""
    found = dict(_boxes(file, size))
    missing = [name for name in ("moov", "mdat") if found.get(name, size + 1) > size]
    return (
        f"the end of {missing[0]}" if missing and missing[0] in found else next(iter(missing), None)
    )


def _boxes(file: BinaryIO, size: int) -> Iterator[tuple[str, int]]:
    """Yield the name and the end of each box at the top."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        length, name = struct.unpack(">I4s", file.read(8))
        if length == 1:
            length = int.from_bytes(file.read(8), "big")
        end = size if length == 0 else at + length  # the last one may go on to the end
        yield name.decode("latin-1"), end
        if length and length < 8:
            return
        at = end
