"""A throw-away certificate authority for the API's own names, and how clients come to trust it."""

from __future__ import annotations

import os
import shutil
import ssl
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
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


class Authority:
    """New certificates for *hosts*, in *folder*.

    Without a folder they are in a temporary one, until `close`. *bundled* is whether to write
    `bundle` too, which takes longer than everything else. Raises OSError.
    """

    def __init__(
        self, hosts: Sequence[str], folder: Path | None = None, *, bundled: bool = True
    ) -> None:
        self._temporary = folder is None
        self.folder = (
            Path(tempfile.mkdtemp(prefix="maxapi-mock-")) if folder is None else folder.resolve()
        )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._issue(hosts)
            if bundled:
                write_whole({self.bundle: self.pem.encode() + _trusted_here()})
        except OSError:
            self.close()
            raise

    def _issue(self, hosts: Sequence[str]) -> None:
        import trustme

        self.certificate, self.key = self.folder / "server.pem", self.folder / "server.key"
        self.authority = self.folder / "ca.pem"
        """The authority, and what NODE_EXTRA_CA_CERTS named before; Node adds all of it."""
        self.bundle = self.folder / "bundle.pem"
        """The authority and those of this machine, for clients that trust one file only."""
        authority = trustme.CA(organization_name="maxapi-mockserver, for tests only")
        issued = authority.issue_cert(*hosts)
        own = authority.cert_pem.bytes()
        self.pem = own.decode()
        """The authority alone."""
        write_whole({self.key: issued.private_key_pem.bytes()}, 0o600)
        write_whole(
            {
                self.certificate: b"".join(one.bytes() for one in issued.cert_chain_pems),
                self.authority: own + _extra_for_node(),
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the files if they are in a temporary folder."""
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)

    def context(self) -> ssl.SSLContext:
        """Make a TLS context for a server."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context

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
