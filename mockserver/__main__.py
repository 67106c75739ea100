"""Where `maxapi-mock` and `python -m mockserver` begin."""

from __future__ import annotations

import gc
import signal


def main() -> int:
    """Run the command; until it has something to tidy up, Ctrl-C ends it without a word.

    The half second that its imports take is long enough for somebody to change their mind.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    gc.set_threshold(50_000, 20, 100)  # else it searches what is imported, again and again
    from mockserver.cli import main as run

    return run()


if __name__ == "__main__":
    raise SystemExit(main())
