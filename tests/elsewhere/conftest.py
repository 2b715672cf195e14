"""Two servers: one that is asked, with a scripted engine, and one before it that passes calls on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import pytest
from aiohttp import web

from geminid.app import App
from geminid.settings import Chain, EngineSettings, Safety, Server, Settings, Vertex

MODELS = "/v1/projects/p/locations/l/publishers/google/models"
OURS = "our-project-1"


@dataclass(frozen=True, slots=True)
class Front:
    """The server that clients talk to."""

    app: App
    session: aiohttp.ClientSession

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.app.listener.port}"

    async def post(self, tail: str, request: Any, **more: Any) -> tuple[int, bytes]:
        """POSTs to ``…/models/{tail}``: the status and the body."""
        async with self.session.post(f"{self.url}{MODELS}/{tail}", json=request, **more) as response:
            return response.status, await response.read()


def upstream_at(url: str) -> Vertex:
    """A geminid as the real service."""
    return Vertex(endpoint=url, project=OURS, location="us-central1", credentials="none")


Front_: TypeAlias = Callable[..., Awaitable[Front]]


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front_]:
    """Starts a server with these engines; other keywords are keys of ``Settings``."""
    running: list[App] = []
    async with aiohttp.ClientSession() as session:

        async def front(engine: Chain = "vertex", **more: Any) -> Front:
            engines: dict[str, EngineSettings] = more.pop("engines", {})
            settings = Settings(
                engine=engine,
                engines=engines,
                server=Server(port=0, grpc_port=0, tls_port=0),
                safety=Safety(rater="none"),
                **more,
            )
            app = App(settings, tmp_path / f"front{len(running)}")
            await app.start()
            running.append(app)
            return Front(app, session)

        yield front
    for app in running:
        await app.stop()


@pytest.fixture
def before(front: Front_) -> Callable[..., Awaitable[Front]]:
    """Starts a server that passes everything on to another one."""

    async def before(upstream: Any, **more: Any) -> Front:
        return await front(engines={"vertex": upstream_at(upstream.url)}, **more)

    return before


@dataclass(slots=True)
class Canned:
    """A service that gives one answer to everything, byte by byte, and keeps what it was asked.

    Where it ``hangs`` it never ends its answer; ``left`` is set when it is left then.
    """

    url: str = ""
    status: int = 200
    body: bytes = b"{}"
    content_type: str = "application/json"
    hangs: bool = False
    asked: list[tuple[web.BaseRequest, bytes]] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append((request, await request.read()))
        response = web.StreamResponse(status=self.status, headers={"content-type": self.content_type})
        await response.prepare(request)
        await response.write(self.body)
        if self.hangs:
            try:
                await asyncio.Event().wait()
            finally:
                self.left.set()
        return response

    def says(self, *chunks: Any, status: int = 200) -> None:
        """One answer; or several, as a stream."""
        self.status = status
        if len(chunks) == 1:
            self.content_type, self.body = "application/json", json.dumps(chunks[0]).encode()
        else:
            lines = (b"data: " + json.dumps(chunk).encode() + b"\r\n\r\n" for chunk in chunks)
            self.content_type, self.body = "text/event-stream", b"".join(lines)


@pytest.fixture
async def canned() -> AsyncIterator[Canned]:
    service = Canned()
    runner = web.ServerRunner(web.Server(service.answer, handler_cancellation=True))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield service
    await runner.cleanup()
