"""How the clients of each language are made to call an interceptor, and to trust it."""

from __future__ import annotations

import json
import re
import ssl
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from mockserver.interception.certificates import Authority
from mockserver.interception.interceptor import Interceptor
from mockserver.network.proxy_environment import past_proxies

_PASSWORD = "maxapi-mock"  # noqa: S105 - what it protects is public
_BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
_NON_PROXY = "localhost|127.*|[::1]"
"""Hosts that Java calls without a proxy."""


@dataclass(frozen=True, slots=True)
class ClientSetup:
    """Makes the clients of a command call the mock; *environment* is the user's own."""

    interceptor: Interceptor
    authority: Authority
    mock: tuple[str, int]
    urls: Sequence[str]
    """The base URLs of the mock itself."""
    environment: Mapping[str, str]

    def variables(self) -> dict[str, str]:
        """Write the files that clients read; return the variables to set.

        What the user has set in them is kept, and extended.
        """
        return {
            **self._trust(),
            **self._proxies(),
            **self._node(),
            **self._python(),
            **self._ruby(),
            **self._java(),
            **self._php(),
            **self._wget(),
        }

    @property
    def _folder(self) -> Path:
        return self.authority.folder

    @property
    def _proxy(self) -> str:
        return f"http://127.0.0.1:{self.interceptor.proxy_port}"

    @property
    def _own(self) -> bytes:
        """The certificate of the throw-away authority, which is the first in its file."""
        first, end, _ = self.authority.authority.read_bytes().partition(_END)
        return first + end + b"\n"

    @property
    def _bundle(self) -> Path:
        """The file of trusted authorities: none of the internet if nothing may go there."""
        if self.interceptor.allow_others:
            return self.authority.bundle
        return self._folder / "trusted.pem"

    def _trust(self) -> dict[str, str]:
        variables = {**self.authority.environment}
        if not self.interceptor.allow_others:
            self._bundle.write_bytes(self._own + private_authorities(self.environment))
            empty = self._folder / "empty"
            empty.mkdir()
            variables["SSL_CERT_DIR"] = str(empty)
        return variables | dict.fromkeys(_BUNDLES, str(self._bundle))

    def _proxies(self) -> dict[str, str]:
        proxies = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), self._proxy)
        hosts = self.interceptor.hosts
        return proxies | past_proxies(self.environment, *self.urls, redirected=hosts)

    def _node(self) -> dict[str, str]:
        facts = {
            "port": self.interceptor.tls_port,
            "mock": self.mock,
            "hosts": self.interceptor.hosts,
            "allowOthers": self.interceptor.allow_others,
        }
        script = self._script("preload.cjs", f"const MOCK = {json.dumps(facts)};\n")
        return {
            "NODE_USE_ENV_PROXY": "1",
            "NODE_OPTIONS": self._added("NODE_OPTIONS", f'--require "{script}"'),
        }

    def _python(self) -> dict[str, str]:
        folder = self._folder / "python"
        folder.mkdir()
        source = Path(str(files("mockserver.interception").joinpath("preload.py")))
        run = f"exec(compile(open({str(source)!r}, 'rb').read(), {str(source)!r}, 'exec'), scope)"
        lines = (
            f"scope = {{'__name__': 'maxapi_mock_preload', '__file__': {str(source)!r}}}",
            run,
            f"scope['install']({self._facts()!r}, {str(folder)!r})",
        )
        (folder / "sitecustomize.py").write_text("\n".join(lines) + "\n", "utf-8")
        return {"PYTHONPATH": self._listed("PYTHONPATH", str(folder))}

    def _ruby(self) -> dict[str, str]:
        facts = json.dumps(json.dumps(self._facts()))
        head = f"require 'json'\nMAXAPI_MOCK = JSON.parse({facts})\n"
        script = self._script("preload.rb", head, "maxapi_mock_preload.rb")
        return {
            "RUBYLIB": self._listed("RUBYLIB", str(script.parent)),
            "RUBYOPT": self._added("RUBYOPT", f"-r{script.stem}"),
        }

    def _java(self) -> dict[str, str]:
        store = self._folder / "trusted.p12"
        store.write_bytes(_trust_store(self._bundle.read_bytes()))
        options = {
            "javax.net.ssl.trustStore": store,
            "javax.net.ssl.trustStoreType": "PKCS12",
            "javax.net.ssl.trustStorePassword": _PASSWORD,
            "https.proxyHost": "127.0.0.1",
            "https.proxyPort": self.interceptor.proxy_port,
            "http.nonProxyHosts": _NON_PROXY,
        }
        text = " ".join(_java_option(f"-D{name}={value}") for name, value in options.items())
        return {"JAVA_TOOL_OPTIONS": self._added("JAVA_TOOL_OPTIONS", text)}

    def _php(self) -> dict[str, str]:
        folder = self._folder / "php"
        folder.mkdir()
        text = f'openssl.cafile="{self._bundle}"\ncurl.cainfo="{self._bundle}"\n'
        (folder / "maxapi-mock.ini").write_text(text, "utf-8")
        own = self.environment.get("PHP_INI_SCAN_DIR", "")  # empty: the folder built into PHP
        return {"PHP_INI_SCAN_DIR": f"{own}:{folder}"}

    def _wget(self) -> dict[str, str]:
        home = self.environment.get("HOME", "/nonexistent")
        own = b""
        with suppress(OSError):
            own = Path(self.environment.get("WGETRC") or f"{home}/.wgetrc").read_bytes()
        path = self._folder / "wgetrc"
        path.touch(0o600)
        added = f"\nca_certificate = {self._bundle}\nhttps_proxy = {self._proxy}\nuse_proxy = on\n"
        path.write_bytes(own + added.encode())
        return {"WGETRC": str(path)}

    def _facts(self) -> dict[str, Any]:
        return {
            "hosts": list(self.interceptor.hosts),
            "tls_port": self.interceptor.tls_port,
            "mock": list(self.mock),
            "allow_others": self.interceptor.allow_others,
            "authority": self._own.decode(),
        }

    def _script(self, name: str, head: str, called: str = "") -> Path:
        code = files("mockserver.interception").joinpath(name).read_text("utf-8")
        path = self._folder / (called or name)
        path.write_text(head + code, "utf-8")
        return path

    def _added(self, name: str, more: str) -> str:
        return f"{self.environment.get(name, '')} {more}".strip()

    def _listed(self, name: str, folder: str) -> str:
        own = self.environment.get(name)
        return f"{folder}:{own}" if own else folder


def _java_option(text: str) -> str:
    """Quote an option that JAVA_TOOL_OPTIONS would split at a space."""
    return f'"{text}"' if any(char.isspace() for char in text) else text


def _trust_store(pem: bytes) -> bytes:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
    from cryptography.x509 import load_pem_x509_certificate

    certificates = []
    with warnings.catch_warnings(action="ignore"):  # about odd authorities of this machine
        for number, text in enumerate(pem.split(_END)[:-1]):
            with suppress(ValueError):
                one = load_pem_x509_certificate(text + _END)
                certificates.append(pkcs12.PKCS12Certificate(one, f"authority {number}".encode()))
    encryption = BestAvailableEncryption(_PASSWORD.encode())
    return pkcs12.serialize_java_truststore(certificates, encryption)


def private_authorities(environment: Mapping[str, str]) -> bytes:
    """Return the authorities that only the user's variables name, for example a company's own.

    Public ones are left out, so that no host of the internet is trusted.
    """
    named = [Path(environment[name]) for name in _BUNDLES if environment.get(name)]
    own = _certificates(named)
    own = own - _certificates(_public_files()) if own else own
    lines = (b"\n".join(re.findall(b".{1,64}", one)) for one in sorted(own))
    return b"".join(b"%s\n%s\n%s\n" % (_BEGIN, one, _END) for one in lines)


def _public_files() -> list[Path]:
    places = ssl.get_default_verify_paths()
    files_ = [Path(places.openssl_cafile)]
    with suppress(ImportError):
        import certifi

        files_.append(Path(certifi.where()))
    with suppress(OSError):
        files_ += Path(places.openssl_capath).iterdir()
    return files_


def _certificates(paths: Sequence[Path]) -> set[bytes]:
    """Return the base64 text of each certificate, on one line."""
    found: set[bytes] = set()
    for path in paths:
        with suppress(OSError):
            parts = (part.partition(_END) for part in path.read_bytes().split(_BEGIN)[1:])
            found |= {b"".join(body.split()) for body, end, _ in parts if end}
    return found
