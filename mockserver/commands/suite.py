"""Finds the contract tests: in the installed package, or beside it in a checkout."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mockserver.commands.options import complain, not_written
from mockserver.settings import SettingError


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
        if error.name != "hypothesis":
            raise
        raise SettingError(
            "the contract tests need hypothesis: pip install 'maxapi-mockserver[verify]'"
        ) from None
