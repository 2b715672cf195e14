"""What geminid knows of those who may call it: service accounts and hashed secrets, and where they are kept.

Values and the interface of a store, not a store. Private keys and secrets themselves are in none of these.
"""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class StorageError(Exception):
    """The store cannot be read or written; the message says which part of it and why."""


class Kind(enum.Enum):
    """What a secret is presented as."""

    API_KEY = "api_key"
    ACCESS_TOKEN = "access_token"
    REFRESH_TOKEN = "refresh_token"
    SUBJECT_TOKEN = "subject_token"


@dataclass(frozen=True, slots=True)
class Account:
    """A service account. ``keys`` maps a key id (the ``kid`` of a JWT) to a public key in PEM."""

    email: str
    project: str
    keys: Mapping[str, str]
    created: dt.datetime


@dataclass(frozen=True, slots=True)
class Secret:
    """An API key or a token, known by its hash. ``name`` is who holds it, ``expires`` None means never.

    ``hint`` is its last four characters, by which a person recognises it; tokens that live for an hour have none.
    """

    id: str
    kind: Kind
    digest: str = field(repr=False)
    name: str
    project: str
    created: dt.datetime
    expires: dt.datetime | None = None
    scopes: tuple[str, ...] = ()
    revoked: bool = False
    hint: str = ""


def digest(secret: str) -> str:
    """SHA-256, in hexadecimal. The secrets are random and long, so that nothing slower is called for."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


class CredentialStore(Protocol):
    """Accounts by their e-mail address, secrets by their hash. Every method may raise StorageError.

    A change is seen by all processes that share the store within a second.
    """

    async def account(self, email: str) -> Account | None: ...

    async def accounts(self) -> Sequence[Account]: ...

    async def put_account(self, account: Account) -> None:
        """Adds the account, or replaces the one with its e-mail address."""

    async def secret(self, kind: Kind, digest: str) -> Secret | None:
        """The secret of this hash, revoked and expired ones included."""

    async def secrets(self) -> Sequence[Secret]: ...

    async def put_secret(self, secret: Secret) -> None:
        """Adds the secret, or replaces the one with its id."""

    async def revoke(self, name: str) -> bool:
        """Whether something was revoked: the secret with this id, or the account or key of an account so named.

        With an account go its keys and the tokens that were issued for it.
        """
