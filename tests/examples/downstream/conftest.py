"""A project that combines the fixtures with other tools; nothing leaves this machine."""

from __future__ import annotations

import os
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

LEFT_THE_MACHINE: list[str] = []


def pytest_configure(config: pytest.Config) -> None:
    """Watch every look-up and connection of this process, below any patches."""
    folder = Path(os.environ["WATCH"])

    def watch(event: str, args: tuple[Any, ...]) -> None:
        if event in {"socket.getaddrinfo", "socket.gethostbyname"}:
            note(str(args[0]))
        elif event == "socket.connect" and isinstance(args[1], tuple):
            note(str(args[1][0]))

    def note(host: str) -> None:
        if host not in {"None", "localhost"} and not is_here(host):
            LEFT_THE_MACHINE.append(host)

    sys.addaudithook(watch)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")

    def tell() -> None:
        (folder / worker).write_text(f"{LEFT_THE_MACHINE}")

    config.add_cleanup(tell)


def is_here(host: str) -> bool:
    """Return whether *host* is an address of this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
