"""A fetcher that sees no network but loopback: names are answered from a table, sockets are counted."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from geminid.media.fetch import Fetcher, Policy
from geminid.media.fetch.addresses import Address
from geminid.media.fetch.http import AddressInfo

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)


@dataclass
class Names:
    """A resolver. Every name has loopback's address, unless ``table`` says what it has now, next, and so on."""

    table: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str) -> Sequence[Address]:
        self.asked.append(host)
        answers = self.table.get(host, [["127.0.0.1"]])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        return [ipaddress.ip_address(address) for address in answer]


@dataclass
class Sockets:
    """Makes sockets that connect to loopback, and notes for which addresses it was asked to."""

    opened: list[str] = field(default_factory=list)

    def __call__(self, info: AddressInfo) -> socket.socket:
        self.opened.append(str(info[4][0]))
        if not ipaddress.ip_address(str(info[4][0])).is_loopback:
            raise OSError("the tests stay on this machine")
        return socket.socket(*info[:3])


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def sockets() -> Sockets:
    return Sockets()


Make: TypeAlias = Callable[..., Fetcher]


@pytest.fixture
async def make(names: Names, sockets: Sockets, tmp_path: Path) -> AsyncIterator[Make]:
    """Makes a fetcher; keywords are those of the policy, and ``tls`` and ``yt_dlp``."""
    made: list[Fetcher] = []

    def make(tls: ssl.SSLContext | None = None, yt_dlp: Sequence[str] | None = None, **policy: Any) -> Fetcher:
        settings = Policy(**({"cache_dir": tmp_path / "cache"} | policy))
        fetcher = Fetcher(settings, resolve=names, open_socket=sockets, tls=tls, yt_dlp=yt_dlp)
        made.append(fetcher)
        return fetcher

    yield make
    for fetcher in made:
        await fetcher.aclose()


@pytest.fixture
async def local(make: Make) -> Fetcher:
    """A fetcher that may fetch from loopback."""
    return make(networks=LOOPBACK, seconds=5)


Serve: TypeAlias = Callable[..., Awaitable[int]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts a web server on loopback that answers everything with ``handler``; gives its port."""
    runners: list[web.AppRunner] = []

    async def serve(
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]], tls: ssl.SSLContext | None = None
    ) -> int:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", handler)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        port: int = runner.addresses[0][1]
        return port

    yield serve
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def raw() -> AsyncIterator[Serve]:
    """Starts a server on loopback that sends these pieces to whoever connects, and then closes; gives its port."""
    servers: list[asyncio.Server] = []
    speaking: set[asyncio.Task[None]] = set()

    async def raw(pieces: Callable[[], AsyncIterator[bytes]]) -> int:
        async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            speaking.add(task)
            with suppress(ConnectionError, asyncio.IncompleteReadError), closing(writer):
                await reader.readuntil(b"\r\n\r\n")
                async for piece in pieces():
                    writer.write(piece)
                    await writer.drain()

        server = await asyncio.start_server(speak, "127.0.0.1", 0)
        servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    yield raw
    for task in [*speaking]:
        task.cancel()
    for server in servers:
        server.close()
        await server.wait_closed()


@pytest.fixture
def canary() -> Iterator[int]:
    """The port of something on loopback, by IPv4 and IPv6, that nobody may connect to."""
    with socket.create_server(("127.0.0.1", 0)) as four:
        port: int = four.getsockname()[1]
        with socket.create_server(("::1", port), family=socket.AF_INET6) as six:
            yield port
            for listening in (four, six):
                listening.setblocking(False)
                with pytest.raises(BlockingIOError):
                    listening.accept()


@dataclass(frozen=True)
class Tls:
    """Both ends of TLS for ``files.test``, whose certificate signs itself."""

    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "files.test")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(days=1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("files.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "files.test.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(pem)
    return Tls(server, ssl.create_default_context(cafile=str(pem)))
