"""The Developer API's door over real sockets, in front of the real services and the scripted engine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import httpx
import pytest
from google import genai
from google.genai import errors, types

from geminid.call import Call, Handler, Stream
from geminid.doors.developer import DeveloperDoor
from geminid.doors.listen import Listener
from geminid.engines.scripted import Scripted
from geminid.gemini.profiles import Catalogue
from geminid.media.understand import Understanding
from geminid.service.garden import ModelService
from geminid.service.generative import PredictionService
from geminid.service.judges import Judges
from geminid.service.registry import Registry
from geminid.service.tokens import LlmUtilityService
from geminid.wire import developer_routes as routes

HELLO = {"contents": [{"role": "user", "parts": [{"text": "Why is the sky blue?"}]}]}
ANSWER = "This is a scripted answer."
FLASH = "/v1beta/models/gemini-1.5-flash-latest"


class Recorder:
    """Keeps the calls that pass."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def watch(self, handler: Handler) -> Handler:
        async def watched(call: Call) -> Stream:
            self.calls.append(call)
            async for message in handler(call):
                yield message

        return watched


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def door(recorder: Recorder, understanding: Understanding, judges: Judges) -> DeveloperDoor:
    registry = Registry(Catalogue(), Scripted(), {})
    prediction, models = PredictionService(registry, understanding, judges), ModelService(registry)
    handlers = {
        routes.GENERATE_CONTENT: prediction.generate_content,
        routes.STREAM_GENERATE_CONTENT: prediction.stream_generate_content,
        routes.COUNT_TOKENS: LlmUtilityService(registry, understanding).count_tokens,
        routes.GET_MODEL: models.get_model,
        routes.LIST_MODELS: models.list_models,
    }
    watched = {method: recorder.watch(handler) for method, handler in handlers.items()}
    return DeveloperDoor(watched, registry.catalogue, request_bytes=600_000)


@pytest.fixture
async def url(door: DeveloperDoor) -> AsyncIterator[str]:
    listener = Listener(door, host="127.0.0.1", port=0, drain_seconds=1)
    await listener.start()
    yield f"http://127.0.0.1:{listener.port}"
    await listener.stop()


@pytest.fixture
async def ask(url: str) -> AsyncIterator[Callable[..., Any]]:
    """Sends a request and gives back the response with its body."""
    async with aiohttp.ClientSession() as session:

        async def send(method: str, path: str, body: Any = None, **options: Any) -> Any:
            data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
            async with session.request(method, url + path, data=data, **options) as response:
                return response, await response.read()

        yield send


@pytest.fixture
async def client(url: str) -> AsyncIterator[Any]:
    async with httpx.AsyncClient() as session:
        options = types.HttpOptions(base_url=url, httpx_async_client=session)
        with genai.Client(api_key="a-key", http_options=options) as client:
            yield client.aio


async def test_genai_generates(client: Any) -> None:
    response = await client.models.generate_content(model="gemini-2.5-flash", contents="Hello")

    assert response.text == ANSWER
    assert response.candidates[0].index == 0
    assert response.candidates[0].finish_reason is types.FinishReason.STOP
    assert response.usage_metadata.prompt_token_count == 1
    assert response.usage_metadata.traffic_type is None


async def test_genai_streams(client: Any) -> None:
    stream = await client.models.generate_content_stream(model="gemini-2.5-flash", contents="Hello")

    chunks = [chunk async for chunk in stream]

    assert "".join(chunk.text for chunk in chunks) == ANSWER
    assert [chunk.usage_metadata is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert len({chunk.response_id for chunk in chunks}) == 1


async def test_genai_chats(client: Any) -> None:
    chat = client.chats.create(model="gemini-2.5-flash")

    async for _ in await chat.send_message_stream("Hello"):
        pass
    await chat.send_message("Again")

    assert [content.role for content in chat.get_history()][-2:] == ["user", "model"]


async def test_genai_counts_what_a_generation_counts(client: Any) -> None:
    asked = {"model": "gemini-2.5-flash", "contents": ["Hello", "How are you?"]}

    counted = await client.models.count_tokens(**asked)

    usage = (await client.models.generate_content(**asked)).usage_metadata
    assert counted.total_tokens == usage.prompt_token_count == 5


async def test_genai_lists_all_models_page_by_page(client: Any) -> None:
    pager = await client.models.list(config={"page_size": 10})

    names = [model.name async for model in pager]

    assert names == [f"models/{model.id}" for model in Catalogue()]


async def test_genai_gets_a_model(client: Any) -> None:
    model = await client.models.get(model="gemini-2.5-flash")

    assert model.name == "models/gemini-2.5-flash"
    assert model.display_name == "Gemini 2.5 Flash"
    assert "generateContent" in model.supported_actions
    assert model.input_token_limit > 0
    assert model.max_temperature == 2


async def test_genai_sees_an_unknown_model(client: Any) -> None:
    with pytest.raises(errors.ClientError) as error:
        await client.models.generate_content(model="gemini-9", contents="Hello")

    assert (error.value.code, error.value.status) == (404, "NOT_FOUND")
    assert error.value.message == (
        "models/gemini-9 is not found for API version v1beta, or is not supported for generateContent. Call "
        "ListModels to see the list of available models and their supported methods."
    )


async def test_an_answer_has_the_developer_apis_form(ask: Any) -> None:
    _, body = await ask("POST", f"{FLASH}:generateContent", HELLO)

    answer = json.loads(body)
    assert list(answer) == ["candidates", "usageMetadata", "modelVersion", "responseId"]
    (candidate,) = answer["candidates"]
    assert list(candidate) == ["content", "finishReason", "index", "avgLogprobs"]
    assert candidate["content"] == {"parts": [{"text": ANSWER}], "role": "model"}
    assert candidate["index"] == 0
    assert answer["usageMetadata"] == {"promptTokenCount": 6, "candidatesTokenCount": 6, "totalTokenCount": 12}
    assert answer["modelVersion"] == "gemini-1.5-flash-002"


async def test_a_stream_is_an_array_or_events(ask: Any) -> None:
    _, array = await ask("POST", f"{FLASH}:streamGenerateContent", HELLO)
    response, events = await ask("POST", f"{FLASH}:streamGenerateContent?alt=sse", HELLO)

    lines = [line for line in events.split(b"\r\n\r\n") if line]
    assert response.headers["content-type"] == "text/event-stream"
    assert all(line.startswith(b'data: {"candidates": [{"content": {"parts": [{"text": "') for line in lines)
    assert len(lines) == len(json.loads(array))


async def test_enums_are_numbers_when_asked_for(ask: Any) -> None:
    _, body = await ask("POST", f"{FLASH}:generateContent?%24alt=json%3Benum-encoding%3Dint", HELLO)

    assert json.loads(body)["candidates"][0]["finishReason"] == 1


@pytest.mark.parametrize(
    "body",
    [
        HELLO,
        {"generateContentRequest": {"model": "models/gemini-1.5-flash", "generationConfig": {}, **HELLO}},
        {"generate_content_request": {"safetySettings": [], **HELLO}},
    ],
)
async def test_tokens_are_counted_in_either_form(ask: Any, body: Any) -> None:
    _, answer = await ask("POST", f"{FLASH}:countTokens", body)

    assert json.loads(answer) == {"totalTokens": 6, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 6}]}


@pytest.mark.parametrize("version", ["v1", "v1beta", "v1alpha"])
async def test_every_version_is_served(ask: Any, recorder: Recorder, version: str) -> None:
    headers = {"x-goog-api-key": "secret"}

    response, _ = await ask("POST", f"/{version}/models/gemini-pro%3AgenerateContent", HELLO, headers=headers)

    (call,) = recorder.calls
    assert response.status == 200
    assert call.method == "google.ai.generativelanguage.v1beta.GenerativeService.GenerateContent"
    assert (call.door, call.model, call.credentials.api_key) == ("developer", "gemini-pro", "secret")


async def test_the_key_may_stand_in_the_query_and_a_token_in_the_header(ask: Any, recorder: Recorder) -> None:
    await ask("GET", "/v1beta/models?key=a%2Bb&pageSize=2", headers={"Authorization": "Bearer token"})

    (call,) = recorder.calls
    assert (call.credentials.api_key, call.credentials.bearer) == ("a+b", "token")


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (f"{FLASH}:generateContent", {}, "* GenerateContentRequest.contents: contents is not specified"),
        (f"{FLASH}:countTokens", {}, "* CountTokensRequest.contents: contents is not specified"),
        (
            f"{FLASH}:generateContent",
            {"generationConfig": {"foo": 1}},
            "Invalid JSON payload received. Unknown name \"foo\" at 'generation_config': Cannot find field.",
        ),
        (f"{FLASH}:generateContent", b" " * 600_001, "Request payload size exceeds the limit: 600000 bytes."),
    ],
)
async def test_refusals(ask: Any, path: str, body: Any, message: str) -> None:
    response, answer = await ask("POST", path, body)

    assert response.status == 400
    assert json.loads(answer)["error"]["message"] == message


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/models/publishers/google/models/gemini-pro:generateContent"),
        ("POST", f"{FLASH}:doSomethingElse"),
        ("DELETE", FLASH),
    ],
)
async def test_no_method_is_a_clean_404(ask: Any, method: str, path: str) -> None:
    response, body = await ask(method, path)

    assert response.status == 404
    assert json.loads(body)["error"]["status"] == "NOT_FOUND"


async def test_a_large_body_is_decoded_beside_the_loop(ask: Any) -> None:
    body = {"contents": [{"parts": [{"text": "x " * 150_000}]}]}

    _, answer = await ask("POST", f"{FLASH}:countTokens", body)

    assert json.loads(answer)["totalTokens"] > 100_000


def scope(method: str, path: str, query: bytes = b"", **headers: bytes) -> dict[str, Any]:
    named = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    return {"type": "http", "method": method, "path": path, "query_string": query, "headers": named}


@pytest.mark.parametrize(
    "asked",
    [
        scope("POST", "/v1/models/m:generateContent"),
        scope("GET", "/v1beta/models"),
        scope("GET", "/v1alpha/models/m"),
        scope("GET", "/v1/models", b"key=k"),
        scope("GET", "/v1/models/m", x_goog_api_key=b"k"),
        scope("POST", "/v1/models/publishers/google/models/m:generateContent"),
    ],
)
def test_what_is_this_doors(door: DeveloperDoor, asked: dict[str, Any]) -> None:
    assert door.matches(asked)


@pytest.mark.parametrize(
    "asked",
    [
        scope("GET", "/v1/models", authorization=b"Bearer token"),
        scope("GET", "/v1/models/m", b"pageSize=1"),
        scope("POST", "/v1beta/openai/chat/completions"),
        scope("GET", "/v1beta/openai/models"),
        scope("POST", "/v1/publishers/google/models/m:generateContent"),
        scope("POST", "/v1beta1/models/m:generateContent"),
        scope("GET", "/"),
    ],
)
def test_what_is_others(door: DeveloperDoor, asked: dict[str, Any]) -> None:
    assert not door.matches(asked)
