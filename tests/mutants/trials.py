"""Tries the suite on every mutant of the catalogue: `make mutants`."""

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

from contract_tests.checks import CHECKS
from mockserver.conformance.model import Finding, Report
from tests.mutants.catalogue import FILE, markdown
from tests.mutants.control import CONTROLS
from tests.mutants.table import MUTANTS

_CONTROLS = {one.name: one for one in CONTROLS}


@dataclass(frozen=True)
class Trial:
    """The result of one run."""

    name: str
    about: str
    """The check, clause and severity that catch a mutant; the seed of a control."""
    failure: str = ""
    """What is wrong; empty if nothing is."""


def try_mutant(name: str, *, whole: bool = False) -> Trial:
    """Check that the check and clause of a mutant catch it.

    First with the checks nearest to it, which takes a tenth of the time; with all of them only if
    these do not catch it, or if *whole* says so.
    """
    mutant = MUTANTS[name]

    def run_checks() -> Report:
        report = mutant.run_checks(CHECKS if whole else mutant.nearest_checks)
        return report if whole or mutant.caught(report) else mutant.run_checks()

    about = f"{mutant.check:<22} {mutant.severity:<11} {mutant.clause}"
    return _trial(
        name,
        about,
        run_checks,
        lambda report: "" if mutant.caught(report) else f"found instead: {_found(report.findings)}",
    )


def try_control(name: str, seed: int, *, of_all: bool = False) -> Trial:
    """Check that nothing is found on a target that conforms."""
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
    """Do the jobs, as many at a time as there are processors; yield the results in order."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(os.cpu_count(), mp_context=context) as pool:
        yield from (job.result() for job in [pool.submit(job) for job in jobs])


def show(done: Iterable[Trial]) -> list[Trial]:
    """Print each result when it is there; return those that failed."""
    failed = []
    for result in done:
        print(f"{result.name:<28} {result.about}", flush=True)
        if result.failure:
            failed.append(result)
            print(f"{'':<28} FAILED: {result.failure}")
    return failed


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the suite; return the exit status."""
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="mutant", help="try only these mutants")
    parser.add_argument("--seeds", type=int, metavar="n", help="try only the controls, n times")
    parser.add_argument("--whole", action="store_true", help="run every check on every mutant")
    parser.add_argument("--write", action="store_true", help=f"renew {FILE.name}")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in MUTANTS:
            parser.error(f"{name!r} is not a mutant; {FILE.name} lists them")
    started = time.monotonic()
    failed = show(run_trials(_jobs(options.names, options.seeds, whole=options.whole)))
    if options.write:
        FILE.write_text(markdown(), "utf-8")
    stale = not options.names and not options.seeds and _is_stale(FILE)
    seconds = time.monotonic() - started
    print(f"\n{len(failed)} failed, in {seconds:.0f} s")
    for result in failed:
        print(f"  {result.name}: {result.failure}")
    if stale:
        print(f"  {FILE.name} is not current; renew it with --write")
    return 1 if failed or stale else 0


def _jobs(names: Sequence[str], seeds: int | None, *, whole: bool) -> list[Callable[[], Trial]]:
    if seeds is not None:
        return [partial(try_control, name, seed) for seed in range(seeds) for name in _CONTROLS]
    every = [partial(try_control, name, 0, of_all=name == "untouched") for name in _CONTROLS]
    controls = [] if names else every
    return [*controls, *(partial(try_mutant, name, whole=whole) for name in names or MUTANTS)]


def _is_stale(file: Path) -> bool:
    return not file.is_file() or file.read_text("utf-8") != markdown()


if __name__ == "__main__":
    sys.exit(main())
