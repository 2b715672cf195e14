"""Which access tokens are issued for what: OAuth's grants as Google's token endpoints know them.

No HTTP: ``doors/tokens.py`` and ``doors/metadata.py`` speak it. In the open mode a token means nothing and is kept
nowhere; in the strict one it is kept, hashed, for as long as it lives.
"""

from __future__ import annotations

import datetime as dt
import hmac
import secrets
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final, Protocol

from geminid.gates import assertion
from geminid.gates.assertion import AssertionRefused, NoAccount, NotNow
from geminid.storage.base import CredentialStore, Kind, digest
from geminid.storage.minting import ACCESS_TOKEN_SECONDS, mint

GOOGLE_AUDIENCES: Final = frozenset(
    {
        "https://oauth2.googleapis.com/token",
        "https://www.googleapis.com/oauth2/v4/token",
        "https://accounts.google.com/o/oauth2/token",
    }
)
"""Python's and Node's clients name one of these as the audience whatever ``token_uri`` says."""


class GrantRefused(Exception):
    """No token. ``error`` is one of RFC 6749 section 5.2; ``description`` is Google's wording."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


@dataclass(frozen=True, slots=True)
class Issued:
    """An access token and how many seconds it lives."""

    access_token: str
    scopes: tuple[str, ...] = ()
    seconds: int = ACCESS_TOKEN_SECONDS


class Issuer(Protocol):
    """Every method may raise GrantRefused."""

    async def by_assertion(self, token: str, audiences: Collection[str]) -> Issued:
        """For a JWT that a service account signed; its ``aud`` must be one of ``audiences`` or Google's."""

    async def by_refresh_token(self, token: str, scopes: tuple[str, ...]) -> Issued:
        """With the scopes of the refresh token, or those of them that are asked for."""

    async def by_subject_token(self, token: str, scopes: tuple[str, ...]) -> Issued:
        """For a token of another identity provider (workload identity federation)."""

    async def for_account(self, email: str, scopes: tuple[str, ...]) -> Issued:
        """For the account of this server itself; there is nothing to prove."""


class OpenIssuer:
    """Gives a token to everyone, as ``gates.auth.Open`` believes every token."""

    async def by_assertion(self, token: str, audiences: Collection[str]) -> Issued:
        return _meaningless()

    async def by_refresh_token(self, token: str, scopes: tuple[str, ...]) -> Issued:
        return _meaningless(scopes)

    async def by_subject_token(self, token: str, scopes: tuple[str, ...]) -> Issued:
        return _meaningless(scopes)

    async def for_account(self, email: str, scopes: tuple[str, ...]) -> Issued:
        return _meaningless(scopes)


def _meaningless(scopes: tuple[str, ...] = ()) -> Issued:
    return Issued("ya29." + secrets.token_urlsafe(32), scopes)


class StrictIssuer:
    """Gives tokens to those whom ``store`` knows.

    A subject token must be registered like any other secret: no key set of another provider is fetched.
    """

    def __init__(
        self, store: CredentialStore, *, clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    ) -> None:
        self._store = store
        self._clock = clock

    async def by_assertion(self, token: str, audiences: Collection[str]) -> Issued:
        try:
            claims = await assertion.verify(token, self._store, self._clock())
        except NoAccount:
            raise GrantRefused("invalid_grant", "Invalid grant: account not found") from None
        except NotNow:
            raise GrantRefused(
                "invalid_grant",
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
                "Check your iat and exp values in the JWT claim.",
            ) from None
        except AssertionRefused:
            raise GrantRefused("invalid_grant", "Invalid JWT Signature.") from None
        if claims.audiences.isdisjoint(GOOGLE_AUDIENCES.union(audiences)):
            raise GrantRefused(
                "invalid_grant",
                "Invalid JWT: Failed audience check. The right audience is https://oauth2.googleapis.com/token",
            )
        if not claims.scopes:
            raise GrantRefused("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        return await self._issue(claims.account.email, claims.account.project, claims.scopes)

    async def by_refresh_token(self, token: str, scopes: tuple[str, ...]) -> Issued:
        return await self._by_secret(Kind.REFRESH_TOKEN, token, scopes, "Token has been expired or revoked.")

    async def by_subject_token(self, token: str, scopes: tuple[str, ...]) -> Issued:
        return await self._by_secret(
            Kind.SUBJECT_TOKEN, token, scopes, "The subject token is not registered here."
        )

    async def for_account(self, email: str, scopes: tuple[str, ...]) -> Issued:
        account = await self._store.account(email)
        if account is None:
            raise GrantRefused("invalid_grant", "Invalid grant: account not found")
        return await self._issue(email, account.project, scopes)

    async def _by_secret(self, kind: Kind, token: str, scopes: tuple[str, ...], refusal: str) -> Issued:
        wanted = digest(token)
        found = await self._store.secret(kind, wanted)
        known = found is not None and hmac.compare_digest(found.digest, wanted)
        if found is None or not known or found.revoked:
            raise GrantRefused("invalid_grant", refusal)
        if found.expires is not None and found.expires <= self._clock():
            raise GrantRefused("invalid_grant", refusal)
        if not set(scopes) <= set(found.scopes):
            raise GrantRefused("invalid_scope", "Some requested scopes were invalid.")
        return await self._issue(found.name, found.project, scopes or found.scopes)

    async def _issue(self, name: str, project: str, scopes: tuple[str, ...]) -> Issued:
        text, record = mint(
            Kind.ACCESS_TOKEN,
            name=name,
            project=project,
            now=self._clock(),
            lifetime=dt.timedelta(seconds=ACCESS_TOKEN_SECONDS),
            scopes=scopes,
        )
        await self._store.put_secret(record)
        return Issued(text, scopes)
