"""https with a private certificate authority, which SSL_CERT_FILE names."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geminid.engines.weights import Weights, WeightsError, fetch

x509 = pytest.importorskip("cryptography.x509")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 that signs itself, with its key, in one PEM file."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path = tmp_path / "both.pem"
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + signed.public_bytes(pem)
    )
    return path


def test_a_private_authority_is_trusted_when_it_is_named(
    start_site: Any,
    body: Any,
    pinned: Callable[..., Weights],
    data: bytes,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    site = start_site(context)
    site.bodies["/m.gguf"] = body(data)
    weights = pinned(f"https://127.0.0.1:{site.port}/m.gguf")
    with pytest.raises(WeightsError, match=r"its certificate is not trusted \(SSL_CERT_FILE may name"):
        fetch(weights)

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    assert fetch(weights).read_bytes() == data
