"""Raw requests over real sockets."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import pytest

from geminid.call import Call, Stream
from geminid.doors.openai.door import OpenAIDoor
from geminid.errors import NotFound, Unavailable
from geminid.gemini.profiles import Catalogue
from geminid.wire.generation import FinishReason, GenerateContentResponse

Answer: TypeAlias = Callable[..., GenerateContentResponse]

VERTEX = "/v1beta1/projects/p/locations/l/endpoints/openapi/chat/completions"
HELLO = {"model": "google/gemini-1.5-flash-002", "messages": [{"role": "user", "content": "Hello"}]}
NAMED = "projects/p/locations/l/publishers/google/models/gemini-1.5-flash-002"
BARE = "publishers/google/models/gemini-1.5-flash-002"


@pytest.fixture
def says_hi(answer: Answer) -> Callable[[Call], Stream]:
    async def handler(call: Call) -> Stream:
        if call.rpc == "StreamGenerateContent":
            yield answer("H")
            yield answer("i")
        yield answer("" if call.rpc == "StreamGenerateContent" else "Hi", finish=FinishReason.STOP)

    return handler


def fails(error: Exception, *chunks: GenerateContentResponse) -> Callable[[Call], Stream]:
    async def handler(call: Call) -> AsyncIterator[Any]:
        for chunk in chunks:
            yield chunk
        raise error

    return handler  # type: ignore[return-value]


def events(body: bytes) -> list[str]:
    *lines, rest = body.decode().split("\n\n")
    assert rest == ""
    assert all(line.startswith("data: ") for line in lines)
    return [line.removeprefix("data: ") for line in lines]


async def test_a_completion_is_one_json_object(serve: Any, says_hi: Any) -> None:
    server = await serve(says_hi)

    status, content_type, body = await server.send("POST", VERTEX, HELLO)

    assert (status, content_type) == (200, "application/json; charset=UTF-8")
    assert json.loads(body)["choices"][0]["message"] == {"content": "Hi", "role": "assistant"}
    assert json.loads(body)["model"] == "google/gemini-1.5-flash-002"


async def test_a_stream_is_events_that_end_with_done(serve: Any, says_hi: Any) -> None:
    server = await serve(says_hi)

    status, content_type, body = await server.send("POST", VERTEX, HELLO | {"stream": True})

    *chunks, done = events(body)
    assert (status, content_type) == (200, "text/event-stream")
    assert [json.loads(chunk)["choices"][0]["delta"]["content"] for chunk in chunks] == ["H", "i", ""]
    assert ["usage" in json.loads(chunk) for chunk in chunks] == [False, False, True]
    assert done == "[DONE]"


@pytest.mark.parametrize(
    ("path", "model", "resource", "version"),
    [
        (VERTEX, "google/gemini-1.5-flash-002", NAMED, "v1beta1"),
        (VERTEX.replace("v1beta1", "v1"), "google/gemini-1.5-flash-002", NAMED, "v1"),
        (VERTEX.replace("openapi", "1234567"), "google/gemini-1.5-flash-002", NAMED, "v1beta1"),
        (VERTEX, "meta/llama", "projects/p/locations/l/publishers/meta/models/llama", "v1beta1"),
        ("/v1/chat/completions", "gemini-1.5-flash-002", BARE, "v1"),
        ("/v1/chat/completions", "google/gemini-1.5-flash-002", BARE, "v1"),
        ("/v1beta/openai/chat/completions", "models/gemini-1.5-flash-002", BARE, "v1"),
    ],
)
async def test_path_and_model_name_the_resource(
    serve: Any, says_hi: Any, path: str, model: str, resource: str, version: str
) -> None:
    server = await serve(says_hi)

    status, _, _ = await server.send("POST", path, HELLO | {"model": model})

    assert status == 200
    assert server.requests[0].model == resource
    assert server.calls[0].method == f"google.cloud.aiplatform.{version}.PredictionService.GenerateContent"
    assert server.calls[0].door == "openai"


async def test_the_bearer_token_is_the_credential(serve: Any, says_hi: Any) -> None:
    server = await serve(says_hi)

    await server.send("POST", VERTEX, HELLO, headers={"Authorization": "Bearer secret"})

    assert server.calls[0].credentials.bearer == "secret"


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "", "google/", "/x"])
async def test_vertex_wants_a_publisher_with_the_model(serve: Any, says_hi: Any, model: str) -> None:
    server = await serve(says_hi)

    status, _, body = await server.send("POST", VERTEX, HELLO | {"model": model})

    (answered,) = json.loads(body)
    assert status == 400
    assert answered["error"]["message"] == (
        f"Malformed publisher model (`model`: '{model}') for the 'openapi' request endpoint ID; "
        "expected '<publisher>/<model>'."
    )


@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_is_an_array_with_its_status(serve: Any, stream: bool) -> None:
    server = await serve(fails(NotFound("no such model")))

    status, content_type, body = await server.send("POST", VERTEX, HELLO | {"stream": stream})

    assert (status, content_type) == (404, "application/json; charset=UTF-8")
    assert json.loads(body) == [{"error": {"code": 404, "message": "no such model", "status": "NOT_FOUND"}}]


async def test_an_error_in_mid_stream_is_the_last_event(serve: Any, answer: Answer) -> None:
    server = await serve(fails(Unavailable("gone"), answer("Hi")))

    status, _, body = await server.send("POST", VERTEX, HELLO | {"stream": True})

    assert status == 200
    assert json.loads(events(body)[-1]) == {"error": {"code": 503, "message": "gone", "status": "UNAVAILABLE"}}


async def test_a_failure_of_the_server_says_nothing_of_its_inside(
    serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server = await serve(fails(ZeroDivisionError("secret")))

    status, _, body = await server.send("POST", VERTEX, HELLO)

    assert status == 500
    assert json.loads(body)[0]["error"]["message"] == "Internal error encountered."
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b'{"model": 1}', b'{"messages": [1]}'])
async def test_a_broken_body_is_the_clients_fault(serve: Any, says_hi: Any, body: bytes) -> None:
    server = await serve(says_hi)

    status, _, answered = await server.send("POST", VERTEX, body)

    assert status == 400
    assert json.loads(answered)[0]["error"]["status"] == "INVALID_ARGUMENT"


async def test_a_large_image_is_translated_beside_the_loop(serve: Any, says_hi: Any) -> None:
    server = await serve(says_hi)
    image = {"url": "data:image/png;base64," + base64.b64encode(b"x" * 300_000).decode()}
    part = {"type": "image_url", "image_url": image}

    status, _, _ = await server.send("POST", VERTEX, HELLO | {"messages": [{"role": "user", "content": [part]}]})

    assert status == 200
    assert len(server.requests[0].contents[0].parts[0].inline_data.data) == 300_000


async def test_too_large_a_body_is_refused(serve: Any, says_hi: Any) -> None:
    server = await serve(says_hi)

    status, _, body = await server.send("POST", VERTEX, b" " * 600_001)

    assert status == 400
    assert json.loads(body)[0]["error"]["message"] == "Request payload size exceeds the limit: 600000 bytes."


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_goes_away_stops_the_work(serve: Any, answer: Answer, stream: bool) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def never_ends(call: Call) -> Stream:
        try:
            yield answer("Hi")
            begun.set()
            await asyncio.Event().wait()
        finally:
            stopped.set()

    server = await serve(never_ends)
    client = asyncio.create_task(server.send("POST", VERTEX, HELLO | {"stream": stream}))
    await begun.wait()

    client.cancel()

    async with asyncio.timeout(5):
        await stopped.wait()


@pytest.mark.parametrize(
    ("path", "model_id"),
    [
        ("/v1/models", "gemini-1.5-flash-002"),
        ("/v1beta/openai/models", "models/gemini-1.5-flash-002"),
    ],
)
async def test_models_are_listed(serve: Any, says_hi: Any, path: str, model_id: str) -> None:
    server = await serve(says_hi)

    _, _, listed = await server.send("GET", path)
    _, _, one = await server.send("GET", f"{path}/{model_id}")

    model = {"created": 0, "id": model_id, "object": "model", "owned_by": "google"}
    assert json.loads(listed)["object"] == "list"
    assert model in json.loads(listed)["data"]
    assert json.loads(one) == model


async def test_a_model_that_is_not_known_is_not_found(serve: Any, says_hi: Any) -> None:
    server = await serve(says_hi)

    status, _, body = await server.send("GET", "/v1/models/gpt-4")

    assert status == 404
    assert json.loads(body)[0]["error"]["status"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("method", "path", "headers", "query", "ours"),
    [
        ("POST", VERTEX, [], b"", True),
        ("POST", "/v1/chat/completions", [(b"x-goog-api-key", b"k")], b"", True),
        ("POST", "/v1beta/openai/chat/completions", [], b"", True),
        ("POST", "/v1beta/openai/v1/chat/completions", [], b"", False),
        ("GET", VERTEX, [], b"", False),
        ("GET", "/v1/models", [(b"authorization", b"Bearer x")], b"", True),
        ("GET", "/v1/models", [], b"", True),
        ("POST", "/v1/embeddings", [], b"", True),
        ("POST", "/v1beta/openai/embeddings", [], b"", True),
        ("GET", "/v1/models", [(b"x-goog-api-key", b"k")], b"", False),
        ("GET", "/v1/models", [], b"key=k", False),
        ("GET", "/v1beta/openai/models", [(b"x-goog-api-key", b"k")], b"", True),
        ("GET", "/v1beta/models", [], b"", False),
        ("GET", VERTEX.replace("chat/completions", "models"), [], b"", False),
        ("POST", "/v1/publishers/google/models/m:generateContent", [], b"", False),
    ],
)
def test_the_door_knows_what_is_its_own(
    method: str, path: str, headers: list[tuple[bytes, bytes]], query: bytes, ours: bool
) -> None:
    async def unasked(call: Call) -> Stream:
        raise AssertionError
        yield GenerateContentResponse()

    door = OpenAIDoor(unasked, unasked, unasked, Catalogue(), request_bytes=1)

    assert (
        door.matches({"type": "http", "method": method, "path": path, "headers": headers, "query_string": query})
        is ours
    )


async def test_other_paths_are_not_found(serve: Any, says_hi: Any) -> None:
    server = await serve(says_hi)

    status, _, body = await server.send("GET", "/v1/assistants")

    assert status == 404
    assert json.loads(body)[0]["error"]["code"] == 404
