"""The certificates of a private authority: which names they hold, what the authority may vouch for. Pure.

``doors/authority.py`` keeps them in files.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Sequence
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAMES: Final = (
    "localhost",
    "127.0.0.1",
    "::1",
    "*.googleapis.com",
    "*.us.rep.googleapis.com",
    "*.eu.rep.googleapis.com",
    "metadata.google.internal",
)
"""What clients call this server by: as it is, or as the Google service that they think they reach.

A wildcard stands for one label, and the addresses of the multi-regions have more of them.
"""

_DOMAINS: Final = ("localhost", "googleapis.com", "metadata.google.internal")
"""What every authority may vouch for (RFC 5280 section 4.2.1.10): its key, if stolen, opens no other site.

Addresses go unconstrained: BoringSSL, and with it every gRPC client in C++ or Python, refuses a certificate with
an address when the authority constrains those ("unsupported name constraint type").
"""

AUTHORITY_DAYS: Final = 3650
LEAF_DAYS: Final = 397
"""Apple's clients trust none that are longer (https://support.apple.com/en-us/102028)."""

_BACKDATED: Final = dt.timedelta(days=1)
"""For clients whose clocks are behind."""

_Key = ec.EllipticCurvePrivateKey


def new_authority(key: _Key, names: Sequence[str], now: dt.datetime) -> x509.Certificate:
    """A root that may vouch for the usual names and for ``names``."""
    beyond = [name.removeprefix("*.") for name in names if not _is_within(_DOMAINS, name)]
    permitted = [x509.DNSName(domain) for domain in dict.fromkeys((*_DOMAINS, *beyond))]
    # The number tells the authorities of two machines apart: clients look issuers up by name.
    subject = _name(f"geminid {x509.random_serial_number():040x}"[:24])
    return (
        _builder(subject, subject, key.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def new_leaf(
    key: _Key, names: Sequence[str], now: dt.datetime, *, ca: x509.Certificate, ca_key: _Key
) -> x509.Certificate:
    """A server's certificate for ``names``."""
    alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
    return (
        _builder(_name("geminid"), ca.subject, key.public_key(), now, LEAF_DAYS)
        .add_extension(alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def may_vouch_for(ca: x509.Certificate, names: Sequence[str]) -> bool:
    permitted = ca.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    domains = [str(subtree.value) for subtree in permitted]
    return all(_is_within(domains, name) for name in names)


def serves(leaf: x509.Certificate, names: Sequence[str], ca: x509.Certificate) -> bool:
    """Whether ``leaf`` is ``ca``'s and for exactly ``names``."""
    try:
        leaf.verify_directly_issued_by(ca)
    except (InvalidSignature, ValueError, TypeError):
        return False
    held = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(held) == {_general_name(name) for name in names}


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: dt.datetime, days: int
) -> x509.CertificateBuilder:
    begin = now - _BACKDATED
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=days))
    )


def _name(text: str) -> x509.Name:
    """Not a common name: some clients hold those against the name constraints."""
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, text)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _is_within(domains: Sequence[str], name: str) -> bool:
    if isinstance(_general_name(name), x509.IPAddress):
        return True
    host = name.removeprefix("*.")
    return any(host == domain or host.endswith(f".{domain}") for domain in domains)
