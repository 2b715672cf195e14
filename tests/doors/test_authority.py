"""The private certificate authority: what is in its folder, when it renews, and who believes it."""

from __future__ import annotations

import datetime as dt
import ipaddress
import shutil
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12

from geminid.doors import certificates
from geminid.doors.authority import Authority, Certificate, CertificateError
from geminid.doors.tls import server_context

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "tls"


def leaf(certificate: Certificate) -> x509.Certificate:
    return x509.load_pem_x509_certificate(certificate.chain.read_bytes())


def names(certificate: x509.Certificate) -> list[str]:
    held = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = [str(address) for address in held.get_values_for_type(x509.IPAddress)]
    return held.get_values_for_type(x509.DNSName) + addresses


def handshake(certificate: Certificate, roots: Path, host: str) -> None:
    """TLS between two memory buffers. Raises ssl.SSLError when the client does not believe the server."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context(cafile=str(roots)).wrap_bio(to_client, to_server, server_hostname=host)
    server = server_context(certificate).wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, server):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    client.do_handshake()


# The folder.


def test_the_keys_are_private_and_of_p256(folder: Path) -> None:
    certificate = Authority(folder).certificate()

    assert {path.name for path in folder.iterdir() if ".lock" not in path.name} == {
        "ca.pem",
        "ca.key",
        "server.pem",
    }
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "ca.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(certificate.key.stat().st_mode) == 0o600
    assert isinstance(key := leaf(certificate).public_key(), ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)


def test_it_is_made_once(folder: Path) -> None:
    first = Authority(folder, clock=lambda: NOW).certificate().chain.read_bytes()

    assert Authority(folder, clock=lambda: NOW + dt.timedelta(days=300)).certificate().chain.read_bytes() == first


def test_several_at_once_make_one(folder: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: Authority(folder).certificate().chain.read_bytes(), range(8)))

    assert len(set(made)) == 1


def test_processes_at_once_make_one(folder: Path) -> None:
    code = (
        "import sys, pathlib; from geminid.doors.authority import Authority;"
        "print(Authority(pathlib.Path(sys.argv[1])).certificate().chain.read_bytes().hex())"
    )
    command = [sys.executable, "-c", code, str(folder)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]

    assert len({process.communicate(timeout=60)[0] for process in processes}) == 1


def test_it_is_renewed_before_its_end_by_the_same_authority(folder: Path) -> None:
    authority = Authority(folder, clock=lambda: NOW)
    first = leaf(authority.certificate())
    ca = authority.ca.read_bytes()

    renewed = leaf(Authority(folder, clock=lambda: NOW + dt.timedelta(days=367)).certificate())

    assert renewed.serial_number != first.serial_number
    assert authority.ca.read_bytes() == ca


def test_the_authority_is_renewed_before_its_end(folder: Path) -> None:
    first = Authority(folder, clock=lambda: NOW)
    first.certificate()
    ca = first.ca.read_bytes()
    later = Authority(folder, clock=lambda: NOW + dt.timedelta(days=certificates.AUTHORITY_DAYS - 10))

    later.certificate()

    assert later.ca.read_bytes() != ca


def test_a_name_within_reach_keeps_the_authority(folder: Path) -> None:
    Authority(folder).certificate()
    ca = (folder / "ca.pem").read_bytes()

    certificate = Authority(folder, names=["europe-west9-aiplatform.googleapis.com", "127.0.0.2"]).certificate()

    assert (folder / "ca.pem").read_bytes() == ca
    assert "127.0.0.2" in names(leaf(certificate))


def test_a_name_beyond_reach_makes_a_new_one(folder: Path) -> None:
    Authority(folder).certificate()
    ca = (folder / "ca.pem").read_bytes()
    own = ["gemini.example", "eu.gemini.example", "192.0.2.7", "2001:db8::7"]

    certificate = Authority(folder, names=own).certificate()

    assert (folder / "ca.pem").read_bytes() != ca
    assert set(own) < set(names(leaf(certificate)))
    for name in own:
        handshake(certificate, folder / "ca.pem", name)


@pytest.mark.parametrize("lost", ["ca.key", "ca.pem", "server.pem"])
def test_what_was_lost_is_made_again(folder: Path, lost: str) -> None:
    authority = Authority(folder)
    authority.certificate()
    (folder / lost).unlink()

    handshake(authority.certificate(), authority.ca, "localhost")


def test_a_key_of_another_authority_is_not_used(folder: Path, tmp_path: Path) -> None:
    authority = Authority(folder)
    authority.certificate()
    Authority(tmp_path / "other").certificate()
    shutil.copy(tmp_path / "other" / "ca.key", folder / "ca.key")

    handshake(authority.certificate(), authority.ca, "localhost")


def test_a_damaged_authority_is_told(folder: Path) -> None:
    Authority(folder).certificate()
    (folder / "ca.key").write_text("not a key")

    with pytest.raises(CertificateError, match=r"ca\.key is damaged"):
        Authority(folder).certificate()


def test_a_folder_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(CertificateError, match=r"file/tls: \w+"):
        Authority(tmp_path / "file" / "tls").certificate()


# Who believes it.

HOSTS = ["localhost", "127.0.0.1", "::1", "us-central1-aiplatform.googleapis.com", "oauth2.googleapis.com",
         "www.googleapis.com", "aiplatform.eu.rep.googleapis.com", "metadata.google.internal"]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_python_believes_it(folder: Path, host: str) -> None:
    authority = Authority(folder)

    handshake(authority.certificate(), authority.ca, host)


def test_it_vouches_for_no_other_host(folder: Path) -> None:
    """Not even with its own key: the constraints are in the root that clients trust."""
    authority = Authority(folder, clock=lambda: dt.datetime.now(dt.UTC))
    authority.certificate()
    forged = Authority(folder, names=["bank.example"])
    ca, ca_key = authority._load() or pytest.fail("there is an authority")
    forged._issue(folder / "forged.pem", ca, ca_key)

    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree violation"):
        handshake(Certificate(folder / "forged.pem", folder / "forged.pem"), authority.ca, "bank.example")


def test_a_client_with_other_roots_does_not_believe_it(folder: Path, tmp_path: Path) -> None:
    certificate = Authority(folder).certificate()
    other = Authority(tmp_path / "other")
    other.certificate()

    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(certificate, other.ca, "localhost")


def test_the_bundle_has_the_systems_roots_and_ours(folder: Path, tmp_path: Path) -> None:
    authority = Authority(folder)
    certificate = authority.certificate()
    bundle = tmp_path / "bundle.pem"

    authority.bundle(bundle)

    handshake(certificate, bundle, "localhost")
    assert bundle.read_bytes().count(b"BEGIN CERT") == len(ssl.create_default_context().get_ca_certs()) + 1


def test_the_trust_store_holds_the_authority_alone(folder: Path, tmp_path: Path) -> None:
    authority = Authority(folder)
    authority.certificate()
    store = tmp_path / "trust.p12"

    authority.trust_store(store)

    held = pkcs12.load_pkcs12(store.read_bytes(), b"changeit")
    assert held.key is None
    assert [entry.certificate for entry in held.additional_certs] == [
        x509.load_pem_x509_certificate(authority.ca.read_bytes())
    ]


@pytest.mark.skipif(not shutil.which("keytool"), reason="needs a Java runtime")
def test_java_reads_the_trust_store(folder: Path, tmp_path: Path) -> None:
    authority = Authority(folder)
    authority.certificate()
    authority.trust_store(tmp_path / "trust.p12")

    command = ["keytool", "-list", "-keystore", str(tmp_path / "trust.p12"), "-storepass", "changeit"]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert "trustedCertEntry" in listed.stdout, listed.stdout


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_openssl_finds_nothing_wrong(folder: Path) -> None:
    certificate = Authority(folder).certificate()
    checks = ["-purpose", "sslserver", "-x509_strict", "-verify_hostname", "oauth2.googleapis.com"]

    command = ["openssl", "verify", *checks, "-CAfile", str(folder / "ca.pem"), str(certificate.chain)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr


# The operator's own certificate.

Break = Callable[[Path], Certificate]


def missing(folder: Path) -> Certificate:
    return Certificate(folder / "none.pem", folder / "none.pem")


def not_a_certificate(folder: Path) -> Certificate:
    (folder / "text.pem").write_text("text")
    return Certificate(folder / "text.pem", folder / "text.pem")


def another_key(folder: Path) -> Certificate:
    return Certificate(folder / "server.pem", folder / "ca.key")


def encrypted_key(folder: Path) -> Certificate:
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    key = ec.generate_private_key(ec.SECP256R1())
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    )
    return Certificate(folder / "server.pem", folder / "key.pem")


@pytest.mark.parametrize("broken", [missing, not_a_certificate, another_key, encrypted_key])
def test_a_certificate_that_cannot_serve_is_told(folder: Path, broken: Break) -> None:
    Authority(folder).certificate()

    with pytest.raises(CertificateError, match=r"\.pem and .*: .*\w"):
        server_context(broken(folder))


def test_the_leaf_is_short_enough_and_backdated(folder: Path) -> None:
    made = leaf(Authority(folder, clock=lambda: NOW).certificate())

    assert made.not_valid_before_utc < NOW
    assert made.not_valid_after_utc - made.not_valid_before_utc <= dt.timedelta(days=398)
    assert ipaddress.ip_address("127.0.0.1") in made.extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    ).value.get_values_for_type(x509.IPAddress)
