"""The content of a generated file, independent of any file format."""

from __future__ import annotations

import colorsys
import hashlib
from dataclasses import dataclass
from typing import NamedTuple

Colour = tuple[int, int, int]
"""Red, green and blue, each 0 to 255."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that decides the bytes of a generated file: equal pictures have equal files."""

    width: int  # pixels
    height: int  # pixels
    caption: tuple[str, ...]  # short lines: model, ratio, resolution, pixels, index
    prompt: str  # free text: any Unicode, any length
    seed: str  # decides the colours
    seconds: int = 0  # length of a video


class Palette(NamedTuple):
    """The four colours of a picture, in the order of their PNG indices."""

    background: Colour
    accent: Colour
    soft: Colour  # halfway between background and text, for smooth letters
    text: Colour


def palette_of(seed: str) -> Palette:
    """Return the colours of *seed*: a dark background, on which the other three stand out."""
    digest = hashlib.sha256(seed.encode("utf-8", "surrogatepass")).digest()
    hue = int.from_bytes(digest[:2], "big") / 65536
    # The accent stays in the opposite half of the colour wheel, or the border would fade.
    turn = 0.3 + 0.4 * digest[2] / 255
    background = _rgb(hue, 0.16 + 0.1 * digest[3] / 255, 0.6)
    text = _rgb(hue, 0.96, 0.6)
    red, green, blue = ((a + b) // 2 for a, b in zip(background, text, strict=True))
    return Palette(background, _rgb(hue + turn, 0.6, 0.9), (red, green, blue), text)


def _rgb(hue: float, lightness: float, saturation: float) -> Colour:
    """Convert from hue (in turns), lightness and saturation (0 to 1)."""
    red, green, blue = colorsys.hls_to_rgb(hue % 1, lightness, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)
