"""Webhooks to receivers that speak TLS."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mockserver.engine.webhooks.attempt import AttemptResult, Failure, WebhookRequest
from mockserver.engine.webhooks.transport import HttpTransport, transport_of
from mockserver.settings import resolve_settings
from tests.engine.scripted import OK, Scripted

AUTHORITY = trustme.CA()


def context(*names: str) -> ssl.SSLContext:
    """Make what a receiver of these names needs."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    AUTHORITY.issue_cert(*names).configure_cert(made)
    return made


@contextmanager
def sending(**options: object) -> Iterator[HttpTransport]:
    """Return the transport of a mock with these settings."""
    texts = {name: str(value) for name, value in options.items()}
    transport = transport_of(resolve_settings(texts, environment={}).settings)
    yield transport
    transport.close()


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    """The file of the receivers' own authority."""
    AUTHORITY.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return tmp_path / "ca.pem"


def scheduled(transport: HttpTransport, url: str) -> AttemptResult:
    """Send a small webhook."""
    return transport(WebhookRequest(url, b"{}", "application/json", 5))


def test_an_unknown_authority_is_told_with_what_helps() -> None:
    """The receiver gets nothing."""
    with Scripted([OK], tls=context("127.0.0.1")) as receiver, sending() as transport:
        result = scheduled(transport, receiver.url)

    assert (result.status, result.failure) == (None, Failure.TLS)
    assert (result.error or "").startswith("TLS failed: unable to get local issuer certificate")
    assert "--webhook-ca" in (result.error or "")
    assert receiver.requests == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "app.localhost."])
def test_an_authority_of_the_settings_is_trusted(pem: Path, host: str) -> None:
    """Under every name of the certificate; connections are kept as without TLS."""
    tls = context("127.0.0.1", "localhost", "*.localhost", "app.localhost")
    with Scripted([OK, OK], tls=tls) as receiver, sending(webhook_ca=pem) as transport:
        url = receiver.url.replace("127.0.0.1", host)
        outcomes = [scheduled(transport, url) for _ in range(2)]

    assert [one.status for one in outcomes] == [200, 200]


def test_a_kept_connection_that_has_ended_is_not_a_failure(pem: Path) -> None:
    """Neither is it with TLS."""
    tls = context("127.0.0.1")
    with Scripted([OK, b""], [OK], tls=tls) as receiver, sending(webhook_ca=pem) as transport:
        outcomes = [scheduled(transport, receiver.url) for _ in range(2)]

    assert [one.status for one in outcomes] == [200, 200]
    assert len(receiver.requests) == 3


def test_another_name_is_not_trusted(pem: Path) -> None:
    """A certificate is of names."""
    tls = context("app.example")
    with Scripted([OK], tls=tls) as receiver, sending(webhook_ca=pem) as transport:
        result = scheduled(transport, receiver.url)

    assert result.failure is Failure.TLS
    assert "IP address mismatch" in (result.error or "")


def test_certificates_need_not_be_checked() -> None:
    """If the settings say so, whatever their issuer and name."""
    tls = context("app.example")
    with Scripted([OK], tls=tls) as receiver, sending(webhook_verify="false") as transport:
        result = scheduled(transport, receiver.url)

    assert (result.status, result.error) == (200, None)


def test_a_certificate_that_vouches_for_itself_can_be_trusted(tmp_path: Path) -> None:
    """As developers make them by one line of openssl: no authority, hardly an extension."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    certificate = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    form = serialization.Encoding.PEM
    pem = tmp_path / "own.pem"
    pem.write_bytes(
        certificate.public_bytes(form)
        + key.private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)

    with Scripted([OK], tls=tls) as receiver, sending(webhook_ca=pem) as transport:
        result = scheduled(transport, receiver.url.replace("127.0.0.1", "localhost"))

    assert (result.status, result.error) == (200, None)


@pytest.mark.parametrize(
    ("answer", "said"), [(OK, "TLS failed: "), (b"", "TLS failed: "), (None, "no response within")]
)
def test_a_receiver_without_tls_is_told(answer: bytes | None, said: str) -> None:
    """Whatever it does with a greeting that it does not understand."""
    with Scripted([answer], greeting=True) as receiver, sending() as transport:
        url = receiver.url.replace("http:", "https:")
        result = transport(WebhookRequest(url, b"{}", "application/json", 0.5))

    assert result.failure is (Failure.TIMEOUT if answer is None else Failure.TLS)
    assert (result.error or "").startswith(said)


@pytest.mark.parametrize("content", [b"", b"no certificate", None])
def test_a_wrong_file_of_authorities_is_rejected_at_the_start(
    tmp_path: Path, content: bytes | None
) -> None:
    """In one line, before any webhook is due."""
    from mockserver.settings import SettingError

    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(SettingError, match=r"^webhook-ca: .*; use a PEM file of certificates"):
        resolve_settings({"webhook_ca": str(path)}, environment={})
