"""A JWT that a service account signed itself: what it claims, and whether it is true.

Pure but for the look-up of the account. Not what the claims entitle to: for a bearer ``gates/auth.py`` decides
that, for an assertion at the token endpoint ``doors/grants.py``.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from geminid.storage.base import Account, CredentialStore

if TYPE_CHECKING:
    from jwt.types import Options

SKEW: Final = dt.timedelta(minutes=5)
LIFETIME: Final = dt.timedelta(hours=1)
"""The longest that Google accepts (https://google.aip.dev/auth/4111)."""

_SIZE: Final = 16_384
_END_OF_TIME: Final = 1 << 40
_SIGNATURE_ONLY: Final[Options] = {
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


class AssertionRefused(Exception):
    """The JWT is not one that an account known here signed, or not now. Never holds any of it."""


class NotSigned(AssertionRefused):
    """Malformed, another algorithm than RS256, or a signature that no known key made."""


class NoAccount(AssertionRefused):
    """Nobody here has the address that ``iss`` names."""


class NotNow(AssertionRefused):
    """Of the future, longer-lived than an hour, or without times."""


class Expired(NotNow):
    """It was good once."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a JWT that holds says: who signed it, for whom it is meant, and with which scopes, if any."""

    account: Account
    audiences: frozenset[str]
    scopes: tuple[str, ...]


def looks_like_jwt(token: str) -> bool:
    return token.count(".") == 2 and token.startswith("eyJ")


def unverified(token: str) -> Mapping[str, object]:
    """The claims of a JWT that nobody checks, or nothing where it is none."""
    if len(token) > _SIZE:
        return {}
    try:
        claims: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, RecursionError):  # the latter from JSON that nests thousands deep
        return {}
    return claims


async def verify(token: str, store: CredentialStore, now: dt.datetime) -> Claims:
    """The claims of a JWT whose account, signature and times hold. Raises AssertionRefused."""
    claims = unverified(token)
    issuer = claims.get("iss")
    if not isinstance(issuer, str):
        raise NotSigned("no issuer")
    account = await store.account(issuer)
    if account is None:
        raise NoAccount("unknown issuer")
    _check_signature(token, account)
    _check_times(claims, now)
    return Claims(account, frozenset(_strings(claims.get("aud"))), tuple(_words(claims.get("scope"))))


def _check_signature(token: str, account: Account) -> None:
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        pem = account.keys.get(kid) if isinstance(kid, str) else None
        if pem is None:
            raise NotSigned("unknown key")
        jwt.decode(token, _public_key(pem), algorithms=["RS256"], options=_SIGNATURE_ONLY)
    except jwt.PyJWTError as error:
        raise NotSigned("the signature does not hold") from error


@functools.lru_cache(maxsize=1024)
def _public_key(pem: str) -> RSAPublicKey:
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, RSAPublicKey), "only such keys are registered"
    return key


def _check_times(claims: Mapping[str, object], now: dt.datetime) -> None:
    issued, expires = _seconds(claims.get("iat")), _seconds(claims.get("exp"))
    skew = SKEW.total_seconds()
    if issued > now.timestamp() + skew:
        raise NotNow("of the future")
    if expires - issued > LIFETIME.total_seconds() + skew:
        raise NotNow("lives too long")
    if expires + skew <= now.timestamp():
        raise Expired("expired")


def _seconds(value: object) -> float:
    if isinstance(value, int | float) and 0 <= value < _END_OF_TIME:
        return float(value)
    raise NotNow("no time")


def _strings(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text for text in values if isinstance(text, str)]


def _words(value: object) -> list[str]:
    return value.split() if isinstance(value, str) else []
