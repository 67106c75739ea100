"""Finds the contract tests: in the installed package, or beside it in a checkout."""

from __future__ import annotations

import shlex
import sys
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mockserver.commands.options import complain, not_written
from mockserver.settings import SettingError

_EXTRA = ("hypothesis", "pytest")
"""What the extra `verify` installs."""


def written_to(folder: Path, command: str, report: Any, comparison: Any = None) -> bool:
    """Write every form of a report into *folder*, or say why that cannot be done."""
    try:
        contract_tests("report").write_reports(report, folder, comparison)
    except OSError as error:
        complain(f"maxapi-mock {command}: --report: {not_written(error)}")
        return False
    return True


def contract_tests(module: str) -> Any:
    """Import a module of the contract tests. Raises SettingError if what it needs is missing."""
    installed = find_spec("mockserver.contract_tests") is not None
    package = "mockserver.contract_tests" if installed else "contract_tests"
    try:
        return import_module(f"{package}.{module}")
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        raise SettingError(
            f"the contract tests need {' and '.join(_EXTRA)}, beside the mock: {_installation()}"
        ) from None


def _installation() -> str:
    """Write the command that installs what is missing into the environment that runs this."""
    try:
        listed = metadata.requires("maxapi-mockserver") or []
    except metadata.PackageNotFoundError:
        listed = []
    needed = [one.partition(";")[0].strip() for one in listed if "'verify'" in _marker(one)]
    pip = [sys.executable, "-m", "pip", "install"]
    if find_spec("pip") is None:  # uv makes environments without it
        pip = ["uv", "pip", "install", "--python", sys.executable]
    return shlex.join([*pip, *(needed or _EXTRA)])


def _marker(requirement: str) -> str:
    return requirement.partition(";")[2].replace('"', "'")
