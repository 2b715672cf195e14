"""Model servers on loopback that can be killed, hung, slowed down and driven mad, and a pool over them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from geminid.engines.openai_http import OpenAIHTTP, Patience
from geminid.engines.pool import Policy, Pool

TOKENS = 10
SILENCE = 3.0
"""Seconds after which who says nothing is taken to hang: more than a busy machine keeps a process waiting."""

QUICK = Policy(check_seconds=0.2, first_event_seconds=SILENCE, ejection_seconds=0.5, slow_start_seconds=0.2)
PATIENCE = Patience(connect=SILENCE, stall=SILENCE, health=SILENCE)


@dataclass
class ModelServer:
    """Says ``TOKENS`` words, ``pause`` seconds apart. ``mode``: ok, dead, hung, mad, busy.

    A dead server breaks its connections, those that are open, too; a hung one says nothing from now on, nor does
    it answer health checks; a mad one is in good health and sends what is no answer.
    """

    url: str = ""
    mode: str = "ok"
    pause: float = 0.005
    asked: int = 0
    active: int = 0
    salts: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)
    _open: set[Any] = field(default_factory=set)
    _cured: asyncio.Event = field(default_factory=asyncio.Event)

    def becomes(self, mode: str) -> None:
        self.mode = mode
        if mode == "dead":
            for transport in self._open:
                transport.abort()
        if mode == "ok":
            self._cured.set()
            self._cured = asyncio.Event()

    async def health(self, request: web.Request) -> web.Response:
        await self._suffer(request)
        return web.json_response({"data": [{"id": "m", "owned_by": "vllm", "max_model_len": 4096}]})

    async def tokenize(self, request: web.Request) -> web.Response:
        await self._suffer(request)
        return web.json_response({"count": len((await request.json())["prompt"].split())})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        body = await request.json()
        self.salts.add(body.get("cache_salt", ""))
        self.texts.append(body["messages"][-1]["content"])
        self.active += 1
        transport = request.transport
        self._open.add(transport)
        try:
            await self._suffer(request)
            if self.mode == "busy":
                return web.json_response({"error": {"message": "full"}}, status=429)
            return await self._say(request)
        finally:
            self._open.discard(transport)
            self.active -= 1

    async def _suffer(self, request: web.Request) -> None:
        if self.mode == "dead":
            assert request.transport
            request.transport.abort()
            await asyncio.Event().wait()
        if self.mode == "hung":
            await self._cured.wait()

    async def _say(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for word in range(TOKENS):
            await asyncio.sleep(self.pause)
            await self._suffer(request)
            last = "stop" if word == TOKENS - 1 else None
            chunk = {"choices": [{"index": 0, "delta": {"content": f" {word}"}, "finish_reason": last}]}
            await response.write(b"<html>\n\ndata: nonsense\n\n" if self.mode == "mad" else _data(chunk))
        await response.write(_data({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": TOKENS}}))
        await response.write(b"data: [DONE]\n\n")
        return response


def _data(chunk: object) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


Serve = Callable[[int], Awaitable[list[ModelServer]]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Starts so many servers."""
    runners = []

    async def start(number: int) -> list[ModelServer]:
        return [await one() for _ in range(number)]

    async def one() -> ModelServer:
        server = ModelServer()
        app = web.Application()
        app.router.add_post("/v1/chat/completions", server.chat)
        app.router.add_post("/tokenize", server.tokenize)
        app.router.add_get("/v1/models", server.health)
        app.router.add_get("/health", server.health)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        return server

    yield start
    for runner in runners:
        await runner.cleanup()


def maker(server: ModelServer) -> Callable[[], OpenAIHTTP]:
    return lambda: OpenAIHTTP(server.url, "m", dialect="vllm", patience=PATIENCE)


@pytest.fixture
async def pool_of(serve: Serve) -> AsyncIterator[Callable[..., Awaitable[tuple[Pool, list[ModelServer]]]]]:
    """Starts a pool over so many servers, with all of them up."""
    made = []

    async def start(number: int, policy: Policy = QUICK) -> tuple[Pool, list[ModelServer]]:
        servers = await serve(number)
        pool = Pool({server.url: maker(server) for server in servers}, policy)
        made.append(pool)
        await pool.start()
        async with asyncio.timeout(30):
            while not all(replica.up for replica in pool.replicas):  # noqa: ASYNC110 - each has its own checks
                await asyncio.sleep(0.01)
        return pool, servers

    yield start
    for pool in made:
        await pool.aclose()


@pytest.fixture
def factory() -> Callable[[ModelServer], Callable[[], OpenAIHTTP]]:
    """Makes the engine of a server, for ``reconfigure``."""
    return maker


@pytest.fixture
def quick() -> Policy:
    """What the pools of these tests go by."""
    return QUICK
