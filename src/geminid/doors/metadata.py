"""The metadata server of a Compute Engine machine, as far as Google's clients ask it for credentials.

Clients find it by ``GCE_METADATA_HOST`` and ``GCE_METADATA_IP``. Every request must bear
``Metadata-Flavor: Google`` and no ``X-Forwarded-For``, and every answer bears the former
(https://cloud.google.com/compute/docs/metadata/querying-metadata). In the strict mode whoever reaches these paths
acts as the account, so only clients of this machine are answered then.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from geminid.doors.grants import GrantRefused, Issuer

CLOUD_PLATFORM: Final = "https://www.googleapis.com/auth/cloud-platform"

_ROOT: Final = "/computeMetadata/v1"
_FLAVOR: Final = {"Metadata-Flavor": "Google", "Server": "Metadata Server for VM"}
_LISTING: Final = "aliases\nemail\nscopes\ntoken\n"


@dataclass(frozen=True, slots=True)
class Identity:
    """The account that the machine has, and its project."""

    email: str
    project: str


def metadata_routes(issuer: Issuer, identity: Identity, *, local_only: bool) -> list[Route]:
    """The emulation. ``local_only`` answers none but loopback addresses."""
    accounts = _Accounts(issuer, identity)
    texts = {
        "": "instance/\nproject/\nuniverse/\n",
        "/instance": "service-accounts/\n",
        "/project/project-id": identity.project,
        "/universe/universe-domain": "googleapis.com",
        "/instance/service-accounts": f"default/\n{identity.email}/\n",
    }

    async def answer(request: Request) -> Response:
        if refusal := _refusal(request, local_only):
            return _text(refusal, 403)
        path = request.url.path.removeprefix(_ROOT).rstrip("/")
        _, _, rest = path.partition("/instance/service-accounts/")
        if path in texts:
            return _text(texts[path])
        if rest and request.url.path.startswith(_ROOT):
            return await accounts.answer(request, rest)
        return _text("Not found", 404)

    return [
        _Ping("/", answer, methods=["GET"]),
        Route(_ROOT, answer, methods=["GET"]),
        Route(_ROOT + "/{path:path}", answer, methods=["GET", "POST"]),
    ]


class _Ping(Route):
    """``/`` is the metadata server's for those alone who ask as its clients do; others may find a page there."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["type"] == "http" and (b"metadata-flavor", b"Google") in scope["headers"]:
            return super().matches(scope)
        return Match.NONE, {}


class _Accounts:
    """``instance/service-accounts/``: the one account, by its address or as ``default``."""

    def __init__(self, issuer: Issuer, identity: Identity) -> None:
        self._issuer = issuer
        self._email = identity.email

    async def answer(self, request: Request, path: str) -> Response:
        account, _, entry = path.partition("/")
        if account not in ("default", self._email):
            return _text("Not found", 404)
        match entry:
            case "":
                if request.query_params.get("recursive", "").lower() == "true":
                    about = {"aliases": ["default"], "email": self._email, "scopes": [CLOUD_PLATFORM]}
                    return JSONResponse(about, headers=_FLAVOR)
                return _text(_LISTING)
            case "aliases":
                return _text("default\n")
            case "email":
                return _text(self._email)
            case "scopes":
                return _text(f"{CLOUD_PLATFORM}\n")
            case "token":
                return await self._token(request)
            case _:
                return _text("Not found", 404)

    async def _token(self, request: Request) -> Response:
        """A client with a certificate posts its chain, to have the token bound to it; the token is not."""
        scopes = request.query_params.get("scopes", "").replace(",", " ").split() or [CLOUD_PLATFORM]
        try:
            issued = await self._issuer.for_account(self._email, tuple(scopes))
        except GrantRefused as refusal:
            return _text(refusal.description, 404)
        body = {"access_token": issued.access_token, "expires_in": issued.seconds, "token_type": "Bearer"}
        return JSONResponse(body, headers=_FLAVOR | {"Cache-Control": "no-store"})


def _refusal(request: Request, local_only: bool) -> str:
    if request.headers.get("metadata-flavor") != "Google":
        return "Missing Metadata-Flavor:Google header."
    if "x-forwarded-for" in request.headers:
        return "Requests that were forwarded are not answered."
    if local_only and not _is_local(request):
        return "Only clients of this machine are answered."
    return ""


def _is_local(request: Request) -> bool:
    if request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _text(body: str, status: int = 200) -> Response:
    return PlainTextResponse(body, status_code=status, headers=_FLAVOR | {"Content-Type": "application/text"})
