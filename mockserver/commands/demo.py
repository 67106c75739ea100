"""`maxapi-mock demo`."""

from __future__ import annotations

from mockserver.commands.command import command
from mockserver.commands.output import FAILURE, PASS


@command("demo")
def demo() -> int:
    """Show one task from submission to image; return the exit status."""
    from mockserver.demo import run_demo

    return PASS if run_demo() else FAILURE
