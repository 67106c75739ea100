"""Measures the mock against yardsticks that run in turn with it; see CONTRIBUTING.md."""

from __future__ import annotations

import os
import platform
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import click
from api import api, start
from events import events
from parts import images, proxy, validation
from servers import servers
from soak import soak
from state import state
from suites import commands, suites
from table import QUICK, USUAL, Row, Scale, Section, print_table
from webhooks import webhooks

from mockserver.version import __version__

_ALL: tuple[Callable[[Scale], Iterator[Row | str]], ...] = (
    start,
    api,
    webhooks,
    events,
    state,
    suites,
    commands,
    validation,
    images,
    proxy,
    soak,
)
_ABOUT = """\
maxapi-mockserver {version}, Python {python}, {cores} cores; medians of {rounds} rounds, in which
the mock and its yardsticks take turns. A ratio above 1 says how much better the mock is; then
come its lowest and highest in a round.
"""


@click.command()
@click.option("--quick", is_flag=True, help="a rough table, in a minute")
@click.option("--soak", "whole", is_flag=True, help="only the soak, and whole: it takes long")
@click.option("--servers", "compared", is_flag=True, help="only a comparison of HTTP servers")
@click.option("--only", type=click.Choice([one.__name__ for one in _ALL]), help="one section")
def main(*, quick: bool, whole: bool, compared: bool, only: str | None) -> int:
    """Print the table; return the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: terminated"))
    scale, chosen = QUICK if quick else USUAL, _ALL
    if whole:
        scale, chosen = replace(scale, soak=1), (soak,)
    if compared:
        chosen = (servers,)
    if only:
        chosen = tuple(one for one in _ALL if one.__name__ == only)
    cores, python = os.cpu_count(), platform.python_version()
    print(_ABOUT.format(version=__version__, python=python, cores=cores, rounds=scale.rounds))
    patience = 3600 if whole else 600
    sections = [Section(one.__name__, partial(one, scale), patience) for one in chosen]
    incomplete = print_table(sections)
    if incomplete:
        print(f"bench: not measured in full: {', '.join(incomplete)}", file=sys.stderr)
    return 1 if incomplete else 0


if __name__ == "__main__":
    sys.exit(main(standalone_mode=False))
