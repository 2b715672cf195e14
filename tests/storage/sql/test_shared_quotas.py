"""Quotas of several servers on one PostgreSQL: real processes and sockets, and the scripted engine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import pytest

MODELS = "/v1/projects/p/locations/l/publishers/google/models"
ASKED = {"contents": {"parts": {"text": "x"}}}


class Server:
    """``geminid serve`` as a process."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, session: aiohttp.ClientSession) -> None:
        self.process = process
        self._url = f"http://127.0.0.1:{port}{MODELS}/gemini-2.0-flash"
        self._session = session

    async def ask(self) -> int:
        async with self._session.post(f"{self._url}:generateContent", json=ASKED) as response:
            await response.read()
            return response.status

    @contextlib.asynccontextmanager
    async def streaming(self) -> AsyncIterator[int]:
        """An answer that does not end; its status, once something was said or it was refused."""
        async with self._session.post(f"{self._url}:streamGenerateContent", json=ASKED) as response:
            await response.content.readany()
            yield response.status


async def until(status: int, ask: Callable[[], Awaitable[int]]) -> None:
    """Asks until this is the answer."""
    async with asyncio.timeout(20):
        while True:
            if await ask() == status:
                return
            await asyncio.sleep(0.02)


Serve: TypeAlias = Callable[..., Awaitable[list[Server]]]


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Serve]:
    """Starts so many servers on a database. Their engine says a word, and nothing after it when it ``hangs``."""
    processes: list[asyncio.subprocess.Process] = []
    async with aiohttp.ClientSession() as session:

        async def started(number: int, url: str, quotas: str, hangs: bool) -> Server:
            folder = tmp_path / str(number)
            folder.mkdir()
            (folder / "script.toml").write_text(f"[[answers]]\nchunks = ['a']\nhang = {str(hangs).lower()}\n")
            (folder / "geminid.toml").write_text(
                f'engine = "scripted:{folder}/script.toml"\n[safety]\nrater = "none"\n'
                f"[server]\nport = 0\ngrpc_port = 0\ntls_port = 0\ndrain_seconds = 0.1\n"
                f'[storage]\nurl = "{url}"\n[quotas]\n{quotas}\n'
            )
            command = (sys.executable, "-m", "geminid", "serve", "--config", str(folder / "geminid.toml"))
            process = await asyncio.create_subprocess_exec(
                *command,
                stderr=asyncio.subprocess.PIPE,
                env=os.environ | {"NO_COLOR": "1", "GEMINID_STATE": str(folder)},
            )
            processes.append(process)
            assert process.stderr is not None
            lines: list[str] = []
            while not lines or lines[-1].strip() != "ready":
                lines.append((await process.stderr.readline()).decode())
                assert lines[-1], "".join(lines)
            found = re.search(r"http://127\.0\.0\.1:(\d+)", "".join(lines))
            assert found
            return Server(process, int(found[1]), session)

        async def serve(count: int, url: str, quotas: str, *, hangs: bool = False) -> list[Server]:
            return list(await asyncio.gather(*(started(one, url, quotas, hangs) for one in range(count))))

        yield serve
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def flood(servers: list[Server], seconds: float) -> tuple[Counter[int], float]:
    """Calls one after the other from four clients of each server: statuses, and how long it was."""
    statuses: Counter[int] = Counter()
    began = time.monotonic()

    async def client(server: Server) -> None:
        while time.monotonic() < began + seconds:
            statuses[await server.ask()] += 1

    await asyncio.gather(*(client(server) for server in servers for _ in range(4)))
    return statuses, time.monotonic() - began


async def test_four_servers_accept_what_one_may(postgresql: Any, serve: Serve) -> None:
    servers = await serve(4, postgresql.new_database(), "requests_per_minute = 1200")

    statuses, seconds = await flood(servers, 5)

    assert set(statuses) == {200, 429}
    allowed, burst = 20 * seconds, 20
    assert 0.98 * allowed <= statuses[200] <= allowed + burst


async def test_what_runs_at_the_same_time_is_counted_over_all_servers(postgresql: Any, serve: Serve) -> None:
    servers = await serve(2, postgresql.new_database(), "concurrent_requests = 3", hangs=True)

    async with contextlib.AsyncExitStack() as stack:
        asked = [servers[number % 2].streaming() for number in range(5)]
        statuses = [await stack.enter_async_context(one) for one in asked]
    assert statuses == [200, 200, 200, 429, 429]

    async with (
        contextlib.AsyncExitStack() as stack
    ):  # those have left, and their places are free for either server
        for number in range(3):
            await until(200, lambda number=number: stack.enter_async_context(servers[number % 2].streaming()))


@pytest.mark.parametrize(
    ("when_unreachable", "status"),
    [("allow", 200), ("refuse", 503)],
)
@pytest.mark.parametrize("limits", ["requests_per_minute = 6000", "concurrent_requests = 3"])
async def test_calls_pass_or_not_while_the_database_is_away_and_pass_when_it_is_back(
    postgresql: Any, serve: Serve, limits: str, when_unreachable: str, status: int
) -> None:
    quotas = f'{limits}\nwhen_unreachable = "{when_unreachable}"'
    (server,) = await serve(1, postgresql.new_database(), quotas)
    assert await server.ask() == 200

    postgresql.stop()
    try:
        async with asyncio.timeout(10):
            assert [await server.ask() for _ in range(10)] == [status] * 10
    finally:
        postgresql.start()

    await until(200, server.ask)
    server.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(server.process.wait(), 20) == 0
