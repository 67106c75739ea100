"""The declaration of a setting."""

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

    *fact* is the path in `service.json` of its default; *none* is the text for the value None;
    *own* means that a sandbox can have its own value; a *secret* is never shown.
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
