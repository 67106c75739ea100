"""Examines every drift of the catalogue: `make drift-check`."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mockserver.conformance.model import Finding, Report
from tests.mutants.catalogue import FILE, markdown
from tests.mutants.control import CONTROLS
from tests.mutants.table import MUTANTS

_CONTROLS = {one.name: one for one in CONTROLS}


@dataclass(frozen=True)
class Trial:
    """What came of one run."""

    name: str
    about: str
    """The law, clause and severity that caught a drift; the seed of a control."""
    failure: str = ""
    """Why it is not as it should be."""


def try_mutant(name: str) -> Trial:
    """Say whether the drift of a name is caught by the law and clause that it names."""
    mutant = MUTANTS[name]
    about = f"{mutant.check:<22} {mutant.severity:<11} {mutant.clause}"
    return _trial(
        name,
        about,
        mutant.run_checks,
        lambda report: "" if mutant.caught(report) else f"found instead: {_found(report.findings)}",
    )


def try_control(name: str, seed: int, *, of_all: bool = False) -> Trial:
    """Say whether nothing is found where there is no drift."""
    control = _CONTROLS[name]
    return _trial(
        name,
        f"seed {seed}",
        lambda: control.run_checks(seed, of_all=of_all),
        lambda report: f"found: {_found(wrong)}" if (wrong := control.wrong(report)) else "",
    )


def _trial(
    name: str, about: str, run_checks: Callable[[], Report], evaluate: Callable[[Report], str]
) -> Trial:
    try:
        return Trial(name, about, evaluate(run_checks()))
    except Exception as fault:
        return Trial(name, about, f"{type(fault).__name__}: {fault}")


def _found(findings: Iterable[Finding]) -> str:
    found = dict.fromkeys(f"{one.check} {one.clause.place}" for one in findings)
    return ", ".join(found) or "nothing"


def run_trials(jobs: Sequence[Callable[[], Trial]]) -> Iterator[Trial]:
    """Do the jobs, as many at a time as there are processors; in their order."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        yield from (job.result() for job in [pool.submit(job) for job in jobs])


def show(done: Iterable[Trial]) -> list[Trial]:
    """Print each outcome when it is there; give those that are not as they should be."""
    failed = []
    for outcome in done:
        print(f"{outcome.name:<28} {outcome.about}", flush=True)
        if outcome.failure:
            failed.append(outcome)
            print(f"{'':<28} NOT AS IT SHOULD BE; {outcome.failure}")
    return failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check; give the exit status."""
    parser = argparse.ArgumentParser(prog="drift-check", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="drift", help="look at these drifts only")
    parser.add_argument("--seeds", type=int, metavar="n", help="examine only the mock, n times")
    parser.add_argument("--write", action="store_true", help=f"renew {FILE.name}")
    given = parser.parse_args(arguments)
    for name in given.names:
        if name not in MUTANTS:
            parser.error(f"{name!r} is no drift; {FILE.name} lists them")
    started = time.monotonic()
    failed = show(run_trials(_jobs(given.names, given.seeds)))
    if given.write:
        FILE.write_text(markdown(), "utf-8")
    stale = not given.names and not given.seeds and _is_stale(FILE)
    seconds = time.monotonic() - started
    print(f"\n{len(failed)} not as they should be, in {seconds:.0f} s")
    for outcome in failed:
        print(f"  {outcome.name}: {outcome.failure}")
    if stale:
        print(f"  {FILE.name} is not current; renew it with --write")
    return 1 if failed or stale else 0


def _jobs(names: Sequence[str], seeds: int | None) -> list[Callable[[], Trial]]:
    if seeds is not None:
        return [partial(try_control, name, seed) for seed in range(seeds) for name in _CONTROLS]
    whole = [partial(try_control, name, 0, of_all=name == "untouched") for name in _CONTROLS]
    controls = [] if names else whole
    return [*controls, *(partial(try_mutant, name) for name in names or MUTANTS)]


def _is_stale(file: Path) -> bool:
    return not file.is_file() or file.read_text("utf-8") != markdown()


if __name__ == "__main__":
    sys.exit(main())
