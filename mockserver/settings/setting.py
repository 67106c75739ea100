"""How a setting is declared."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from mockserver.settings.texts import Parse

OPTIONAL = ""
"""The default of a setting that has no value unless it is given one."""


def setting(
    parse: Parse,
    help_: str,
    default: str = OPTIONAL,
    *,
    fact: str = "",
    none: str = "",
    own: bool = False,
    secret: bool = False,
) -> Any:
    """Declare a setting.

    *fact* names the place in `service.json` that holds its default; *none* is the text of the
    value None; *own* says that a sandbox can have a value of its own; a *secret* is never shown.
    """
    about = {
        "parse": parse,
        "help": help_,
        "default": default,
        "fact": fact,
        "none": none,
        "own": own,
        "secret": secret,
    }
    return field(metadata=about, repr=not secret)
