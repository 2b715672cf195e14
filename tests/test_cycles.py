"""What a call made is freed when it is over: it has no cycles, which only the collector of garbage would free.

The collector looks through all that a server has, and thousands of streams wait for it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import types
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from google.cloud.aiplatform_v1 import Content, GenerateContentRequest, Part

import geminid
from geminid.app import App
from geminid.settings import OpenAI, Pool, Safety, Server, Settings

TIMES = 20
MODEL = "projects/p/locations/l/publishers/google/models/gemini-2.5-flash"
SERVICE = "/google.cloud.aiplatform.v1.PredictionService"
OWN = str(Path(geminid.__file__).parent)
PORTS = Server(port=0, grpc_port=0, tls_port=0)
QUESTIONS = ("Hello", "Break off", "Refuse")
SCRIPT = [
    {"when": "Break off", "chunks": ["One ", "two "], "fail": {"code": "INTERNAL", "after_chunks": 1}},
    {"when": "Refuse", "fail": {"code": "UNAVAILABLE"}},
    {"when": "Hang", "chunks": ["One "], "hang": True},
    {"chunks": ["One ", "two ", "three."]},
]

GEMINI = {
    "unary": f"/v1/{MODEL}:generateContent",
    "array": f"/v1/{MODEL}:streamGenerateContent",
    "events": f"/v1beta1/{MODEL}:streamGenerateContent?alt=sse",
    "developer": "/v1beta/models/gemini-2.5-flash:generateContent",
    "developer-events": "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
}
CHAT = {"chat": False, "chat-events": True}


def http(form: str, text: str, functions: Sequence[object] = (), **config: object) -> bytes:
    """An HTTP request after whose answer the connection ends."""
    if form in CHAT:
        path = "/v1/chat/completions"
        message = {"role": "user", "content": text}
        body = json.dumps({"model": "google/gemini-2.5-flash", "messages": [message], "stream": CHAT[form]})
    else:
        path = GEMINI[form]
        contents = {"role": "user", "parts": {"text": text}}
        tools = [{"functionDeclarations": functions}] if functions else []
        body = json.dumps({"contents": contents, "generationConfig": config, "tools": tools})
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


async def ask(app: App, asked: bytes, *, leave: bool = False) -> bytes:
    """All of the answer, or what has come of it when the client leaves."""
    reader, writer = await asyncio.open_connection("127.0.0.1", app.listener.port)
    writer.write(asked)
    answer = await (reader.readuntil(b"One") if leave else reader.read())
    writer.close()
    await writer.wait_closed()
    return answer


async def hear(channel: grpc.aio.Channel, method: str, text: str) -> None:
    """The same over gRPC."""
    contents = [Content(role="user", parts=[Part(text=text)])]
    asked = GenerateContentRequest.serialize(GenerateContentRequest(model=MODEL, contents=contents))
    with suppress(grpc.aio.AioRpcError):
        async for _ in channel.unary_stream(f"{SERVICE}/{method}")(asked):
            pass


async def left_by(app: App, *calls: Callable[[], Awaitable[object]]) -> Counter[str]:
    """How many objects of geminid's, by what they are, calls that are over leave to the collector.

    All are made once before: the first ones make what stays.
    """
    await made(app, calls)
    gc.collect()
    with keeping_garbage():
        for _ in range(TIMES):
            await made(app, calls)
        gc.collect()
        return Counter(name for one in gc.garbage if (name := own(one)))


async def made(app: App, calls: Sequence[Callable[[], Awaitable[object]]]) -> None:
    """Returns when no client is connected any more, and no call under way."""
    for call in calls:
        await call()
    async with asyncio.timeout(10):
        while app.listener.connections or app.observe.running:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)


@contextmanager
def keeping_garbage() -> Iterator[None]:
    """The collector works when it is called alone, and keeps what it finds."""
    enabled, debugs = gc.isenabled(), gc.get_debug()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield
    finally:
        gc.set_debug(debugs)
        gc.garbage.clear()
        if enabled:
            gc.enable()


def own(one: object) -> str:
    """What an object of geminid's is, its classes' and its functions'; empty for others."""
    match one:
        case types.FrameType():
            return one.f_code.co_qualname if one.f_code.co_filename.startswith(OWN) else ""
        case types.FunctionType() | types.MethodType():
            return one.__qualname__ if (one.__module__ or "").startswith("geminid.") else ""
    kind = type(one)
    return kind.__qualname__ if kind.__module__.startswith("geminid.") else ""


@pytest.fixture
async def server(start: Any) -> App:
    """The scripted engine."""
    running = await start(*SCRIPT)
    app: App = running.app
    return app


@pytest.fixture(params=["one", "pool", "hedging"])
async def before(request: pytest.FixtureRequest, server: App, tmp_path: Path) -> AsyncIterator[App]:
    """A server whose engine is that server, once or as two replicas."""
    url = f"http://127.0.0.1:{server.listener.port}/v1"
    urls = (url,) if request.param == "one" else (url, f"{url}/")
    pool = Pool(hedge_seconds=0.001 if request.param == "hedging" else 0, failures=1_000_000)
    engine = OpenAI(urls=urls, model="gemini-2.5-flash", dialect="generic", context_tokens=1000, pool=pool)
    settings = Settings(engine="far", engines={"far": engine}, server=PORTS, safety=Safety(rater="none"))
    app = App(settings, tmp_path / "before")
    await app.start()
    await app.wait_ready()
    yield app
    await app.stop()


@pytest.mark.parametrize("form", [*GEMINI, *CHAT])
async def test_http_leaves_no_cycles(server: App, form: str) -> None:
    left = await left_by(server, *(partial(ask, server, http(form, text)) for text in QUESTIONS))

    assert not left


async def test_candidates_leave_no_cycles(server: App) -> None:
    requests = [http("unary", text, candidateCount=3) for text in QUESTIONS]

    left = await left_by(server, *(partial(ask, server, one) for one in requests))

    assert not left


async def test_functions_leave_no_cycles(server: App) -> None:
    city = {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}
    function = {"name": "weather", "description": "Of a city", "parameters": city}

    left = await left_by(server, partial(ask, server, http("unary", "Hello", [function])))

    assert not left


async def test_a_client_that_leaves_leaves_no_cycles(server: App) -> None:
    left = await left_by(server, partial(ask, server, http("events", "Hang"), leave=True))

    assert not left


@pytest.mark.parametrize("form", ["unary", "events"])
async def test_model_servers_leave_no_cycles(before: App, form: str) -> None:
    left = await left_by(before, *(partial(ask, before, http(form, text)) for text in QUESTIONS))

    assert not left


async def test_a_model_server_that_breaks_off_leaves_no_cycles(tmp_path: Path) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"}")
        chunk = b'data: {"choices": [{"index": 0, "delta": {"content": "One"}}]}\n\n'
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 1000\r\n\r\n"
        writer.write(head + chunk)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as far:
        url = f"http://127.0.0.1:{far.sockets[0].getsockname()[1]}/v1"
        engine = OpenAI(url=url, model="m", dialect="generic", context_tokens=1000)
        app = App(Settings(engine="far", engines={"far": engine}, server=PORTS), tmp_path)
        await app.start()
        left = await left_by(app, *(partial(ask, app, http(form, "Hello")) for form in ("unary", "events")))
        await app.stop()

    assert not left


@pytest.mark.parametrize("method", ["GenerateContent", "StreamGenerateContent"])
async def test_grpc_leaves_no_cycles_of_ours(server: App, method: str) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc.port}") as channel:
        left = await left_by(server, *(partial(hear, channel, method, text) for text in QUESTIONS))

    assert not left
