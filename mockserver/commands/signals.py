"""How a command that runs until a signal comes waits for it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_STOPPING = frozenset((signal.SIGINT, signal.SIGTERM))


@contextmanager
def stop_signals() -> Iterator[Callable[[], object]]:
    """Hold SIGINT and SIGTERM back, and yield a function that waits for one of them.

    Threads that are started meanwhile inherit that, so that none of them gets the signal instead.
    Afterwards a further one ends the process at once.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        yield lambda: signal.sigwait(_STOPPING)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
