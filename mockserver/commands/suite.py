"""Finds the contract tests: in the installed package, or next to it in a checkout."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mockserver.commands.output import complain, not_written
from mockserver.settings import SettingError

if TYPE_CHECKING:
    from mockserver.conformance.check import AnyCheck
    from mockserver.conformance.model import Report
    from mockserver.conformance.report.baseline import Comparison

_EXTRA = ("hypothesis", "pytest")
"""What the extra `verify` installs."""


def load_checks() -> tuple[AnyCheck, ...]:
    """Return every check of the contract. Raises SettingError if what they need is missing."""
    installed = find_spec("mockserver.contract_tests") is not None
    package = "mockserver.contract_tests" if installed else "contract_tests"
    try:
        checks: tuple[AnyCheck, ...] = import_module(f"{package}.checks").CHECKS
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        needed, how = " and ".join(_EXTRA), installation("verify", _EXTRA)
        raise SettingError(f"the contract tests need {needed}, besides the mock: {how}") from None
    return checks


def write_report(
    folder: Path, command: str, report: Report, comparison: Comparison | None = None
) -> bool:
    """Write every form of a report into *folder*, or print why that cannot be done."""
    from mockserver.conformance.report.writers import write_reports

    try:
        write_reports(report, folder, comparison)
    except OSError as error:
        complain(f"maxapi-mock {command}: --report: {not_written(error)}")
        return False
    return True


def installation(extra: str, known: Sequence[str]) -> str:
    """Write the command that installs an extra into the environment that runs this.

    *known* are its packages, should this package's own metadata be missing.
    """
    try:
        listed = metadata.requires("maxapi-mockserver") or []
    except metadata.PackageNotFoundError:
        listed = []
    needed = [one.partition(";")[0].strip() for one in listed if f"'{extra}'" in _marker(one)]
    pip = [sys.executable, "-m", "pip", "install"]
    if find_spec("pip") is None:  # uv makes environments without it
        pip = ["uv", "pip", "install", "--python", sys.executable]
    return shlex.join([*pip, *(needed or known)])


def _marker(requirement: str) -> str:
    return requirement.partition(";")[2].replace('"', "'")
