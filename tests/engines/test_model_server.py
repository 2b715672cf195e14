"""Servers of all kinds as they introduce themselves, and as they are found to do."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from geminid import errors
from geminid.doors.authority import Authority
from geminid.engines.base import State
from geminid.engines.dialects import DIALECTS, OLLAMA
from geminid.engines.openai_http import OpenAIHTTP
from geminid.engines.upstream import Upstream
from geminid.engines.upstream_kind import kind_of
from geminid.generation import Generation, Text, Turn

Routes = Mapping[str, Any]

HELLO = Generation((Turn("user", (Text("Hello"),)),))

ROW = {"id": "m", "object": "model"}
OPENAI = {"/v1/models": {"data": [ROW]}}

LLAMA_SERVER: Routes = {
    "/v1/models": {"data": [{**ROW, "owned_by": "llamacpp", "meta": {"n_ctx": 8192}}]},
    "/health": {"status": "ok"},
    "/props": {"default_generation_settings": {}, "modalities": {"vision": True, "audio": False}},
}
VLLM_SERVER: Routes = {
    "/v1/models": {"data": [{**ROW, "owned_by": "vllm", "max_model_len": 8192}]},
    "/health": "",
    "/version": {"version": "0.32.0"},
}
SGLANG_SERVER: Routes = {
    "/v1/models": {"data": [{**ROW, "owned_by": "sglang", "max_model_len": 8192}]},
    "/get_model_info": {"is_generation": True, "has_image_understanding": True, "has_audio_understanding": False},
}
TGI_SERVER: Routes = {
    "/v1/models": {"data": [{**ROW, "owned_by": "m"}]},
    "/info": {"model_id": "m", "max_input_tokens": 4095, "max_total_tokens": 8192},
}
LM_STUDIO: Routes = {
    "/v1/models": {"data": [{**ROW, "owned_by": "organization_owner"}]},
    "/api/v0/models": {
        "data": [{"id": "m", "type": "vlm", "max_context_length": 131072, "loaded_context_length": 8192}]
    },
    "*": {"error": "Unexpected endpoint or method. Returning 200 anyway"},
}
OLLAMA_SERVER: Routes = {
    "/v1/models": {"data": [{**ROW, "owned_by": "library"}]},
    "/api/version": {"version": "0.40.12"},
    "/api/show": {"capabilities": ["completion", "vision"]},
    "/api/ps": {"models": [{"name": "m:latest", "context_length": 8192}]},
}


@pytest.fixture
async def serving() -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Starts a server that answers these paths; ``*`` is what it answers to all others, if anything."""
    runners = []

    async def start(routes: Routes, tls: ssl.SSLContext | None = None) -> str:
        async def answer(request: web.Request) -> web.Response:
            told = routes.get(request.path, routes.get("*"))
            if isinstance(told, list):
                return web.Response(text="".join(told), content_type="text/event-stream")
            return web.Response(status=404) if told is None else web.json_response(told)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        runners.append(web.AppRunner(app))
        await runners[-1].setup()
        await web.TCPSite(runners[-1], "127.0.0.1", 0, ssl_context=tls).start()
        return f"{'https' if tls else 'http'}://127.0.0.1:{runners[-1].addresses[0][1]}/v1"

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def engine_of(serving: Any) -> AsyncIterator[Callable[..., Awaitable[OpenAIHTTP]]]:
    engines = []

    async def make(routes: Routes, **options: Any) -> OpenAIHTTP:
        engines.append(OpenAIHTTP(await serving(routes), **{"dialect": "auto", **options}))
        return engines[-1]

    yield make
    for engine in engines:
        await engine.aclose()


@pytest.mark.parametrize(
    ("routes", "kind", "window", "sees"),
    [
        (LLAMA_SERVER, "llama", 8192, True),
        (VLLM_SERVER, "vllm", 8192, False),
        (SGLANG_SERVER, "sglang", 8192, True),
        (TGI_SERVER, "tgi", 8192, False),
        (LM_STUDIO, "lmstudio", 8192, True),
        (OLLAMA_SERVER, "ollama", 8192, True),
        (OPENAI, "generic", 32_768, False),
    ],
    ids=["llama-server", "vLLM", "SGLang", "TGI", "LM Studio", "Ollama", "another"],
)
async def test_a_server_is_known_by_what_it_says(
    engine_of: Any, routes: Routes, kind: str, window: int, sees: bool
) -> None:
    engine = await engine_of(routes)

    await engine.wait_ready()

    assert engine.capabilities == DIALECTS[kind].capabilities(window, sees=sees)


@pytest.mark.parametrize(
    ("routes", "kind"),
    [
        ({"/version": {"version": "0.32.0"}}, "vllm"),
        ({"/model_info": {"is_generation": True}}, "sglang"),
        ({"/props": {"default_generation_settings": {}}}, "llama"),
        ({"*": {"error": "what?"}}, "generic"),
        ({"*": ["<html>"]}, "generic"),
    ],
)
async def test_where_the_list_says_nothing_other_routes_do(serving: Any, routes: Routes, kind: str) -> None:
    upstream = Upstream(await serving({**OPENAI, **routes}), {})

    found = await kind_of(upstream)
    await upstream.aclose()

    assert found.name == kind


async def test_what_is_not_there_is_asked_again_later(serving: Any) -> None:
    routes: dict[str, Any] = {}
    engine = OpenAIHTTP(await serving(routes), dialect="auto")
    assert (await engine.health()).state is State.DOWN
    with pytest.raises(errors.Unavailable):
        await anext(engine.generate(HELLO))

    routes |= OLLAMA_SERVER
    await engine.wait_ready()
    await engine.aclose()

    assert engine.capabilities.context_tokens == 8192


async def test_a_server_is_asked_from_the_start_on(serving: Any) -> None:
    engine = OpenAIHTTP(await serving(SGLANG_SERVER), dialect="auto")

    await engine.start()
    await engine.wait_ready()
    await engine.aclose()

    assert engine.capabilities.top_k


async def test_ollama_tells_the_window_of_a_model_once_it_is_loaded(engine_of: Any) -> None:
    routes = {**OLLAMA_SERVER, "/api/ps": {"models": []}}
    engine = await engine_of(routes)
    await engine.wait_ready()
    assert engine.capabilities.context_tokens == OLLAMA.assumed_window

    routes |= OLLAMA_SERVER
    await engine.health()

    assert engine.capabilities.context_tokens == 8192


async def test_a_gateway_without_health_route_is_asked_for_its_models(engine_of: Any) -> None:
    engine = await engine_of(OPENAI, dialect="vllm")

    assert (await engine.health()).state is State.READY


async def test_a_private_certificate_is_trusted_where_that_is_said(serving: Any, tmp_path: Path) -> None:
    certificate = Authority(tmp_path).certificate()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate.chain, certificate.key)
    url = (await serving(VLLM_SERVER, server)).replace("127.0.0.1", "localhost")
    trusting = OpenAIHTTP(url, dialect="auto", tls=ssl.create_default_context(cafile=tmp_path / "ca.pem"))
    careful = OpenAIHTTP(url, dialect="auto")

    states = [(await engine.health()).state for engine in (trusting, careful)]
    for engine in (trusting, careful):
        await engine.aclose()

    assert states == [State.READY, State.DOWN]


async def test_what_the_server_had_read_before_is_told(engine_of: Any) -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 5}}
    chunk = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}], "usage": usage}
    engine = await engine_of({**VLLM_SERVER, "/v1/chat/completions": [f"data: {json.dumps(chunk)}\n\n"]})

    *_, told = [event async for event in engine.generate(HELLO)]

    assert (told.prompt, told.cached) == (7, 5)
