"""A model server as an address to ask: one session, time limits, and what kept connections do.

Raises ``errors.Unavailable`` where there is nobody to ask; what the answers mean is for ``openai_http.py`` to say.
Addresses and keys stay here: they are in no error and in no log line.
"""

from __future__ import annotations

import logging
import ssl
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import msgspec

from geminid import errors

_log = logging.getLogger(__name__)

_JSON = {"Content-Type": "application/json"}
_IDLE_SECONDS = 4.0
"""Servers hang up on idle connections after 5 s (uvicorn's default); to let go before that avoids the race."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait. ``stall`` bounds a silence in the stream or before it, reading of the prompt included."""

    connect: float = 5.0
    stall: float = 300.0
    health: float = 2.0


class Upstream:
    """``url`` is the address up to and with ``/v1``; without any path that is added.

    ``v1`` is where the OpenAI routes are, ``root`` where the server's own are. ``keep_alive`` is False for servers
    that hang up after each stream. ``tls`` says whom to trust; None trusts whom the system trusts.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        keep_alive: bool = True,
        patience: Patience | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        url = url.rstrip("/")
        self.v1 = url if urlsplit(url).path else f"{url}/v1"
        self.root = self.v1.removesuffix("/v1")
        self._headers = dict(headers)
        self.keep_alive = keep_alive
        self._patience = patience or Patience()
        self._tls = tls
        self._sessions: dict[bool, aiohttp.ClientSession] = {}
        self._closed = False
        self._responses: weakref.WeakSet[aiohttp.ClientResponse] = weakref.WeakSet()

    def open(self) -> aiohttp.ClientSession:
        """The session, made on first use because that needs a running loop. Raises Unavailable once closed."""
        if self._closed:
            raise errors.Unavailable(errors.UNAVAILABLE)
        session = self._sessions.get(self.keep_alive)
        if session is None:
            patience, tls = self._patience, self._tls or True
            if self.keep_alive:
                connector = aiohttp.TCPConnector(limit=0, ssl=tls, keepalive_timeout=_IDLE_SECONDS)
            else:
                connector = aiohttp.TCPConnector(limit=0, ssl=tls, force_close=True)
            session = self._sessions[self.keep_alive] = aiohttp.ClientSession(
                connector=connector,
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=patience.connect, sock_read=patience.stall),
            )
        return session

    async def aclose(self) -> None:
        """Hangs up, which ends the streams that are open. Idempotent.

        A session that is closed does not wake those who wait for bytes; a response that is closed does.
        """
        self._closed = True
        for response in list(self._responses):
            response.close()
        for session in self._sessions.values():
            await session.close()

    async def get(self, url: str, body: Mapping[str, object] | None = None) -> tuple[int, bytes]:
        """Status and body, within ``patience.health`` in all. With a ``body`` it is a POST that only asks."""
        limit = aiohttp.ClientTimeout(total=self._patience.health)
        method = "GET" if body is None else "POST"
        try:
            asking = self.open().request(method, url, json=body, timeout=limit, allow_redirects=False)
            async with asking as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise errors.Unavailable(errors.UNAVAILABLE) from error

    async def post(self, url: str, body: Mapping[str, object]) -> aiohttp.ClientResponse:
        """Up to the head of the answer, which the caller closes.

        Asks again where the server may have closed a kept connection at the moment of asking. Redirects are
        answers like any other: followed, they would take prompt and key elsewhere.
        """
        content = msgspec.json.encode(body)
        for tries_left in (1, 0) if self.keep_alive else (0,):
            session = self.open()
            try:
                response = await session.post(url, data=content, headers=_JSON, allow_redirects=False)
                self._responses.add(response)
                return response
            except (aiohttp.ClientError, TimeoutError) as error:
                if not (tries_left and _hung_up(error)):
                    _log.warning("the model server cannot be asked: %s", type(error).__name__)
                    raise errors.Unavailable(errors.UNAVAILABLE) from error
        raise AssertionError("the last try returns or raises")


async def receive(response: aiohttp.ClientResponse) -> bytes:
    """The next bytes of the body, ``b""`` at its end. Raises aiohttp.ClientError, TimeoutError."""
    try:
        return await response.content.readany()
    except RuntimeError as error:  # aiohttp's word for a session that was closed between two reads
        raise aiohttp.ClientConnectionError from error


async def read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The body up to ``most`` bytes, or as much of it as arrives; closes the response."""
    body = bytearray()
    try:
        while len(body) < most and (received := await receive(response)):
            body += received
    except (aiohttp.ClientError, TimeoutError) as error:
        error.__traceback__ = None  # has the response, which keeps the error: a cycle of references
        _log.debug("an answer broke off: %s", type(error).__name__)
    finally:
        response.close()
    return bytes(body[:most])


def _hung_up(error: Exception) -> bool:
    lost = isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError)
    return lost and not isinstance(error, aiohttp.ClientConnectorError)
