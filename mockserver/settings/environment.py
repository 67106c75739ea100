"""The environment as a source of settings, without variables that others put into it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mockserver.settings.declared import SETTINGS

PREFIX = "MAXAPI_MOCK_"
CONFIG = f"{PREFIX}CONFIG"
"""Names the config file itself."""
_NOT_SETTINGS = frozenset((CONFIG, f"{PREFIX}URL"))
"""URL is set by the mock for its child processes."""
_LIMITS = frozenset(f"{PREFIX}{name}" for name in ("API_KEY", "CONTROL_TOKEN", "CALLBACK_ALLOW"))
"""These are an error if empty: a missing secret of a CI job must not remove a limit."""
BY_NAME = re.compile(
    r"(.+_)?(SERVICE_(HOST|PORT(_.+)?)"  # Kubernetes, for each service of the namespace
    r"|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR|START|END))*"  # the same, and links of Docker
    r"|ENV_.+|NAME)"  # links of Docker: the other container's variables, and its name
)
"""Variables (without the prefix) of a service that Kubernetes and Docker set; none is a setting."""
_ADDRESS = re.compile(r"(tcp|udp|sctp)://.*", re.DOTALL)


def settings_in(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the variables that are settings, each with the name of its setting.

    An empty variable counts as unset.
    """
    for name in SETTINGS:
        variable = f"{PREFIX}{name.upper()}"
        text = environment.get(variable, "")
        is_set = bool(text) or (variable in environment and variable in _LIMITS)
        if is_set and not _is_address(variable, text):
            yield variable, name


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Return a line for each variable that has the mock's prefix but is not a setting.

    Variables that Kubernetes or Docker set for a service named like the mock are skipped.
    """
    known = [f"{PREFIX}{name.upper()}" for name in SETTINGS]
    return [
        f"{variable}: no such setting, ignored{_hint(variable.removeprefix(PREFIX))}"
        for variable in sorted(environment)
        if variable.startswith(PREFIX)
        and variable not in (*known, *_NOT_SETTINGS)
        and not BY_NAME.fullmatch(variable.removeprefix(PREFIX))
        and not _is_address(variable, environment[variable])
    ]


def _hint(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, [one.upper() for one in SETTINGS], n=1)
    return f"; did you mean {PREFIX}{near[0]}?" if near else ""


def _is_address(variable: str, text: str) -> bool:
    """Return whether a variable is a service's address, like `…_PORT=tcp://10.0.0.1:6290`."""
    return variable.endswith("PORT") and bool(_ADDRESS.fullmatch(text))


def as_suffix(path: str) -> str:
    """Return *path* as the end of a base URL: with one slash before it and none after it."""
    return f"/{path.strip('/')}".rstrip("/")
