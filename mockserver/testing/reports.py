"""Takes a user's own keys out of pytest's report of a test, wherever they stand in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from _pytest._code.code import TerminalRepr


def hide(report: Any, without_keys: Callable[[str], str]) -> None:
    """Rewrite all texts of a pytest *report*: tracebacks with source and locals, and output."""
    report.longrepr = _hidden(report.longrepr, without_keys)
    report.sections = _hidden(report.sections, without_keys)


def _hidden(node: Any, without_keys: Callable[[str], str]) -> Any:
    if isinstance(node, str):
        return without_keys(node)
    if isinstance(node, list | tuple):
        return type(node)(_hidden(one, without_keys) for one in node)
    if isinstance(node, TerminalRepr):
        for name, value in vars(node).items():
            setattr(node, name, _hidden(value, without_keys))
    return node
