"""A model server on loopback that plays a script or sends what it is told byte by byte; and the embedded model."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from geminid.engines import weights
from geminid.engines.llama_process import Job, LlamaProcess, Told
from geminid.engines.script import Answer, Chunk, Script
from geminid.engines.scripted import Scripted
from geminid.generation import Delta, Finish, FinishReason, Generation, Sampling, Text, Turn, Usage

SCRIPT = Script(
    answers=[
        Answer(when="story", chunks=[Chunk(text=" once", delay_ms=2)], repeat=5000),
        Answer(when="long prompt", chunks=["Read."], first_delay_ms=60_000),
        Answer(when="emoji", chunks=["😀", "🎉", "你", "好", " é"]),
        Answer(chunks=["The", " sky", " is", " blue", "."]),
    ]
)


@dataclass(frozen=True, slots=True)
class Raw:
    """An answer of the fake server, piece by piece. ``ending`` is ``end``, ``hang`` or ``reset``."""

    pieces: Sequence[bytes] = ()
    status: int = 200
    content_type: str = "text/event-stream"
    ending: str = "end"


@dataclass
class FakeServer:
    """Speaks the OpenAI chat API. ``raw`` answers are used up one by one; without any it plays ``SCRIPT``."""

    url: str = ""
    raw: list[Raw] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    active: int = 0
    counted: int = 0
    speaker: Scripted = field(default_factory=lambda: Scripted(SCRIPT))

    @property
    def body(self) -> dict[str, Any]:
        """The last request."""
        return self.bodies[-1]

    async def chat(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        assert request.transport
        peer = str(request.transport.get_extra_info("peername"))
        self.headers.append({**request.headers, "X-Peer": peer})
        self.active += 1
        try:
            if self.raw:
                return await self._send(request, self.raw.pop(0))
            return await self._play(request)
        finally:
            self.active -= 1

    async def _send(self, request: web.Request, raw: Raw) -> web.StreamResponse:
        response = web.StreamResponse(status=raw.status, headers={"Content-Type": raw.content_type})
        if raw.pieces or raw.ending == "end":
            await response.prepare(request)
        for piece in raw.pieces:
            await response.write(piece)
            await asyncio.sleep(0)
        if raw.ending == "hang":
            await asyncio.Event().wait()
        if raw.ending == "reset":
            assert request.transport
            request.transport.abort()
        return response

    async def _play(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        body = self.body
        names = {FinishReason.STOP: "stop", FinishReason.MAX_TOKENS: "length"}
        async with aclosing(self.speaker.generate(_generation(body))) as events:
            async for event in events:
                if not response.prepared:
                    await response.prepare(request)
                chunk: dict[str, Any] = {"choices": [{"index": 0, "delta": {}}]}
                match event:
                    case Delta():
                        chunk["choices"][0]["delta"] = {"content": event.text}
                    case Finish():
                        chunk["choices"][0]["finish_reason"] = names[event.reason]
                    case Usage():
                        usage = {"prompt_tokens": event.prompt, "completion_tokens": event.output}
                        chunk = {"choices": [], "usage": usage}
                await response.write(_data(chunk))
        await response.write(b"data: [DONE]\n\n")
        return response

    async def tokenize(self, request: web.Request) -> web.Response:
        self.counted += 1
        body = await request.json()
        (count,) = await self.speaker.count_tokens([body.get("prompt", body.get("content"))])
        return web.json_response({"count": count})

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "first", "max_model_len": 4096}, {"id": "second"}]})


def _generation(body: dict[str, Any]) -> Generation:
    turns = [
        Turn("model" if message["role"] == "assistant" else "user", (Text(message["content"]),))
        for message in body["messages"]
        if message["role"] != "system"
    ]
    limits = Sampling(max_output_tokens=body.get("max_tokens"), stop_sequences=tuple(body.get("stop", ())))
    return Generation(tuple(turns), sampling=limits)


@pytest.fixture
def raw() -> type[Raw]:
    """Makes answers of the fake server."""
    return Raw


@pytest.fixture
def data() -> Callable[[object], bytes]:
    """Makes an event of a stream."""
    return _data


def _data(chunk: object) -> bytes:
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n"


@pytest.fixture
async def fake() -> AsyncIterator[FakeServer]:
    server = FakeServer()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", server.chat)
    app.router.add_post("/tokenize", server.tokenize)
    app.router.add_get("/v1/models", server.models)
    app.router.add_get("/health", server.models)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield server
    await runner.cleanup()


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The default model. It is needed: what is not tested with a model is not tested."""
    path = weights.cached(weights.CATALOGUE["smollm2-135m"])
    if path is None and "GEMINID_TEST_MODEL" in os.environ:
        path = Path(os.environ["GEMINID_TEST_MODEL"])
    if path is None:
        pytest.fail("the default model is not here: run `geminid models pull smollm2-135m`")
    return path


@pytest.fixture
async def child(smollm2: Path) -> AsyncIterator[tuple[LlamaProcess, Told]]:
    """A llama.cpp server without a supervisor."""
    process, told = await LlamaProcess.start(Job(smollm2, slots=4, context_tokens=4096), print, 60)
    yield process, told
    await process.stop(5)
