"""Finds the contract tests: in the installed package, or beside it in a checkout."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from mockserver.settings import SettingError


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
