"""Collects the credentials of a request: Google's headers and query parameter, or the same names in gRPC metadata.

It judges nothing. What is malformed or contradicts itself is passed on as something that cannot be valid, so that
the strict gate refuses it and the open one lets it pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import parse_qsl

from starlette.types import Scope

from geminid.call import Credentials


def of_request(scope: Scope) -> Credentials:
    """What an HTTP request presents: ``Authorization``, ``x-goog-api-key``, ``?key=``, ``?access_token=``."""
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    query = scope["query_string"]
    asked = parse_qsl(query.decode("latin-1")) if b"key=" in query or b"access_token=" in query else []
    return of_fields(fields, asked)


def of_fields(fields: Iterable[tuple[str, str]], query: Iterable[tuple[str, str]] = ()) -> Credentials:
    """What lower-case header fields present, and query parameters; in gRPC the metadata are such fields."""
    bearers = []
    keys = []
    for name, value in fields:
        if name == "authorization":
            bearers.append(_bearer(value))
        elif name == "x-goog-api-key":
            keys.append(value.strip())
    for name, value in query:
        if name == "access_token":
            bearers.append(value)
        elif name == "key":
            keys.append(value)
    return Credentials(bearer=_one(bearers), api_key=_one(keys))


def _bearer(value: str) -> str:
    """The token, or the whole field where it is of another scheme: no token has a space in it."""
    scheme, _, token = value.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else value


def _one(values: list[str]) -> str:
    """The value that all agree on. Those that differ are joined, which makes no valid one."""
    return ", ".join(dict.fromkeys(value for value in values if value))
