"""Servers of all kinds as they introduce themselves, and how they are spoken to then."""

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
from geminid.engines.chat_request import Writer, salt_of
from geminid.engines.dialects import DIALECTS, LMSTUDIO, OLLAMA, SGLANG, TGI, VLLM
from geminid.engines.openai_http import OpenAIHTTP
from geminid.engines.upstream import Upstream
from geminid.engines.upstream_errors import Refusal
from geminid.engines.upstream_kind import kind_of
from geminid.generation import (
    Calling,
    Choices,
    Function,
    Generation,
    JsonSchema,
    Prefix,
    Sampling,
    Text,
    Thinking,
    Tools,
    Turn,
)

Routes = Mapping[str, Any]

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
        await anext(engine.generate(asking()))

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


def asking(text: str = "Hello", **about: Any) -> Generation:
    return Generation((Turn("user", (Text(text),)),), **about)


def sent(dialect: Any, generation: Generation) -> dict[str, Any]:
    return Writer(dialect).body("m", generation, 8192)


CITY = JsonSchema({"type": "object", "properties": {"city": {"type": "string"}}})
OPENAI_CITY = {
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": CITY.schema, "strict": True},
    }
}
YES_NO = Choices(("yes", "no (really)"))
REGEX = r"(yes|no \(really\))"
LOOK_UP = Function("look_up", "Looks up.", {"type": "object"})


@pytest.mark.parametrize("dialect", [VLLM, SGLANG])
def test_tenants_have_salts_of_their_own(dialect: Any) -> None:
    ours, theirs = (sent(dialect, asking(tenant=tenant))["cache_salt"] for tenant in ("project-a", "project-b"))

    assert ours == salt_of("project-a") != theirs
    assert "project" not in ours
    assert "cache_salt" not in sent(dialect, asking())


@pytest.mark.parametrize("name", sorted(DIALECTS.keys() - {"vllm", "sglang"}))
def test_other_servers_are_sent_no_salt(name: str) -> None:
    assert "salt" not in json.dumps(sent(DIALECTS[name], asking(tenant="project-a")))


@pytest.mark.parametrize(
    ("dialect", "constraint", "expected"),
    [
        (SGLANG, YES_NO, {"regex": REGEX}),
        (SGLANG, CITY, OPENAI_CITY),
        (TGI, YES_NO, {"response_format": {"type": "regex", "value": REGEX}}),
        (TGI, CITY, {"response_format": {"type": "json_object", "value": CITY.schema}}),
        (LMSTUDIO, CITY, OPENAI_CITY),
        (OLLAMA, CITY, OPENAI_CITY),
    ],
)
def test_constraints_in_the_form_of_each_server(dialect: Any, constraint: Any, expected: Any) -> None:
    body = sent(dialect, asking(constraint=constraint))

    assert {
        key: body[key] for key in ("regex", "response_format", "structured_outputs") if key in body
    } == expected


@pytest.mark.parametrize("dialect", [VLLM, SGLANG, TGI])
def test_beside_functions_the_model_is_only_told(dialect: Any) -> None:
    tools = Tools((LOOK_UP,), Calling.AUTO, frozenset({"look_up"}))

    body = sent(dialect, asking(constraint=CITY, tools=tools))

    assert not {"regex", "response_format", "structured_outputs"} & set(body)
    assert "city" in body["messages"][0]["content"]


@pytest.mark.parametrize(("calling", "strict"), [("AUTO", None), ("VALIDATED", True), ("ANY", True)])
def test_vllm_is_told_where_arguments_have_to_validate(calling: str, strict: bool | None) -> None:
    (told,) = sent(VLLM, asking(tools=Tools((LOOK_UP,), Calling[calling], frozenset({"look_up"}))))["tools"]

    assert told["function"].get("strict") is strict


def test_small_differences() -> None:
    must_call = Tools((LOOK_UP,), Calling.ANY, frozenset({"look_up"}))

    assert "top_p" not in sent(TGI, asking(sampling=Sampling(top_p=1)))
    assert sent(TGI, asking(sampling=Sampling(top_p=0.9)))["top_p"] == 0.9
    assert sent(LMSTUDIO, asking(tools=must_call))["tool_choice"] == "required"
    assert sent(SGLANG, asking(tools=must_call))["tool_choice"]["function"] == {"name": "look_up"}


async def test_a_model_that_cannot_call_is_told_of_functions_in_words(fake: Any) -> None:
    tools, thinking = Tools((LOOK_UP,), Calling.AUTO, frozenset({"look_up"})), Thinking(budget=100)
    fake.details = {path: OLLAMA_SERVER[path] for path in ("/api/version", "/api/show", "/api/ps")}
    engine = OpenAIHTTP(fake.url, "first", dialect="ollama")
    await engine.wait_ready()

    async for _ in engine.generate(asking(tools=tools, thinking=thinking)):
        pass
    await engine.aclose()

    assert not {"tools", "reasoning_effort"} & set(fake.body)
    assert "look_up" in fake.body["messages"][0]["content"]


async def test_what_the_server_had_read_before_is_told(engine_of: Any) -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 5}}
    chunk = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}], "usage": usage}
    engine = await engine_of({**VLLM_SERVER, "/v1/chat/completions": [f"data: {json.dumps(chunk)}\n\n"]})

    *_, told = [event async for event in engine.generate(asking())]

    assert (told.prompt, told.cached) == (7, 5)


@pytest.mark.parametrize(
    ("dialect", "asked"), [("vllm", 1), ("sglang", 1), ("llama", 1), ("generic", 0), ("tgi", 0)]
)
async def test_prefixes_are_read_where_that_helps(fake: Any, dialect: str, asked: int) -> None:
    engine = OpenAIHTTP(fake.url, "any", dialect=dialect)

    await engine.remember(asking("The prefix.", prefix=Prefix("key", 1), tenant="project-a"))
    await engine.aclose()

    assert [body["max_tokens"] for body in fake.bodies] == [1] * asked
    assert not engine.remembered()


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


async def test_keys_go_into_the_header_that_is_asked_for(fake: Any) -> None:
    engine = OpenAIHTTP(fake.url, "any", api_key="k-1", key_header="api-key")

    async for _ in engine.generate(asking()):
        pass
    await engine.aclose()

    assert fake.headers[-1]["api-key"] == "k-1"
    assert "Authorization" not in fake.headers[-1]


@pytest.mark.parametrize(
    "message",
    [
        "The input (9000 tokens) is longer than the model's context length (4096 tokens).",
        "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total "
        "of 9100 tokens: 9000 tokens from the input messages and 100 tokens for the completion.",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 9000 `inputs` tokens "
        "and 100 `max_new_tokens`",
        "Input validation error: `inputs` must have less than 4096 tokens. Given: 9000",
    ],
)
def test_prompts_that_do_not_fit(message: str) -> None:
    error = Refusal.read(422, json.dumps({"error": message}).encode()).as_error()

    assert isinstance(error, errors.PromptTooLong)
    assert (error.tokens, error.limit) == (9000, 4096)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, b"<html>Bad Request</html>", errors.Unavailable),  # whoever says so is no model server
        (400, b'{"error": "seed is bad"}', errors.InvalidArgument),
        (413, b"<html>Too Large</html>", errors.InvalidArgument),
        (424, b'{"error": "Request failed during generation", "error_type": "generation"}', errors.Internal),
    ],
)
def test_refusals(status: int, body: bytes, expected: type[errors.ApiError]) -> None:
    assert type(Refusal.read(status, body).as_error()) is expected
