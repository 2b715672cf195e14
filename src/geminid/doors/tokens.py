"""Google's token endpoints: ``/token`` of oauth2.googleapis.com with its older addresses, and that of STS.

Forms in, JSON out (RFC 6749, RFC 7523, RFC 8693). Who gets a token is ``doors/grants.py``'s to say. No token and
no part of a request is ever logged here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from geminid.doors.grants import GrantRefused, Issued, Issuer

_FORM_BYTES: Final = 65_536

_JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_ACCESS_TOKEN_TYPE: Final = "urn:ietf:params:oauth:token-type:access_token"

_UNCACHED: Final = {"Cache-Control": "no-store"}  # RFC 6749 section 5.1

_Answer = Callable[[Request, Mapping[str, str]], Awaitable[dict[str, object]]]


def token_routes(issuer: Issuer) -> list[Route]:
    """The endpoints, at the paths that Google's clients know."""

    async def token(request: Request, form: Mapping[str, str]) -> dict[str, object]:
        match _required(form, "grant_type"):
            case grant if grant == _JWT_BEARER:
                issued = await issuer.by_assertion(_required(form, "assertion"), _audiences(request))
            case "refresh_token":
                issued = await issuer.by_refresh_token(_required(form, "refresh_token"), _scopes(form))
            case other:
                raise GrantRefused("unsupported_grant_type", f"Invalid grant_type: {other[:100]}")
        return _answer(issued)

    async def exchange(_: Request, form: Mapping[str, str]) -> dict[str, object]:
        if _required(form, "grant_type") != _TOKEN_EXCHANGE:
            raise GrantRefused("unsupported_grant_type", f"The grant type must be {_TOKEN_EXCHANGE}.")
        issued = await issuer.by_subject_token(_required(form, "subject_token"), _scopes(form))
        return _answer(issued) | {"issued_token_type": _ACCESS_TOKEN_TYPE}

    paths = {"/token": token, "/oauth2/v4/token": token, "/o/oauth2/token": token, "/v1/token": exchange}
    return [Route(path, _endpoint(answer), methods=["POST"]) for path, answer in paths.items()]


def _endpoint(answer: _Answer) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await answer(request, await _form(request)), headers=_UNCACHED)
        except GrantRefused as refusal:
            body = {"error": refusal.error, "error_description": refusal.description}
            return JSONResponse(body, status_code=400, headers=_UNCACHED)
        except ClientDisconnect:
            return Response(status_code=400)

    return endpoint


async def _form(request: Request) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_BYTES:
            raise GrantRefused("invalid_request", "The request is too large.")
    try:
        return dict(parse_qsl(body.decode("ascii"), max_num_fields=50))
    except ValueError:
        raise GrantRefused("invalid_request", "Bad Request") from None


def _required(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise GrantRefused("invalid_request", f"Required parameter is missing: {name}")
    return form[name]


def _scopes(form: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(form.get("scope", "").split())


def _audiences(request: Request) -> set[str]:
    """This endpoint, as its client may call it: Go's and Java's clients take ``token_uri`` as the audience."""
    host = request.headers.get("host", "")
    return {f"{scheme}://{host}{request.url.path}" for scheme in ("http", "https")}


def _answer(issued: Issued) -> dict[str, object]:
    answer: dict[str, object] = {
        "access_token": issued.access_token,
        "expires_in": issued.seconds,
        "token_type": "Bearer",
    }
    return answer | {"scope": " ".join(issued.scopes)} if issued.scopes else answer
