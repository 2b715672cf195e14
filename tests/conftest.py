"""A whole server inside the test's own event loop, on a free port, with a scripted engine behind it.

And what holds for all tests: how hypothesis searches, and ports for programs that cannot choose their own.
"""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import pytest
from hypothesis import HealthCheck, settings

from geminid.app import App
from geminid.build.media import understanding_of
from geminid.build.safety import guard_of, works_of
from geminid.engines.scripted import Scripted
from geminid.media.understand import Understanding
from geminid.service.judges import Judges
from geminid.settings import Citations, Media, Safety, Server, Settings

# The same examples every time, however slow the machine is: who changes nothing sees nothing fail. A search for
# other examples is asked for by name, --hypothesis-profile=default.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")

_BELOW_THOSE_OF_CLIENTS = range(20_000, 30_000)
"""Linux gives out ports from 32768 on where a client asks for any, other systems from 49152 on."""

MODELS = "/v1/projects/p/locations/l/publishers/google/models"


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Finds a port for a program that must be told one. No client's connection takes it before it listens."""
    given: set[int] = set()

    def free_port() -> int:
        while True:
            port = secrets.choice(_BELOW_THOSE_OF_CLIENTS)
            with socket.socket() as probe:
                if port not in given and probe.connect_ex(("127.0.0.1", port)) != 0:
                    given.add(port)
                    return port

    return free_port


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs, and a way to talk to it."""

    app: App
    session: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.app.listener.port}"

    @property
    def engine(self) -> Scripted:
        engine = self.app.registry.fallback
        assert isinstance(engine, Scripted)
        return engine

    async def post(self, tail: str, request: Any) -> tuple[int, bytes]:
        """POSTs to ``…/models/{tail}``: the status and the body."""
        async with self.session.post(f"{self.url}{MODELS}/{tail}", json=request) as response:
            return response.status, await response.read()


@pytest.fixture
async def understanding(tmp_path: Path) -> AsyncIterator[Understanding]:
    """What understands media, with nobody who could recognise anything."""
    media = Media(reader="none", labeller="none", transcriber="none", cache_dir=str(tmp_path))
    understanding = understanding_of(Settings(media=media), {})
    yield understanding
    await understanding.aclose()


@pytest.fixture
def judges(tmp_path: Path) -> Judges:
    """Nobody rates, nothing is recognised."""
    return Judges(guard_of(Safety(rater="none"), {}), works_of(Citations(), tmp_path / "citations"))


Start: TypeAlias = Callable[..., Awaitable[Running]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a server whose engine gives these answers; other keywords are keys of ``[server]``."""
    running: list[App] = []
    async with aiohttp.ClientSession() as session:

        async def start(
            *answers: dict[str, Any],
            context_tokens: int = 32_768,
            safety: Safety = Safety(rater="none"),  # noqa: B008 - it is frozen
            **server: Any,
        ) -> Running:
            script = tmp_path / f"script{len(running)}.json"
            script.write_text(json.dumps({"answers": answers, "context_tokens": context_tokens}))
            ports = Server(port=0, grpc_port=0, tls_port=0, **server)
            app = App(Settings(engine=f"scripted:{script}", server=ports, safety=safety), tmp_path)
            await app.start()
            running.append(app)
            return Running(app, session)

        yield start
    for app in running:
        await app.stop()
