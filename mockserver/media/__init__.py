"""Pictures and clips that a person can tell apart, made from a `Picture` and nothing else.

Importing this package does not import Pillow; only the first `write_png` does.
"""

from mockserver.media.mp4 import write_mp4
from mockserver.media.picture import Picture
from mockserver.media.png import write_png

__all__ = ["Picture", "write_mp4", "write_png"]
