"""A model server on loopback that plays a script or sends what it is told byte by byte; and the embedded model."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
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
from geminid.generation import (
    Called,
    Calling,
    Choices,
    Constraint,
    Delta,
    Event,
    Finish,
    FinishReason,
    Function,
    FunctionCall,
    FunctionResponse,
    Generation,
    JsonSchema,
    Piece,
    Sampling,
    Text,
    TokenLogprobs,
    Tools,
    Turn,
    Usage,
)

SCRIPT = Script(
    answers=[
        Answer(when="story", chunks=[Chunk(text=" once", delay_ms=2)], repeat=5000),
        Answer(when="long prompt", chunks=["Read."], first_delay_ms=60_000),
        Answer(when="emoji", chunks=["😀", "🎉", "你", "好", " é"]),
        Answer(when="form", conform=True),
        Answer(when="riddle", chunks=[Chunk(text="Hm, a river?", thought=True), "A", " river."]),
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
    details: dict[str, Any] = field(default_factory=dict)
    """What other routes answer, by their paths."""
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
        async with aclosing(self.speaker.generate(_generation(self.body))) as events:
            async for event in events:
                if not response.prepared:
                    await response.prepare(request)
                for chunk in _chunks(event):
                    await response.write(_data(chunk))
        await response.write(b"data: [DONE]\n\n")
        return response

    async def tokenize(self, request: web.Request) -> web.Response:
        self.counted += 1
        body = await request.json()
        (count,) = await self.speaker.count_tokens([body.get("prompt", body.get("content"))])
        return web.json_response({"count": count})

    async def detail(self, request: web.Request) -> web.Response:
        told = self.details.get(request.path)
        return web.Response(status=404) if told is None else web.json_response(told)

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "first", "max_model_len": 4096}, {"id": "second"}]})


def _chunks(event: Event) -> Iterator[dict[str, Any]]:
    """An event as vLLM would send it."""
    match event:
        case Delta():
            delta = {"reasoning" if event.thought else "content": event.text}
            yield {"choices": [{"index": 0, "delta": delta, "logprobs": _logprobs(event.logprobs)}]}
        case Called():
            whole = json.dumps(event.call.args)
            first = {
                "id": event.call.id or "call-7",
                "function": {"name": event.call.name, "arguments": whole[:3]},
            }
            for piece in (first, {"function": {"arguments": whole[3:]}}):
                yield {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, **piece}]}}]}
        case Finish():
            names = {FinishReason.STOP: "stop", FinishReason.MAX_TOKENS: "length"}
            yield {"choices": [{"index": 0, "delta": {}, "finish_reason": names[event.reason]}]}
        case Usage():
            counts = {"prompt_tokens": event.prompt, "completion_tokens": event.output + event.thoughts}
            yield {"choices": [], "usage": counts}


def _logprobs(places: Sequence[TokenLogprobs]) -> dict[str, Any] | None:
    content = [
        {
            "token": place.chosen.token,
            "logprob": place.chosen.logprob,
            "top_logprobs": [{"token": other.token, "logprob": other.logprob} for other in place.top],
        }
        for place in places
    ]
    return {"content": content} if content else None


def _generation(body: dict[str, Any]) -> Generation:
    """What vLLM would be asked, asked of the scripted engine."""
    messages = [message for message in body["messages"] if message["role"] != "system"]
    sampling = Sampling(
        max_output_tokens=body.get("max_tokens"),
        stop_sequences=tuple(body.get("stop", ())),
        logprobs=body["top_logprobs"] if body.get("logprobs") else None,
    )
    return Generation(
        tuple(
            Turn("model" if message["role"] == "assistant" else "user", _pieces(message)) for message in messages
        ),
        sampling=sampling,
        constraint=_constraint(**body.get("structured_outputs", {})),
        tools=_tools(body["tools"], body["tool_choice"]) if "tools" in body else None,
    )


def _pieces(message: dict[str, Any]) -> tuple[Piece, ...]:
    if message["role"] == "tool":
        return (FunctionResponse("", json.loads(message["content"]), message["tool_call_id"]),)
    calls = [(call["id"], call["function"]) for call in message.get("tool_calls", ())]
    content = message["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
    return (
        *(Text(part["text"]) for part in parts if part["type"] == "text"),
        *(FunctionCall(function["name"], json.loads(function["arguments"]), id_) for id_, function in calls),
    )


def _constraint(json: dict[str, Any] | None = None, choice: list[str] | None = None) -> Constraint | None:
    if choice is not None:
        return Choices(tuple(choice))
    return None if json is None else JsonSchema(json)


def _tools(tools: list[Any], choice: Any) -> Tools:
    told = [{key: value for key, value in tool["function"].items() if key != "strict"} for tool in tools]
    functions = tuple(Function(**function) for function in told)
    calling = Calling.AUTO if choice == "auto" else Calling.ANY
    return Tools(functions, calling, frozenset(function.name for function in functions))


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
    app = web.Application(client_max_size=16 * 1024**2)
    app.router.add_post("/v1/chat/completions", server.chat)
    app.router.add_post("/tokenize", server.tokenize)
    app.router.add_get("/v1/models", server.models)
    app.router.add_get("/health", server.models)
    app.router.add_route("*", "/{path:.*}", server.detail)
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
