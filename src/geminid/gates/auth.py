"""Who calls, and may they: the gate that turns what was presented into a principal, or refuses it.

Two policies. ``Open`` believes everything, for a server that only its owner reaches. ``Strict`` believes API keys
and tokens that geminid issued and JWTs that a registered service account signed. Doors only collect credentials.
"""

from __future__ import annotations

import datetime as dt
import hmac
import re
from collections.abc import Callable, Collection
from contextlib import aclosing
from typing import Final, Protocol
from urllib.parse import urlsplit

from geminid.call import Call, Handler, Principal, Stream
from geminid.gates import assertion, denials
from geminid.gates.assertion import AssertionRefused, Expired
from geminid.storage.base import CredentialStore, Kind, Secret, digest

CLOUD_PLATFORM: Final = "https://www.googleapis.com/auth/cloud-platform"
_GENERATIVE_LANGUAGE: Final = "https://www.googleapis.com/auth/generative-language"

_SCOPES: Final = {
    denials.AIPLATFORM: frozenset({CLOUD_PLATFORM}),
    denials.GENERATIVE_LANGUAGE: frozenset(
        {CLOUD_PLATFORM, _GENERATIVE_LANGUAGE, f"{_GENERATIVE_LANGUAGE}.retriever"}
    ),
}
"""Any one of them suffices, as the services' ``google.api.oauth_scopes`` say."""

_GOOGLE_HOST: Final = re.compile(
    r"(?:[a-z0-9-]+-)?(?:aiplatform|generativelanguage)(?:\.[a-z0-9-]+\.rep)?\.googleapis\.com"
)


class Policy(Protocol):
    async def admit(self, call: Call) -> Principal:
        """Who calls. Raises ApiError for a caller that may not."""


class Authenticate:
    """The gate. Fills ``call.principal``."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    async def __call__(self, call: Call, proceed: Handler) -> Stream:
        call.principal = await self._policy.admit(call)
        async with aclosing(proceed(call)) as stream:
            async for message in stream:
                yield message


class Open:
    """Lets everyone pass, by the name that their JWT gives, unverified; ``anonymous`` without one."""

    async def admit(self, call: Call) -> Principal:
        bearer = call.credentials.bearer
        claims = assertion.unverified(bearer) if assertion.looks_like_jwt(bearer) else {}
        for claim in ("iss", "sub"):
            name = claims.get(claim)
            if isinstance(name, str) and name:
                return Principal(name, kind="unverified")
        return Principal("anonymous")


class Strict:
    """Lets those pass whom ``store`` knows, to the resources of their own project.

    ``hosts`` are names of this server that a JWT may have as its audience, beside Google's.
    """

    def __init__(
        self,
        store: CredentialStore,
        *,
        hosts: Collection[str] = (),
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self._store = store
        self._hosts = frozenset(hosts)
        self._clock = clock

    async def admit(self, call: Call) -> Principal:
        principal = await self._principal(call)
        if call.project is not None and call.project != principal.project:
            raise denials.other_project(call)
        if not call.resource and denials.service(call) == denials.AIPLATFORM:
            raise denials.other_project(call)  # its project cannot be told, and so it is nobody's
        return principal

    async def _principal(self, call: Call) -> Principal:
        presented = call.credentials
        if not presented.bearer:
            return await self._by_key(call)
        if assertion.looks_like_jwt(presented.bearer):
            principal = await self._by_jwt(call)
        else:
            principal = await self._by_token(call)
        if presented.api_key and (await self._key(call)).project != principal.project:
            raise denials.two_projects()
        return principal

    async def _by_key(self, call: Call) -> Principal:
        if not call.credentials.api_key:
            raise denials.missing(call)
        if call.project is not None:
            raise denials.key_not_supported(call)
        key = await self._key(call)
        return Principal(key.name, key.project, "api_key")

    async def _key(self, call: Call) -> Secret:
        key = await self._find(Kind.API_KEY, call.credentials.api_key)
        if key is None or key.revoked:
            raise denials.invalid_key(call)
        if self._is_over(key):
            raise denials.expired_key(call)
        return key

    async def _by_token(self, call: Call) -> Principal:
        token = await self._find(Kind.ACCESS_TOKEN, call.credentials.bearer)
        if token is None:
            raise denials.invalid(call, "ACCESS_TOKEN_TYPE_UNSUPPORTED")
        if token.revoked or self._is_over(token):
            raise denials.invalid(call, "ACCESS_TOKEN_EXPIRED")
        if _SCOPES[denials.service(call)].isdisjoint(token.scopes):
            raise denials.insufficient_scopes(call)
        return Principal(token.name, token.project, "access_token")

    async def _by_jwt(self, call: Call) -> Principal:
        try:
            claims = await assertion.verify(call.credentials.bearer, self._store, self._clock())
        except Expired:
            raise denials.invalid(call, "ACCESS_TOKEN_EXPIRED") from None
        except AssertionRefused:
            raise denials.invalid(call) from None
        if not any(self._is_here(audience) for audience in claims.audiences):
            if not claims.scopes:
                raise denials.invalid(call)
            if _SCOPES[denials.service(call)].isdisjoint(claims.scopes):
                raise denials.insufficient_scopes(call)
        return Principal(claims.account.email, claims.account.project, "service_account")

    async def _find(self, kind: Kind, presented: str) -> Secret | None:
        wanted = digest(presented)
        found = await self._store.secret(kind, wanted)
        return found if found and hmac.compare_digest(found.digest, wanted) else None

    def _is_over(self, secret: Secret) -> bool:
        return secret.expires is not None and secret.expires <= self._clock()

    def _is_here(self, audience: str) -> bool:
        try:
            url = urlsplit(audience)
        except ValueError:
            return False
        host = url.hostname or ""
        return url.scheme == "https" and (host in self._hosts or bool(_GOOGLE_HOST.fullmatch(host)))
