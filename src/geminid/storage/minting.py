"""Makes new secrets and service account keys. Each is returned once, beside the record that may be kept of it."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Final, assert_never

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from geminid.storage.base import Account, Kind, Secret, digest

ACCESS_TOKEN_SECONDS: Final = 3599
"""What Google's token endpoint answers as ``expires_in``."""


def mint(
    kind: Kind,
    *,
    name: str,
    project: str,
    now: dt.datetime,
    lifetime: dt.timedelta | None = None,
    scopes: tuple[str, ...] = (),
) -> tuple[str, Secret]:
    """A new secret of the form that Google gives this kind, and its record."""
    text = _text(kind)
    record = Secret(
        id=secrets.token_hex(8),
        kind=kind,
        digest=digest(text),
        name=name,
        project=project,
        created=now,
        expires=now + lifetime if lifetime else None,
        scopes=scopes,
        hint="" if kind is Kind.ACCESS_TOKEN else text[-4:],
    )
    return text, record


def _text(kind: Kind) -> str:
    """Clients tell keys and tokens apart by how they begin."""
    match kind:
        case Kind.API_KEY:
            return "AIza" + secrets.token_urlsafe(26)
        case Kind.ACCESS_TOKEN:
            return "ya29." + secrets.token_urlsafe(32)
        case Kind.REFRESH_TOKEN:
            return "1//" + secrets.token_urlsafe(32)
        case Kind.SUBJECT_TOKEN:
            return secrets.token_urlsafe(32)
        case _:
            assert_never(kind)


def service_account(
    name: str, project: str, *, token_uri: str, now: dt.datetime
) -> tuple[dict[str, str], Account]:
    """A new account with one RSA key: its key file, as Google's clients read it, and its record."""
    private = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
    kid = secrets.token_hex(20)
    email = f"{name}@{project}.iam.gserviceaccount.com"
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    key_file = {
        "type": "service_account",
        "project_id": project,
        "private_key_id": kid,
        "private_key": pem.decode(),
        "client_email": email,
        "client_id": str(10**20 + secrets.randbelow(10**20)),
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": token_uri,
        "universe_domain": "googleapis.com",
    }
    return key_file, Account(email, project, {kid: public.decode()}, now)
