"""Generates images and clips that a person can tell apart, each from a `Picture` alone.

Importing this package does not import Pillow; only the first `write_png` does.
"""

from mockserver.media.mp4 import write_mp4
from mockserver.media.picture import Picture
from mockserver.media.png import write_png

__all__ = ["Picture", "write_mp4", "write_png"]
