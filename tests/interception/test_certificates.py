"""Throw-away certificates, a server that uses them, and the API's own names."""

from __future__ import annotations

import socket
import ssl
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from urllib.parse import urlsplit

import pytest
import requests
import trustme

from mockserver.contract import Contract
from mockserver.engine.service import Service
from mockserver.interception.certificates import Authority, api_hosts
from mockserver.settings import make_settings
from mockserver.web.server import Server, ServerError
from tests.client import SUBMIT, seed
from tests.conftest import MakeClient

API, CDN = "api.maxapi.io", "cdn.maxapi.io"
AUTH = {"Authorization": "Bearer test"}


def shake_hands(port: int, name: str, trusted: Path) -> None:
    """Connect to a port of this machine as if it were *name*. Raises SSLError."""
    context = ssl.create_default_context(cafile=trusted)
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        context.wrap_socket(connection, server_hostname=name).close()


def pem(path: Path) -> list[bytes]:
    """Read the certificates of a file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(path)
    return context.get_ca_certs(binary_form=True)


@pytest.fixture
def nothing_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which no authority is trusted."""
    for kind in ("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS"):
        monkeypatch.setenv(kind, str(tmp_path / "none"))
    for kind in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(kind, raising=False)


@pytest.fixture(scope="module")
def server(contract: Contract) -> Iterator[Server]:
    """A server with TLS, whose tasks end at once."""
    settings = make_settings(contract, port=0, tls=True, pace="instant")
    with Server(Service(contract, settings)) as server:
        yield server


@pytest.fixture(scope="module")
def authority(server: Server) -> Authority:
    """The authority of the server."""
    assert server.authority is not None
    return server.authority


def test_the_hosts_of_the_api_are_those_of_the_contract(contract: Contract) -> None:
    """The one that is called, and the one that serves result files."""
    assert api_hosts(contract) == (API, CDN)


def test_a_temporary_folder_goes_and_a_named_one_stays(tmp_path: Path) -> None:
    """With its files; a named folder is created if it does not exist."""
    named = tmp_path / "a" / "b"

    with Authority([API]) as temporary:
        assert temporary.key.exists()
    with Authority([API], named):
        pass

    assert not temporary.folder.exists()
    assert sorted(path.name for path in named.iterdir()) == [
        "bundle.pem",
        "ca.pem",
        "server.key",
        "server.pem",
    ]


def test_only_the_owner_can_read_the_key(tmp_path: Path) -> None:
    """No other user can enter the temporary folder."""
    with Authority([API]) as temporary, Authority([API], tmp_path) as named:
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (temporary.key, named.key)]

        assert modes == [0o600, 0o600]
        assert stat.S_IMODE(temporary.folder.stat().st_mode) == 0o700


def test_a_key_that_others_could_read_is_closed(tmp_path: Path) -> None:
    """A folder that is used again has the key of last time, perhaps as a copy."""
    (tmp_path / "server.key").touch(0o644)

    with Authority([API], tmp_path) as authority:
        assert stat.S_IMODE(authority.key.stat().st_mode) == 0o600


def test_a_folder_that_is_used_again_gets_new_certificates(tmp_path: Path) -> None:
    """They match each other, and the old ones are no longer trusted."""
    with Authority([API], tmp_path):
        old = pem(tmp_path / "ca.pem")

    with Authority([API], tmp_path) as authority:
        authority.context()

    assert pem(tmp_path / "ca.pem") != old


@pytest.mark.usefixtures("nothing_trusted")
@pytest.mark.parametrize(
    ("name", "file", "count"),
    [("SSL_CERT_FILE", "bundle.pem", 2), ("NODE_EXTRA_CA_CERTS", "ca.pem", 2), ("-", "ca.pem", 1)],
)
def test_authorities_stay_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, file: str, count: int
) -> None:
    """By clients that trust one file only, and by Node, which has a variable of its own."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "here.pem")
    monkeypatch.setenv(name, str(tmp_path / "here.pem"))

    with Authority([API]) as authority:
        assert len(pem(authority.folder / file)) == count


@pytest.mark.usefixtures("nothing_trusted")
@pytest.mark.skipif(which("openssl") is None, reason="names the files of the folder")
def test_the_bundle_has_the_authorities_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some machines have no file of all authorities, but a folder with a file for each."""
    trustme.CA().cert_pem.write_to_path(tmp_path / "here.pem")
    command = ["openssl", "x509", "-hash", "-noout", "-in", str(tmp_path / "here.pem")]
    name = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    (tmp_path / "here.pem").rename(tmp_path / f"{name}.0")
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))

    with Authority([API]) as authority:
        assert len(pem(authority.bundle)) == 2


def test_common_clients_are_told_what_to_trust() -> None:
    """By their own variables: clients that add to what they trust get the authority alone."""
    with Authority([API]) as authority:
        environment = dict(authority.environment)

    bundle = str(authority.bundle)
    assert environment.pop("NODE_EXTRA_CA_CERTS") == str(authority.authority)
    assert environment == {
        "SSL_CERT_FILE": bundle,
        "REQUESTS_CA_BUNDLE": bundle,
        "CURL_CA_BUNDLE": bundle,
    }


@pytest.mark.parametrize("name", [API, CDN, "localhost", "127.0.0.1", "::1"])
def test_the_server_has_a_certificate_of_each_of_its_names(
    server: Server, authority: Authority, name: str
) -> None:
    """The API's own names, and those of this machine."""
    shake_hands(server.port, name, authority.authority)


@pytest.mark.parametrize("name", ["example.com", "maxapi.io", "x.api.maxapi.io", "127.0.0.2"])
def test_the_server_has_no_other_names(server: Server, authority: Authority, name: str) -> None:
    """The authority signs for the hosts of the API and this machine only."""
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(server.port, name, authority.authority)


def test_the_api_is_served_over_tls(server: Server, authority: Authority) -> None:
    """The result's URL is an HTTPS URL that works, and so does the control plane."""
    with requests.Session() as session:
        session.headers.update(AUTH)
        session.trust_env = False
        session.verify = str(authority.bundle)
        task_id = session.post(server.url + SUBMIT, json=seed(), timeout=5).json()["data"]["taskId"]
        task = session.get(f"{server.url}/api/v1/task/{task_id}", timeout=5).json()["data"]
        [url] = task["result"]["urls"]
        image = session.get(url, timeout=5)
        listed = session.get(f"{server.url}/__mock/tasks", timeout=5).json()["tasks"]

    assert server.url == f"https://127.0.0.1:{server.port}"
    assert url.startswith(f"{server.url}/images/")
    assert image.content.startswith(b"\x89PNG")
    assert [one["taskId"] for one in listed] == [task_id]


def test_a_client_without_tls_affects_no_other(server: Server, authority: Authority) -> None:
    """It gets no response; the next client is served."""
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{server.port}/", timeout=5)

    shake_hands(server.port, API, authority.authority)


def test_a_folder_that_cannot_be_written_is_an_error(contract: Contract, tmp_path: Path) -> None:
    """In one line that names the setting and the folder."""
    (tmp_path / "file").touch()
    settings = make_settings(contract, port=0, tls=True, tls_folder=tmp_path / "file" / "x")

    with pytest.raises(
        ServerError, match=r"^tls-folder: .*/file/x: Not a directory; use a writable folder"
    ):
        Server(Service(contract, settings)).start()


def test_a_public_server_has_the_names_of_its_machine(
    contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other machines reach it by those."""
    monkeypatch.setattr(socket, "gethostname", lambda: "build-7")
    settings = make_settings(contract, port=0, tls=True, host="0.0.0.0")

    with Server(Service(contract, settings)) as server:
        assert server.authority is not None
        shake_hands(server.port, "build-7", server.authority.authority)


@pytest.mark.parametrize("name", ["my_machine", "x" * 64])
def test_a_machine_whose_name_no_certificate_takes_is_served(
    contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Host names cannot have an underscore, but machines have it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    settings = make_settings(contract, port=0, tls=True, host="0.0.0.0")

    with Server(Service(contract, settings)) as server:
        assert server.authority is not None
        shake_hands(server.port, API, server.authority.authority)


@pytest.mark.parametrize(
    ("host", "base"),
    [
        (API, f"https://{CDN}"),
        (f"{API}:443", f"https://{CDN}"),
        (f"{API}:8443", f"http://{API}:8443"),
        (f"x.{API}", f"http://x.{API}"),
        ("127.0.0.1:6290", "http://127.0.0.1:6290"),
        (API.upper(), f"https://{CDN}"),
    ],
)
def test_calls_to_the_apis_name_get_urls_of_its_cdn(
    make_client: MakeClient, host: str, base: str
) -> None:
    """The same as from the API itself; at another port the CDN would not be the mock."""
    client = make_client(pace="instant")

    task_id = client.submit(seed(), host=host).json["data"]["taskId"]

    parts = urlsplit(client.poll(task_id)["result"]["urls"][0])
    assert f"{parts.scheme}://{parts.netloc}" == base
    assert client.request("GET", parts.path, headers={"host": CDN}).body.startswith(b"\x89PNG")


def test_a_public_url_has_precedence_over_the_apis_name(make_client: MakeClient) -> None:
    """It says where the mock is reached."""
    client = make_client(pace="instant", public_url="https://mock.example")

    task_id = client.submit(seed(), host=API).json["data"]["taskId"]

    assert client.poll(task_id)["result"]["urls"][0].startswith("https://mock.example/images/")
