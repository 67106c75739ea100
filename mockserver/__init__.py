"""A local stand-in for MaxAPI, and the means to prove that both still agree."""

from mockserver.version import __version__

__all__ = ["__version__"]
