"""A private certificate authority, so that clients which insist on TLS can be pointed at this server.

It makes its key on first use and keeps it in a folder; clients are told to trust ``ca.pem``, ``bundle`` or the
Java trust store. Not a listener: ``doors/tls.py`` serves with the certificate that comes from here. Everything
here blocks and is called at start.
"""

from __future__ import annotations

import datetime as dt
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)

from geminid.doors import certificates
from geminid.storage import durable

_RENEWED: Final = dt.timedelta(days=30)

_SYSTEM_ROOTS: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where distributions keep them, for a Python whose OpenSSL was built for another one."""


class CertificateError(Exception):
    """A certificate or a key cannot be used; the message names the file and says why."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Files in PEM: a certificate with its chain, and its key. Both may be the same file."""

    chain: Path
    key: Path


class Authority:
    """``folder`` holds ``ca.pem``, ``ca.key`` and ``server.pem``; several processes may share it.

    ``names`` are host names and addresses to serve beside ``certificates.NAMES``. A name that the authority may
    not vouch for makes a new authority, which clients have to be told to trust again.
    """

    def __init__(
        self,
        folder: Path,
        *,
        names: Sequence[str] = (),
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._folder = folder
        self._names = tuple(dict.fromkeys((*certificates.NAMES, *names)))
        self._clock = clock

    @property
    def ca(self) -> Path:
        """What clients trust. It is there once ``certificate`` was called."""
        return self._folder / "ca.pem"

    def certificate(self) -> Certificate:
        """A certificate for all names, made or renewed where need be. Raises CertificateError."""
        path = self._folder / "server.pem"
        try:
            with durable.exclusive(self._folder / "authority"):
                ca, ca_key = self._load() or self._make()
                if not self._is_current(path, ca):
                    self._issue(path, ca, ca_key)
        except OSError as error:
            raise CertificateError(f"{error.filename or self._folder}: {error.strerror}.") from error
        return Certificate(path, path)

    def bundle(self, path: Path) -> None:
        """Writes the system's roots and this one, for variables that replace all roots (``SSL_CERT_FILE``)."""
        durable.replace(path, _system_roots() + self.ca.read_bytes(), durable.PUBLIC)

    def trust_store(self, path: Path, password: str = "changeit") -> None:
        """Writes a PKCS #12 trust store for Java, from 8u301 on. The password protects nothing secret."""
        ca = x509.load_pem_x509_certificate(self.ca.read_bytes())
        entry = pkcs12.PKCS12Certificate(ca, b"geminid")
        store = pkcs12.serialize_java_truststore([entry], BestAvailableEncryption(password.encode()))
        durable.replace(path, store, durable.PUBLIC)

    def _load(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
        """The authority of the folder, where there is one that is still good for all names."""
        try:
            ca = x509.load_pem_x509_certificate(self.ca.read_bytes())
            key = load_pem_private_key((self._folder / "ca.key").read_bytes(), None)
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise CertificateError(f"{self._folder}: ca.pem or ca.key is damaged. Remove both.") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != ca.public_key():
            return None  # it ended between the two files
        good = not self._ends_soon(ca) and certificates.may_vouch_for(ca, self._names)
        return (ca, key) if good else None

    def _make(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        key = ec.generate_private_key(ec.SECP256R1())
        ca = certificates.new_authority(key, self._names, self._clock())
        durable.replace(self._folder / "ca.key", _pem(key))
        durable.replace(self.ca, ca.public_bytes(Encoding.PEM), durable.PUBLIC)
        return ca, key

    def _issue(self, path: Path, ca: x509.Certificate, ca_key: ec.EllipticCurvePrivateKey) -> None:
        """Certificate and key go into one file, so that no reader finds halves of two pairs."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = certificates.new_leaf(key, self._names, self._clock(), ca=ca, ca_key=ca_key)
        durable.replace(path, leaf.public_bytes(Encoding.PEM) + _pem(key))

    def _is_current(self, path: Path, ca: x509.Certificate) -> bool:
        try:
            leaf = x509.load_pem_x509_certificate(path.read_bytes())
        except (FileNotFoundError, ValueError):
            return False
        return certificates.serves(leaf, self._names, ca) and not self._ends_soon(leaf)

    def _ends_soon(self, certificate: x509.Certificate) -> bool:
        return certificate.not_valid_after_utc < self._clock() + _RENEWED


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _system_roots() -> bytes:
    roots = ssl.create_default_context().get_ca_certs(binary_form=True)
    if roots:
        return "".join(ssl.DER_cert_to_PEM_cert(root) for root in roots).encode()
    found = next((path for path in map(Path, _SYSTEM_ROOTS) if path.is_file()), None)
    return found.read_bytes() if found else b""
