"""Keeps what Hypothesis computes once out of the folder in which a run was started."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import configuration

_VARIABLE = "HYPOTHESIS_STORAGE_DIRECTORY"


@contextmanager
def stored_elsewhere() -> Iterator[None]:
    """Let Hypothesis use a folder of the user's cache meanwhile, unless somebody chose another.

    Without one, it would leave tables of Unicode in `.hypothesis` of the current folder.
    """
    chosen = getattr(configuration, "__hypothesis_home_directory", None)
    usual = getattr(configuration, "__hypothesis_home_directory_default", None)
    if os.environ.get(_VARIABLE) or chosen not in (None, usual):
        yield
        return
    configuration.set_hypothesis_home_dir(_cache() / "maxapi-mock" / "hypothesis")
    try:
        yield
    finally:
        configuration.set_hypothesis_home_dir(chosen)


def _cache() -> Path:
    given = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if given.is_absolute():
        return given
    try:
        return Path.home() / ".cache"
    except RuntimeError:  # this user has no home
        return Path(tempfile.gettempdir())
