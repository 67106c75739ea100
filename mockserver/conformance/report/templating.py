"""The templates of the reports."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from mockserver.conformance.report.text import one_line, printable

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment() -> Environment:
    """Return what renders the templates; only those of HTML escape what they insert.

    Jinja is imported here because most commands never write a report.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    made = Environment(
        loader=PackageLoader("mockserver.conformance.report"),
        autoescape=select_autoescape(("html", "html.j2")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters: dict[str, Callable[[str], str]] = {"one_line": one_line, "printable": printable}
    made.filters.update(filters)
    return made
