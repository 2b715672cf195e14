"""An HTTP CONNECT proxy that knows one way: what is meant for Google's API goes to this machine's TLS port.

For clients whose address cannot be changed. It opens no TLS itself, and reads no more than the request to
connect. Called by ``geminid run``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

log = logging.getLogger("geminid.connect")

_GOOGLE: Final = re.compile(
    r"(?:[a-z0-9-]+-)?aiplatform\.googleapis\.com"
    r"|aiplatform\.(?:us|eu)\.rep\.googleapis\.com"
    r"|(?:generativelanguage|oauth2|www|sts|iamcredentials|cloudresourcemanager)\.googleapis\.com"
)
"""The API (https://cloud.google.com/vertex-ai/docs/general/locations), and what its clients ask for tokens."""

_HTTPS: Final = 443
_HEAD_BYTES: Final = 16_384
_HEAD_SECONDS: Final = 10.0
_OPEN_SECONDS: Final = 10.0
_CHUNK: Final = 65_536


@dataclass(frozen=True, slots=True)
class Address:
    """A host, by name or number, and a TCP port."""

    host: str
    port: int


def is_google(host: str) -> bool:
    """Whether the proxy answers for ``host``, in lower case."""
    return _GOOGLE.fullmatch(host) is not None


class ConnectProxy:
    """Listens on a free port of 127.0.0.1. ``server`` is where TLS is served.

    Any other host is refused with 403, and logged once; ``allow_net`` connects to it instead.
    """

    def __init__(self, server: Address, *, allow_net: bool = False) -> None:
        self._target = server
        self._allow_net = allow_net
        self._refused: set[str] = set()
        self._exchanges: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Server | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """The port that the system chose."""
        return self._port

    async def start(self) -> None:
        """Binds and serves."""
        self._listening = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_HEAD_BYTES)
        self._port = self._listening.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cuts all tunnels. Stopping twice is stopping once."""
        if self._listening is not None:
            self._listening.close()
        for exchange in self._exchanges:
            exchange.cancel()
        await asyncio.gather(*self._exchanges, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        exchange = asyncio.create_task(self._serve(reader, writer))
        self._exchanges.add(exchange)
        exchange.add_done_callback(self._exchanges.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            status, text = await self._answer(head, reader, writer)
            if status is not HTTPStatus.OK:
                writer.write(_reply(status, text))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            log.debug("A client of the proxy went away: %r.", error)
        finally:
            writer.close()

    async def _answer(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[HTTPStatus, str]:
        """OK after a tunnel that has ended; otherwise what the client is to be told."""
        method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        asked = _authority(method, rest.partition(" ")[0])
        if asked is None:
            return HTTPStatus.BAD_REQUEST, "This is a proxy for HTTPS: ask it to CONNECT to HOST:PORT."
        target = self._route(asked) if method == "CONNECT" else None
        if target is None:
            self._refuse(asked.host)
            return HTTPStatus.FORBIDDEN, f"geminid refuses calls to {asked.host}."
        log.info("%s:%d opened", asked.host, asked.port)
        return await _tunnel(reader, writer, target)

    def _route(self, asked: Address) -> Address | None:
        if asked.port == _HTTPS and is_google(asked.host):
            return self._target
        return asked if self._allow_net else None

    def _refuse(self, host: str) -> None:
        if host not in self._refused:
            self._refused.add(host)
            log.warning("refused a call to %s; --allow-net lets such calls pass.", host)


def _authority(method: str, target: str) -> Address | None:
    """Whom a request is for: ``host:port`` of CONNECT, or the URL that other methods give to a proxy."""
    try:
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        port = parts.port
    except ValueError:
        return None
    if not parts.hostname or (method == "CONNECT" and port is None):
        return None
    return Address(parts.hostname.rstrip("."), port or 80)


async def _tunnel(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: Address
) -> tuple[HTTPStatus, str]:
    try:
        async with asyncio.timeout(_OPEN_SECONDS):
            far_reader, far_writer = await asyncio.open_connection(target.host, target.port)
    except (OSError, TimeoutError):
        return HTTPStatus.BAD_GATEWAY, f"{target.host}:{target.port} cannot be reached."
    try:
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        async with asyncio.TaskGroup() as both:
            both.create_task(_copy(reader, far_writer))
            both.create_task(_copy(far_reader, writer))
    except* OSError:
        pass  # either side was reset; what it had sent is delivered
    finally:
        far_writer.close()
    return HTTPStatus.OK, ""


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(_CHUNK):
        sink.write(data)
        await sink.drain()
    with contextlib.suppress(OSError):  # the other side may have gone first
        sink.write_eof()


def _reply(status: HTTPStatus, text: str) -> bytes:
    body = f"{text}\n".encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
