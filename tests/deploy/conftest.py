"""The model of replicas, and HTTP servers for ASGI applications."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from geminid.deploy.kept_child import KeptChild
from geminid.deploy.passing import Passing
from geminid.engines import weights
from geminid.engines.kept_child import Bounds
from geminid.engines.llama_process import Job

KEY = "sesame"


@pytest.fixture(scope="session")
def smollm2() -> Path:
    path = weights.cached(weights.CATALOGUE["smollm2-135m"])
    if path is None:
        pytest.fail("the default model is not here: run `geminid models pull smollm2-135m`")
    return path


@pytest.fixture
async def kept(smollm2: Path) -> AsyncIterator[KeptChild]:
    """A child with two slots that is kept running."""
    kept = KeptChild(Job(smollm2, threads=1, slots=2, context_tokens=2048), Bounds(stop=1))
    await kept.start()
    yield kept
    await kept.aclose()


Serve = Callable[[Any], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts an HTTP server for an application; answers with its address."""
    servers: list[tuple[uvicorn.Server, asyncio.Task[None]]] = []

    async def start(application: Any) -> str:
        config = uvicorn.Config(application, port=0, lifespan="off", log_level="critical", loop="none")
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
        servers.append((server, asyncio.create_task(server.serve())))
        async with asyncio.timeout(30):
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    yield start
    for server, task in servers:
        server.should_exit = server.force_exit = True
        await task


@pytest.fixture
async def address(kept: KeptChild, serve: Serve) -> AsyncIterator[str]:
    """Where a replica with two slots listens, at which one request may wait."""
    passing = Passing(kept, 2, key=KEY, waiting=1)
    yield await serve(passing)
    await passing.aclose()


@pytest.fixture
def key() -> dict[str, str]:
    return {"Authorization": f"Bearer {KEY}"}
