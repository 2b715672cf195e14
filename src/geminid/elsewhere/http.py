"""Requests to another service over HTTP: one session, time limits, kept connections. Knows no message.

Raises ``errors.Unavailable`` where there is nobody to ask or the answer breaks off, ``DeadlineExceeded`` when the
caller's time is over.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
import weakref
from collections.abc import Mapping

import aiohttp

from geminid.errors import EXPIRED, UNAVAILABLE, DeadlineExceeded, Internal, Unavailable

_log = logging.getLogger(__name__)

_CONNECT_SECONDS = 10.0
_SILENT_SECONDS = 600.0
"""Without a byte: models that think may say nothing for minutes."""
_IDLE_SECONDS = 4.0
"""Servers hang up on idle connections after 5 s (uvicorn's default); to let go before that avoids the race."""

_TIMER_SECONDS = 0.01
"""How much too early a timer may go off."""


class Connections:
    """``tls`` says whom to trust; None trusts whom the system trusts."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._closed = False
        self._responses: weakref.WeakSet[aiohttp.ClientResponse] = weakref.WeakSet()

    def _open(self) -> aiohttp.ClientSession:
        """Made on first use, because that needs a running loop."""
        if self._closed:
            raise Unavailable(UNAVAILABLE)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, ssl=self._tls or True, keepalive_timeout=_IDLE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=_CONNECT_SECONDS, sock_read=_SILENT_SECONDS
                ),
            )
        return self._session

    async def aclose(self) -> None:
        """Hangs up, and ends the answers that are open: closing the session alone does not wake their readers."""
        self._closed = True
        for response in list(self._responses):
            response.close()
        if self._session is not None:
            await self._session.close()

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str], deadline: float | None
    ) -> aiohttp.ClientResponse:
        """Up to the head of the answer, which the caller closes.

        Asks again where the server may have closed a kept connection at the moment of asking. Redirects are
        answers like any other: followed, they would take the prompt elsewhere.
        """
        for tries_left in (1, 0):
            asking = self._open().post(url, data=body, headers=headers, allow_redirects=False)
            try:
                async with _until(deadline):
                    response = await asking
            except (aiohttp.ClientError, TimeoutError) as error:
                if tries_left and _hung_up(error):
                    continue
                raise _failure(error, deadline) from error
            self._responses.add(response)
            return response
        raise AssertionError("the last try returns or raises")


async def receive(response: aiohttp.ClientResponse, deadline: float | None) -> bytes:
    """The next bytes of the body, ``b""`` at its end."""
    try:
        async with _until(deadline):
            return await response.content.readany()
    except (aiohttp.ClientError, TimeoutError, RuntimeError) as error:  # the last: closed between two reads
        raise _failure(error, deadline) from error


async def read(response: aiohttp.ClientResponse, most: int, deadline: float | None) -> bytes:
    """The whole body. Raises Internal for one with more than ``most`` bytes."""
    pieces, size = [], 0
    while received := await receive(response, deadline):
        pieces.append(received)
        size += len(received)
        if size > most:
            raise Internal("The answer of the other service is too long.")
    return b"".join(pieces)


def _until(deadline: float | None) -> asyncio.Timeout:
    return asyncio.timeout(None if deadline is None else deadline - time.monotonic())


def _failure(error: Exception, deadline: float | None) -> DeadlineExceeded | Unavailable:
    late = deadline is not None and time.monotonic() >= deadline - _TIMER_SECONDS
    if late and isinstance(error, TimeoutError):
        return DeadlineExceeded(EXPIRED)
    _log.warning("the other service cannot be asked, or broke off: %s", type(error).__name__)
    return Unavailable(UNAVAILABLE)


def _hung_up(error: Exception) -> bool:
    lost = isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError)
    return lost and not isinstance(error, aiohttp.ClientConnectorError)
