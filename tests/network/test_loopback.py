"""Names and addresses that mean this machine and no other."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from mockserver.network.loopback import LOOPBACK_HOSTS, is_localhost, is_loopback
from mockserver.network.receiver import is_this_machine


@pytest.mark.parametrize(
    ("name", "expected"),
    [("localhost", True), ("a.localhost", True), ("notlocalhost", False), ("localhost.a", False)],
)
def test_names_below_localhost_are_local(name: str, *, expected: bool) -> None:
    """They are reserved for the loopback."""
    assert is_localhost(name) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.9.9.9", True), ("::1", True), ("0.0.0.0", True), ("::", True), ("10.0.0.1", False)],
)
def test_addresses_that_reach_this_machine(address: str, *, expected: bool) -> None:
    """The unspecified ones too, as destinations."""
    assert is_loopback(ip_address(address)) == expected


def test_the_usual_hosts_are_this_machine() -> None:
    """As URLs are read."""
    urls = [f"http://[{one}]/" if ":" in one else f"http://{one}/" for one in LOOPBACK_HOSTS]

    assert all(map(is_this_machine, urls))
