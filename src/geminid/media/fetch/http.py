"""http and https URLs, from public addresses only. The only file here that knows aiohttp.

A name is resolved once for each connection; every address that it has must be permitted, and the connection is
made to one of those that were checked. Nothing of the caller goes along: no credentials, no cookies, no proxy of
the environment. Redirects are followed here, each as a URL of its own. Called by ``fetcher.py``.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from geminid import __version__, errors
from geminid.media import base
from geminid.media.fetch import refusals, uris
from geminid.media.fetch.addresses import Address, Network, permitted
from geminid.media.fetch.cache import Cache, Known, Validator
from geminid.media.fetch.lookup import Resolve
from geminid.media.fetch.policy import Policy
from geminid.media.fetch.refusals import Status
from geminid.media.fetch.spool import Spool

_log = logging.getLogger(__name__)

AddressInfo: TypeAlias = tuple[int, int, int, str, tuple[object, ...]]
"""A row of getaddrinfo."""
OpenSocket: TypeAlias = Callable[[AddressInfo], socket.socket]

_HEADERS = {"User-Agent": f"geminid/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Web:
    """``tls`` is the trust in hosts, that in the system's authorities where it is None."""

    def __init__(
        self,
        policy: Policy,
        cache: Cache,
        resolve: Resolve,
        *,
        open_socket: OpenSocket,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._policy = policy
        self._cache = cache
        self._resolver = _CheckedResolver(resolve, policy.networks)
        self._open_socket = open_socket
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def get(self, page: uris.Page, limit: int) -> base.File:
        """What is at ``page``. InvalidArgument tells what is wrong with it or with its server."""
        try:
            async with asyncio.timeout(self._policy.seconds):
                return await self._follow(page, limit)
        except (aiohttp.ClientError, TimeoutError, ssl.SSLError) as error:
            _log.info("%s was not fetched: %s", page.url.raw_host, type(error).__name__)
            raise refusals.unfetched(_status(error)) from error

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _follow(self, page: uris.Page, limit: int) -> base.File:
        for _ in range(self._policy.redirects + 1):
            known = self._cache.known(str(page))
            async with await self._ask(page, known) as response:
                if response.status not in _REDIRECTS:
                    return await self._take(page, response, known, limit)
                page = _next(page, response.headers.get("Location", ""))
        raise refusals.unfetched(Status.REDIRECTS, f"There are more than {self._policy.redirects} redirects.")

    async def _ask(self, page: uris.Page, known: Known | None) -> aiohttp.ClientResponse:
        if page.literal is not None:
            _require([page.literal], self._policy.networks)
        if self._session is None:
            self._session = self._open_session()
        return await self._session.get(page.url, headers=_conditions(known), allow_redirects=False)

    async def _take(
        self, page: uris.Page, response: aiohttp.ClientResponse, known: Known | None, limit: int
    ) -> base.File:
        if response.status == 304 and known is not None:
            refusals.require_size(str(page), known.size, limit)
            return await known.file()
        if response.status != 200:
            raise refusals.unfetched(Status.of(response.status))
        if response.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
            raise refusals.unfetched(Status.BROKEN, "The server compresses what it was asked to send as it is.")
        refusals.require_size(str(page), response.content_length or 0, limit)
        async with Spool(self._cache, str(page), limit) as spool:
            async for data in response.content.iter_any():
                await spool.write(data)
            return await spool.keep(str(page), _mime_type(response), _validator(response))

    def _open_session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=self._resolver,
            use_dns_cache=False,
            force_close=True,  # a connection that is used again was not checked for the name that uses it
            limit=0,  # Flights bounds them
            ssl=self._tls or True,
            socket_factory=self._socket,
        )
        return aiohttp.ClientSession(
            connector=connector,
            headers=_HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=self._policy.connect_seconds),
        )

    def _socket(self, info: AddressInfo) -> socket.socket:
        """The last check, on the very address of the connection, whatever came before it."""
        _require([ip_address(str(info[4][0]))], self._policy.networks)
        return self._open_socket(info)


def system_socket(info: AddressInfo) -> socket.socket:
    return socket.socket(*info[:3])


class _CheckedResolver(AbstractResolver):
    """Answers only for names all of whose addresses are permitted."""

    def __init__(self, resolve: Resolve, networks: Sequence[Network]) -> None:
        self._resolve = resolve
        self._networks = networks

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolve(host)
        if not found:
            raise OSError(None, "the name has no address")
        _require(found, self._networks)
        return [_pinned(host, port, address) for address in found]

    async def close(self) -> None:
        """What asks the system is closed by who made it."""


def _pinned(host: str, port: int, address: Address) -> ResolveResult:
    return ResolveResult(
        hostname=host,
        host=str(address),
        port=port,
        family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
        proto=0,
        flags=socket.AI_NUMERICHOST,
    )


def _require(addresses: Iterable[Address], networks: Iterable[Network]) -> None:
    if not all(permitted(address, networks) for address in addresses):
        raise refusals.unfetched(Status.ADDRESS, "Only hosts at public addresses are fetched from.")


def _next(page: uris.Page, location: str) -> uris.Page:
    """Where a redirect of ``page`` leads, if it may be followed."""
    try:
        target = uris.page(_joined(page.url, location))
    except (errors.InvalidArgument, ValueError) as error:
        raise refusals.unfetched(Status.REDIRECTS, "It redirects to what is no http or https URL.") from error
    if page.url.scheme == "https" and target.url.scheme == "http":
        raise refusals.unfetched(Status.REDIRECTS, "It redirects from https to http.")
    return target


def _joined(url: URL, location: str) -> str:
    """Raises ValueError for what is no reference: an empty one, or one that is only legible to some."""
    if not location or "\\" in location or not location.isascii() or not location.isprintable():
        raise ValueError(location)
    return str(url.join(URL(location, encoded=True)))


def _conditions(known: Known | None) -> dict[str, str]:
    if known is None:
        return {}
    if known.validator.etag:
        return {"If-None-Match": known.validator.etag}
    return {"If-Modified-Since": known.validator.last_modified}


def _validator(response: aiohttp.ClientResponse) -> Validator:
    if "no-store" in response.headers.get("Cache-Control", "").lower():
        return Validator()
    return Validator(response.headers.get("ETag", ""), response.headers.get("Last-Modified", ""))


def _mime_type(response: aiohttp.ClientResponse) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _status(error: Exception) -> Status:
    match error:
        case TimeoutError():
            return Status.TIMEOUT
        case aiohttp.ClientConnectorError() | aiohttp.ServerDisconnectedError() | ssl.SSLError():
            return Status.NO_RESPONSE
    return Status.BROKEN
