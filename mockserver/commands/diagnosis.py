"""Finds out what `maxapi-mock doctor` prints: versions, settings, proxies, ports, and problems."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from urllib.request import getproxies_environment, proxy_bypass
from warnings import catch_warnings, simplefilter

import mockserver
from mockserver.commands.arguments import LOCAL_MOCK
from mockserver.commands.options import secrets_of
from mockserver.commands.output import without_secrets
from mockserver.domain.redaction import names_a_secret
from mockserver.errors import MaxapiMockError
from mockserver.network.listening import listen_on
from mockserver.network.loopback import LOOPBACK_HOSTS
from mockserver.network.receiver import is_this_machine
from mockserver.settings import (
    SETTINGS,
    Resolved,
    config_files,
    resolve_settings,
    show_value,
    unknown_variables,
)
from mockserver.version import __version__

_NAME = "maxapi-mockserver"
_REQUIREMENT = re.compile(r"([\w.-]+)(?:\[.*?\])? *([^;]*)(?:;.*extra == ['\"](\w+)['\"])?")
_NOT_SHOWN = ("bench", "dev", "docs")
"""The extras for those who work on the mock itself."""
_PORTS = {"listen": 6291, "proxy": 6292}
_PATIENCE = 2.0
"""Real seconds in which what listens on this machine has to respond."""
_NOTHING = "no mock runs"
_NO_PROXY = f"set NO_PROXY={','.join(LOOPBACK_HOSTS)}, as maxapi-mock run does"


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What was found; nothing in it is a secret."""

    system: Mapping[str, str]
    packages: Mapping[str, str | None]
    """The versions of those that the mock needs; None for one that is missing."""
    extras: Mapping[str, Sequence[str]]
    """The optional extras, each with the packages that are missing."""
    settings: Sequence[Mapping[str, str]]
    config_files: Sequence[str]
    """Those that are there; the first one is read."""
    proxies: Mapping[str, str]
    mock: Mapping[str, str | None]
    ports: Mapping[str, str]
    problems: Sequence[str]

    def as_json(self) -> str:
        """Write everything as JSON."""
        return json.dumps(asdict(self), indent=2)

    def as_text(self) -> str:
        """Write it for people; of the settings, only those that are set."""
        packages = (f"{name} {one or 'MISSING'}" for name, one in self.packages.items())
        extras = {
            name: f"without {', '.join(missing)}" if missing else "installed"
            for name, missing in self.extras.items()
        }
        chosen = {
            one["name"]: f"{one['value']}  ({one['origin']})"
            for one in self.settings
            if one["origin"] != "default"
        }
        files = {one: "" if number else "is read" for number, one in enumerate(self.config_files)}
        lines = [
            *_rows("maxapi-mock", self.system),
            *_rows("packages", {"": ", ".join(packages)}),
            *_rows("extras", extras),
            *_rows("settings", chosen),
            *_rows("config files", files),
            *_rows("proxies", self.proxies),
            *_rows("mock", {str(self.mock["url"]): str(self.mock["state"])}),
            *_rows("ports", self.ports),
            *_rows("problems", dict.fromkeys(self.problems, "")),
        ]
        return "\n".join(lines)


def _rows(title: str, rows: Mapping[str, str]) -> Iterator[str]:
    wide = max(map(len, rows), default=0) if any(rows.values()) else 0
    yield f"{title}:" if rows else f"{title}: none"
    yield from (f"  {f'{name:{wide}}  {text}'.strip()}" for name, text in rows.items())


def diagnose() -> Diagnosis:
    """Look at this machine; only what listens on it is asked."""
    problems: list[str] = []
    needed, extras = _packages(problems)
    files, resolved = _settings(problems)
    mock = _mock(resolved, problems)
    return Diagnosis(
        system=_system(),
        packages=needed,
        extras=extras,
        settings=[] if resolved is None else _shown(resolved),
        config_files=files,
        proxies=_proxies(problems),
        mock=mock,
        ports=_ports(mock),
        problems=problems,
    )


def without_private(text: str) -> str:
    """Return *text* without the secrets of URLs, settings and environment, and the user's name."""
    secrets = [os.environ[name] for name in os.environ if names_a_secret(name)]
    with suppress(MaxapiMockError, OSError):
        secrets += filter(None, secrets_of(resolve_settings().settings))
    with suppress(RuntimeError):  # a user without one
        home = str(Path.home())
        text = text if home == "/" else text.replace(home, "~")
    return without_secrets(text, secrets)


def _system() -> dict[str, str]:
    return {
        "version": __version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "installed": str(Path(mockserver.__file__ or "").parent),
    }


# -- packages --------------------------------------------------------------------------------------


def _packages(problems: list[str]) -> tuple[dict[str, str | None], dict[str, list[str]]]:
    """Return the versions of what is needed, and what each extra lacks."""
    needed: dict[str, str | None] = {}
    extras: dict[str, list[str]] = {}
    for name, wanted, extra in _requirements(problems):
        version = _version(name)
        if extra:
            missing = extras.setdefault(extra, [])
            missing += [name] if version is None else []
        else:
            needed[name] = version
        if version is None and not extra:
            problems.append(f"{name} is not installed; install {_NAME} anew")
        elif version is not None and not _fits(version, wanted):
            problems.append(f"{name} {version} is installed, but {name}{wanted} is needed")
    return needed, extras


def _requirements(problems: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield name, accepted versions and extra of what this distribution requires."""
    try:
        listed = metadata.requires(_NAME) or []
    except metadata.PackageNotFoundError:
        problems.append(f"{_NAME} is not installed here, only found: pip install {_NAME}")
        return
    for found in filter(None, map(_REQUIREMENT.match, listed)):
        name, wanted, extra = found[1], found[2].strip(), found[3] or ""
        if extra not in _NOT_SHOWN:
            yield name, wanted, extra


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _fits(version: str, wanted: str) -> bool:
    """Return whether a version is accepted, of which we only ever name the lowest and the end."""
    has, limits = _numbers(version), re.findall(r"(<|>=)([\d.]+)", wanted)
    return all(
        has < _numbers(limit) if sign == "<" else has >= _numbers(limit) for sign, limit in limits
    )


def _numbers(version: str) -> list[int]:
    return [int(one) for one in re.findall(r"\d+", version)[:3]]


# -- settings and environment ----------------------------------------------------------------------


def _settings(problems: list[str]) -> tuple[list[str], Resolved | None]:
    """Return the config files that are there, and the settings if they can be read."""
    problems += unknown_variables(os.environ)
    files: list[str] = []
    try:
        files = list(map(str, config_files()))
        if len(files) > 1:
            problems.append(f"{files[0]} is read, so {' and '.join(files[1:])} is ignored")
        return files, resolve_settings()
    except OSError as error:  # a config file is an error of ours
        problems.append(f"the current folder cannot be read: {error.strerror}")
    except MaxapiMockError as error:
        problems.append(str(error))
    return files, None


def _shown(resolved: Resolved) -> list[dict[str, str]]:
    return [
        {
            "name": name.replace("_", "-"),
            "value": show_value(name, getattr(resolved.settings, name)),
            "origin": resolved.origins[name],
        }
        for name in SETTINGS
    ]


def _proxies(problems: list[str]) -> dict[str, str]:
    """Return the proxies that the environment names; calls to the mock must not go there."""
    found = dict(getproxies_environment())
    used = [name for name in ("http", "all") if name in found]
    if used and not all(map(proxy_bypass, LOOPBACK_HOSTS[:2])):
        problems.append(
            f"{used[0].upper()}_PROXY is set without an exception for this machine, so that an "
            f"app's requests to the mock may go to the proxy; {_NO_PROXY}"
        )
    return found


# -- what listens ----------------------------------------------------------------------------------


def _mock(resolved: Resolved | None, problems: list[str]) -> dict[str, str | None]:
    """Return what is where a mock is looked for; nothing is asked that is not on this machine."""
    url = (os.environ.get("MAXAPI_MOCK_URL") or _default_url(resolved)).rstrip("/")
    if not is_this_machine(url):
        return {"url": url, "version": None, "state": "not asked: not on this machine"}
    version, state = _asked(url)
    if version is not None and version != __version__:
        problems.append(f"the mock at {url} is version {version}, and this is {__version__}")
    if version is None and state != _NOTHING:
        problems.append(f"what listens at {url} is not a mock ({state}); stop it, or use --port")
    return {"url": url, "version": version, "state": state}


def _default_url(resolved: Resolved | None) -> str:
    if resolved is None or not resolved.settings.port:
        return LOCAL_MOCK
    scheme = "https" if resolved.settings.tls else "http"
    return f"{scheme}://127.0.0.1:{resolved.settings.port}"


def _asked(url: str) -> tuple[str | None, str]:
    """Return the version of the mock at *url*, if there is one, and what there is in words."""
    from urllib3 import PoolManager, Timeout
    from urllib3.exceptions import HTTPError, InsecureRequestWarning, NewConnectionError

    pool = PoolManager(retries=False, timeout=Timeout(_PATIENCE), cert_reqs="CERT_NONE")
    try:
        with catch_warnings():
            simplefilter("ignore", InsecureRequestWarning)  # its certificate may be its own
            response = pool.request("GET", f"{url}/__mock/version")
        document = json.loads(response.data)
    except NewConnectionError:
        return None, _NOTHING
    except (HTTPError, ValueError, UnicodeError) as error:
        return None, f"no JSON: {type(error).__name__}"
    finally:
        pool.clear()
    version = document.get("version") if isinstance(document, dict) else None
    if not isinstance(version, str):
        return None, f"HTTP status {response.status}"
    return version, f"runs, version {version}"


def _ports(mock: Mapping[str, str | None]) -> dict[str, str]:
    """Return whether the ports are free that the commands use by default."""
    found = re.search(r":(\d+)$", str(mock["url"]))
    used = ({"serve": int(found[1])} if found else {}) | _PORTS
    return {
        command: f"{port} is {'free' if _is_free(port) else 'in use'}"
        for command, port in used.items()
    }


def _is_free(port: int) -> bool:
    try:
        listen_on("127.0.0.1", port).close()
    except OSError:
        return False
    return True
