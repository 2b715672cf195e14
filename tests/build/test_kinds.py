"""What the file says of a server, as that server hears it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from geminid.build.kinds import openai_of
from geminid.generation import Generation, JsonSchema, Text, Turn
from geminid.settings import OpenAI

ANSWER = 'data: {"choices": [{"index": 0, "delta": {"content": "[]"}, "finish_reason": "stop"}]}\n\n'
DIARY = JsonSchema({"type": "array", "items": {"type": "string"}})


class Server:
    """Keeps what it was asked last."""

    url = ""
    body: dict[str, Any]
    headers: Any

    async def chat(self, request: web.Request) -> web.Response:
        self.body, self.headers = await request.json(), request.headers
        return web.Response(text=ANSWER, content_type="text/event-stream")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server, app = Server(), web.Application()
    app.router.add_post("/v1/chat/completions", server.chat)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield server
    await runner.cleanup()


async def test_what_the_file_says_of_a_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVER_KEY", "k-1")
    told = OpenAI(
        url=server.url, model="m", api_key_env="SERVER_KEY", api_key_header="api-key", dialect="vllm",
        context_tokens=512, sees=True, hears=False, parameters=135_000_000, system="Be kind.",
    )  # fmt: skip
    engine = openai_of(told)

    async for _ in engine.generate(Generation((Turn("user", (Text("Hello"),)),), constraint=DIARY)):
        pass
    await engine.aclose()

    assert server.headers["api-key"] == "k-1"
    assert server.body["model"] == "m"
    assert server.body["messages"][0]["content"].startswith("Be kind.")
    assert "maxItems" in server.body["structured_outputs"]["json"], "a model of so few parameters is bounded"
    assert (engine.capabilities.context_tokens, engine.capabilities.sees) == (512, True)
