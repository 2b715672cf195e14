"""How geminid shows another service who it is: headers, made anew when a token is over. Never the caller's.

Tokens come from google-auth, of the extra ``vertex``, imported when the first one is needed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Protocol

from geminid.errors import UNAVAILABLE, Unavailable

_log = logging.getLogger(__name__)

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)


class Credentials(Protocol):
    async def headers(self) -> Mapping[str, str]:
        """Those of the next request. Raises Unavailable where there is nothing to show."""


class Nothing:
    """For a service that does not ask, such as a geminid that is open."""

    async def headers(self) -> Mapping[str, str]:
        return {}


class ApiKey:
    """A key of the Developer API, or of Vertex AI in express mode."""

    def __init__(self, key: str) -> None:
        self._headers = {"x-goog-api-key": key}

    async def headers(self) -> Mapping[str, str]:
        return self._headers


class GoogleTokens:
    """Access tokens of the service account in ``file``, else of whatever Google's libraries find.

    Those look at GOOGLE_APPLICATION_CREDENTIALS, at gcloud's own login, and at the metadata server
    (https://cloud.google.com/docs/authentication/application-default-credentials).
    """

    def __init__(self, file: str = "") -> None:
        self._file = file
        self._tokens: Any = None  # of google-auth, which tells no types of what is called here
        self._asking = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        async with self._asking:
            if self._tokens is None or not self._tokens.valid:
                self._tokens = await asyncio.to_thread(self._fresh, self._tokens)
        headers: dict[str, str] = {}
        self._tokens.apply(headers)
        return headers

    def _fresh(self, tokens: Any) -> Any:
        """Waits for the network."""
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import Request

        try:
            tokens = tokens or self._found()
            tokens.refresh(Request())
        except (GoogleAuthError, OSError, ValueError) as error:
            _log.error("no token for the other service: %s", error)
            raise Unavailable(UNAVAILABLE) from error
        return tokens

    def _found(self) -> Any:
        if self._file:
            from google.oauth2 import service_account

            accounts: Any = service_account.Credentials
            return accounts.from_service_account_file(self._file, scopes=_SCOPES)
        import google.auth

        return google.auth.default(scopes=_SCOPES)[0]
