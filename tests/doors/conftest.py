"""A real listener on its own thread, and clients that speak raw bytes to it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import pytest
import uvloop

from geminid.doors.limits import Limits
from geminid.doors.listen import Listener

READING_SECONDS = 8
"""Less than any of the default limits, so that what ends earlier was ended by those of a test."""


class HttpServer:
    """``app`` behind a ``Listener``, in a thread with an event loop of its own."""

    def __init__(self, run: Callable[[Any], None], app: Any, limits: Limits, drain_seconds: float) -> None:
        self.listener = Listener(app, host="127.0.0.1", port=0, limits=limits, drain_seconds=drain_seconds)
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=lambda: run(self._serve()))
        self._thread.start()
        self._ready.result(30)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()
        await self.listener.start()
        self._ready.set_result(None)
        await self._end.wait()

    @property
    def port(self) -> int:
        return self.listener.port

    async def stop(self) -> None:
        """Drains the listener; its loop goes on."""
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self.listener.stop(), self._loop))

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.listener.stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(30)

    @property
    def connections(self) -> int:
        return self.listener.connections


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes


class RawClient:
    """One TCP connection. Reading gives up after ``READING_SECONDS``."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def line(self) -> bytes:
        async with asyncio.timeout(READING_SECONDS):
            return await self.reader.readline()

    async def head(self) -> tuple[int, dict[str, str]]:
        async with asyncio.timeout(READING_SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.rstrip().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        return int(first.split()[1]), headers

    async def response(self) -> Response:
        status, headers = await self.head()
        async with asyncio.timeout(READING_SECONDS):
            if headers.get("transfer-encoding") == "chunked":
                body = await self._chunks()
            elif "content-length" in headers:
                body = await self.reader.readexactly(int(headers["content-length"]))
            else:
                body = await self.reader.read()
        return Response(status, headers, body)

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        assert await self.reader.readline() == b"\r\n"
        return body

    async def rest(self) -> bytes:
        """Everything until the server closes. A reset counts as a close."""
        async with asyncio.timeout(READING_SECONDS):
            with contextlib.suppress(ConnectionResetError):
                return await self.reader.read()
        return b""

    def half_close(self) -> None:
        self.writer.write_eof()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        self.writer.transport.abort()


@pytest.fixture
def eventually() -> Callable[..., Awaitable[None]]:
    """Waits until a condition holds: ``await eventually(lambda: not server.connections)``."""

    async def wait(condition: Callable[[], bool], seconds: float = READING_SECONDS) -> None:
        async with asyncio.timeout(seconds):
            while True:
                if condition():
                    return
                await asyncio.sleep(0.005)

    return wait


@pytest.fixture(params=["uvloop", "asyncio"])
def event_loop_runner(request: pytest.FixtureRequest) -> Callable[[Any], None]:
    """Production runs on uvloop; the standard loop is what Windows has."""
    return uvloop.run if request.param == "uvloop" else asyncio.run


@pytest.fixture
def serve_http(event_loop_runner: Callable[[Any], None]) -> Iterator[Callable[..., HttpServer]]:
    """Starts servers: ``serve_http(app, Limits(...), drain_seconds=...)``."""
    servers: list[HttpServer] = []

    def start(app: Any, limits: Limits | None = None, drain_seconds: float = 0.0) -> HttpServer:
        servers.append(HttpServer(event_loop_runner, app, limits or Limits(), drain_seconds))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
async def connect_raw() -> AsyncIterator[Callable[[HttpServer], Awaitable[RawClient]]]:
    """Opens raw connections: ``await connect_raw(server)``."""
    clients: list[RawClient] = []

    async def connect(server: HttpServer, **options: Any) -> RawClient:
        client = RawClient(*await asyncio.open_connection("127.0.0.1", server.port, **options))
        clients.append(client)
        return client

    yield connect
    for client in clients:
        client.writer.close()
        with contextlib.suppress(ConnectionError):
            await client.writer.wait_closed()
