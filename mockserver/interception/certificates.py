"""A throw-away certificate authority for the API's own names, and how clients come to trust it."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from mockserver.contract import Contract
from mockserver.file_writing import write_whole

_NODE = "NODE_EXTRA_CA_CERTS"
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def api_hosts(contract: Contract) -> tuple[str, ...]:
    """Return the hosts of the API: the one that is called, and the one that serves result files."""
    return tuple(urlsplit(contract.fact(name)).hostname or "" for name in ("base_url", "cdn_url"))


@dataclass(frozen=True, slots=True)
class _Issued:
    """The certificates of a new authority, as PEM."""

    authority: bytes
    certificate: bytes
    key: bytes


def _issue(hosts: Sequence[str]) -> _Issued:
    import trustme

    authority = trustme.CA(organization_name="maxapi-mockserver, for tests only")
    issued = authority.issue_cert(*hosts)
    chain = b"".join(one.bytes() for one in issued.cert_chain_pems)
    return _Issued(authority.cert_pem.bytes(), chain, issued.private_key_pem.bytes())


def _server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


@lru_cache(maxsize=4)
def own_certificates(hosts: tuple[str, ...]) -> tuple[ssl.SSLContext, str]:
    """Return a server's TLS context for *hosts*, and the authority (PEM) that verifies it.

    They are for clients in this process, in which they are always the same; there is no file of
    them. Raises OSError.
    """
    from tempfile import TemporaryDirectory

    issued = _issue(hosts)
    with TemporaryDirectory(prefix="maxapi-mock-") as name:  # ssl reads keys from files only
        certificate, key = Path(name, "server.pem"), Path(name, "server.key")
        certificate.write_bytes(issued.certificate)
        key.write_bytes(issued.key)
        return _server_context(certificate, key), issued.authority.decode()


class Authority:
    """New certificates for *hosts*, in *folder*, for other processes to trust.

    Without a folder they are in a temporary one, until `close`. Raises OSError.
    """

    def __init__(self, hosts: Sequence[str], folder: Path | None = None) -> None:
        from tempfile import mkdtemp

        self._temporary = folder is None
        self.folder = Path(mkdtemp(prefix="maxapi-mock-")) if folder is None else folder.resolve()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._write(_issue(hosts))
        except OSError:
            self.close()
            raise

    def _write(self, issued: _Issued) -> None:
        self.certificate, self.key = self.folder / "server.pem", self.folder / "server.key"
        self.authority = self.folder / "ca.pem"
        """The authority, and what NODE_EXTRA_CA_CERTS named before; Node adds all of it."""
        self.bundle = self.folder / "bundle.pem"
        """The authority and those of this machine, for clients that trust one file only."""
        write_whole({self.key: issued.key}, 0o600)
        write_whole(
            {
                self.certificate: issued.certificate,
                self.authority: issued.authority + _extra_for_node(),
                self.bundle: issued.authority + _trusted_here(),
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the files if they are in a temporary folder."""
        from shutil import rmtree

        if self._temporary:
            rmtree(self.folder, ignore_errors=True)

    def context(self) -> ssl.SSLContext:
        """Make a TLS context for a server."""
        return _server_context(self.certificate, self.key)

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that make common clients trust the certificates."""
        return {
            **dict.fromkeys(("SSL_CERT_FILE", *_BUNDLES), str(self.bundle)),
            _NODE: str(self.authority),
        }


def _extra_for_node() -> bytes:
    try:
        return Path(os.environ[_NODE]).read_bytes()
    except (KeyError, OSError):
        return b""


def _trusted_here() -> bytes:
    """Return the authorities that clients on this machine trust: by file, folder or variable."""
    context = ssl.create_default_context()
    folder = ssl.get_default_verify_paths().capath
    files = [path for path in Path(folder).iterdir() if path.is_file()] if folder else []
    for path in [*files, *(Path(os.environ[name]) for name in _BUNDLES if name in os.environ)]:
        with suppress(OSError, ssl.SSLError):
            context.load_verify_locations(path)
    known = context.get_ca_certs(binary_form=True)
    return "".join(map(ssl.DER_cert_to_PEM_cert, known)).encode()
