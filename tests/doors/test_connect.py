"""The CONNECT proxy: where it leads to, whom it refuses, and how its tunnels end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import pytest

from geminid.doors.connect import Address, ConnectProxy, is_google

HOST = "us-central1-aiplatform.googleapis.com"

Connection: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Start: TypeAlias = Callable[..., Awaitable[ConnectProxy]]
Ask: TypeAlias = Callable[[ConnectProxy, str], Awaitable[tuple[str, asyncio.StreamReader, asyncio.StreamWriter]]]


@pytest.fixture
async def backend() -> AsyncIterator[Address]:
    """Sends back what it gets, and then ``.`` when the other side has ended."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.write(b".")
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    yield Address("127.0.0.1", server.sockets[0].getsockname()[1])
    server.close()


@pytest.fixture
async def start(backend: Address) -> AsyncIterator[Start]:
    """Starts a proxy that leads to the backend: ``await start(allow_net=True)``."""
    proxies: list[ConnectProxy] = []

    async def start(server: Address = backend, *, allow_net: bool = False) -> ConnectProxy:
        proxies.append(ConnectProxy(server, allow_net=allow_net))
        await proxies[-1].start()
        return proxies[-1]

    yield start
    for proxy in proxies:
        await proxy.stop()


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Sends a request to a proxy: the status line of the answer, and the connection."""
    writers: list[asyncio.StreamWriter] = []

    async def ask(proxy: ConnectProxy, line: str) -> tuple[str, asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writers.append(writer)
        writer.write(f"{line} HTTP/1.1\r\nHost: any\r\n\r\n".encode())
        async with asyncio.timeout(5):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        return head.split("\r\n")[0], reader, writer

    yield ask
    for writer in writers:
        writer.close()


async def test_googles_hosts_lead_to_the_server(start: Start, ask: Ask) -> None:
    status, reader, writer = await ask(await start(), f"CONNECT {HOST}:443")

    writer.write(b"hello")

    assert status == "HTTP/1.1 200 Connection established"
    assert await reader.readexactly(5) == b"hello"


async def test_the_end_of_one_side_reaches_the_other(start: Start, ask: Ask) -> None:
    _, reader, writer = await ask(await start(), f"CONNECT {HOST}:443")

    writer.write(b"hello")
    writer.write_eof()

    assert await asyncio.wait_for(reader.read(), 5) == b"hello."


async def test_large_bodies_pass(start: Start, ask: Ask) -> None:
    _, reader, writer = await ask(await start(), f"CONNECT {HOST}:443")
    body = bytes(5_000_000)

    writer.write(body)

    assert len(await asyncio.wait_for(reader.readexactly(len(body)), 10)) == len(body)


async def test_stop_cuts_the_tunnels(start: Start, ask: Ask) -> None:
    proxy = await start()
    _, reader, _ = await ask(proxy, f"CONNECT {HOST}:443")

    await proxy.stop()

    assert await asyncio.wait_for(reader.read(), 5) == b""


@pytest.mark.parametrize(
    "request_line",
    [
        "CONNECT example.com:443",
        f"CONNECT {HOST}:80",
        "CONNECT storage.googleapis.com:443",
        "CONNECT aiplatform.googleapis.com.example.com:443",
        "GET http://example.com/",
        f"GET http://{HOST}/v1/x",
    ],
)
async def test_everything_else_is_refused(start: Start, ask: Ask, request_line: str) -> None:
    status, reader, _ = await ask(await start(), request_line)

    assert status == "HTTP/1.1 403 Forbidden"
    assert (await reader.read()).startswith(b"geminid refuses calls to ")


@pytest.mark.parametrize(
    "request_line", ["CONNECT example.com", "GET /", "CONNECT a:99999", "CONNECT [::1:443", "x"]
)
async def test_what_is_no_request_to_a_proxy_is_answered_400(start: Start, ask: Ask, request_line: str) -> None:
    status, _, _ = await ask(await start(), request_line)

    assert status == "HTTP/1.1 400 Bad Request"


async def test_a_refused_host_is_told_once(start: Start, ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    proxy = await start()

    for host in ("example.com", "example.com", "example.org"):
        await ask(proxy, f"CONNECT {host}:443")

    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert told == [
        "refused a call to example.com; --allow-net lets such calls pass.",
        "refused a call to example.org; --allow-net lets such calls pass.",
    ]


async def test_with_allow_net_other_hosts_are_reached(start: Start, ask: Ask, backend: Address) -> None:
    nowhere = Address("127.0.0.1", 1)
    proxy = await start(nowhere, allow_net=True)

    status, reader, writer = await ask(proxy, f"CONNECT localhost:{backend.port}")
    writer.write(b"hello")

    assert status.startswith("HTTP/1.1 200")
    assert await reader.readexactly(5) == b"hello"


async def test_a_server_that_is_gone_is_a_bad_gateway(start: Start, ask: Ask) -> None:
    status, _, _ = await ask(await start(Address("127.0.0.1", 1)), f"CONNECT {HOST}:443")

    assert status == "HTTP/1.1 502 Bad Gateway"


@pytest.mark.parametrize("garbage", [b"", b"CONNECT", b"x" * 100_000])
async def test_clients_that_speak_no_http_harm_nobody(start: Start, ask: Ask, garbage: bytes) -> None:
    proxy = await start()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    writer.write(garbage)
    writer.write_eof()
    gone = await asyncio.gather(reader.read(), return_exceptions=True)
    writer.close()

    assert gone == [b""] or isinstance(gone[0], ConnectionError)
    assert (await ask(proxy, f"CONNECT {HOST}:443"))[0].startswith("HTTP/1.1 200")


@pytest.mark.parametrize(
    "host",
    [
        HOST,
        "aiplatform.googleapis.com",
        "aiplatform.us.rep.googleapis.com",
        "aiplatform.eu.rep.googleapis.com",
        "generativelanguage.googleapis.com",
        "oauth2.googleapis.com",
        "www.googleapis.com",
        "sts.googleapis.com",
        "iamcredentials.googleapis.com",
        "cloudresourcemanager.googleapis.com",
    ],
)
def test_the_hosts_that_clients_of_the_api_ask(host: str) -> None:
    assert is_google(host)
