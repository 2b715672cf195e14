"""The REST door over real sockets, in front of handlers of a few lines."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import aiohttp
import pytest

from geminid.call import Call, Handler, Stream
from geminid.doors.limits import Limits
from geminid.doors.listen import Listener
from geminid.doors.rest import RestDoor
from geminid.errors import NotFound, Unavailable
from geminid.wire import routes
from geminid.wire.content import Content, Part
from geminid.wire.generation import Candidate, FinishReason, GenerateContentRequest, GenerateContentResponse

MODELS = "/v1/projects/p/locations/l/publishers/google/models"
UNARY = f"{MODELS}/gemini-1.5-flash:generateContent"
STREAM = f"{MODELS}/gemini-1.5-flash:streamGenerateContent"
HELLO = b'{"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}'

PRETTY = """\
{
  "candidates": [
    {
      "content": {
        "role": "model",
        "parts": [
          {
            "text": "Hi"
          }
        ]
      },
      "finishReason": "STOP"
    }
  ],
  "modelVersion": "m"
}
"""

Post: TypeAlias = Callable[..., Awaitable[tuple[aiohttp.ClientResponse, bytes]]]


def chunk(text: str, finish: FinishReason | None = None) -> GenerateContentResponse:
    content = Content(role="model", parts=[Part(text=text)])
    return GenerateContentResponse(
        candidates=[Candidate(content=content, finish_reason=finish)], model_version="m"
    )


async def two_chunks(call: Call) -> Stream:
    yield chunk("Hi <there>")
    yield chunk("", FinishReason.STOP)


async def one_answer(call: Call) -> Stream:
    yield chunk("Hi", FinishReason.STOP)


async def fails_at_once(call: Call) -> Stream:
    raise NotFound("no such model")
    yield chunk("")


async def fails_later(call: Call) -> Stream:
    yield chunk("Hi")
    raise Unavailable("gone")


async def breaks(call: Call) -> Stream:
    raise ZeroDivisionError("secret of /home/me")
    yield chunk("")


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Handler], Awaitable[Post]]]:
    """Starts a server whose methods are all answered by one handler; gives back a way to post to it."""
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        listeners: list[Listener] = []

        async def start(handler: Handler) -> Post:
            door = RestDoor(dict.fromkeys(routes.METHODS, handler), request_bytes=600_000)
            listener = Listener(door, host="127.0.0.1", port=0, limits=Limits(), drain_seconds=1)
            await listener.start()
            listeners.append(listener)

            async def post(path: str, body: bytes = HELLO, **options: Any) -> tuple[aiohttp.ClientResponse, bytes]:
                url = f"http://127.0.0.1:{listener.port}{path}"
                async with session.request(options.pop("method", "POST"), url, data=body, **options) as response:
                    return response, await response.read()

            return post

        yield start
        for listener in listeners:
            await listener.stop()


async def test_a_unary_answer_is_printed_as_google_prints_it(serve: Any) -> None:
    post = await serve(one_answer)

    response, body = await post(UNARY)

    assert response.status == 200
    assert response.headers["content-type"] == "application/json; charset=UTF-8"
    assert response.headers.getall("vary") == ["Origin", "X-Origin", "Referer"]
    assert body.decode() == PRETTY


async def test_the_default_stream_is_an_array_with_nothing_after_the_bracket(serve: Any) -> None:
    post = await serve(two_chunks)

    response, body = await post(STREAM)

    first, second = body.split(b",\r\n")
    assert response.headers["content-type"] == "application/json; charset=UTF-8"
    assert first.startswith(b'[{\n  "candidates": [')
    assert first.endswith(b"\n}\n")
    assert second.endswith(b"\n}\n]")
    assert rb"Hi \u003cthere\u003e" in first


async def test_server_sent_events_are_single_data_lines(serve: Any) -> None:
    post = await serve(two_chunks)

    response, body = await post(f"{STREAM}?alt=sse")

    assert response.headers["content-type"] == "text/event-stream"
    assert response.headers["content-disposition"] == "attachment"
    assert body == (
        b'data: {"candidates": [{"content": {"role": "model","parts": [{"text": "Hi \\u003cthere\\u003e"}]}}],'
        b'"modelVersion": "m"}\r\n\r\n'
        b'data: {"candidates": [{"content": {"role": "model","parts": [{"text": ""}]},"finishReason": "STOP"}],'
        b'"modelVersion": "m"}\r\n\r\n'
    )


@pytest.mark.parametrize("query", ["$alt=json;enum-encoding=int", "%24alt=json%3Benum-encoding%3Dint"])
async def test_enums_are_numbers_when_asked_for(serve: Any, query: str) -> None:
    post = await serve(one_answer)

    _, body = await post(f"{UNARY}?{query}")

    assert json.loads(body)["candidates"][0]["finishReason"] == 1


async def test_pretty_print_can_be_turned_off(serve: Any) -> None:
    post = await serve(one_answer)

    _, body = await post(f"{UNARY}?prettyPrint=false&key=whatever")

    assert b"\n " not in body


async def test_unary_answers_are_compressed_for_those_who_accept_it(serve: Any) -> None:
    post = await serve(one_answer)

    response, body = await post(UNARY, headers={"Accept-Encoding": "gzip"}, auto_decompress=False)

    assert response.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(body))["modelVersion"] == "m"


@pytest.mark.parametrize(
    "path",
    [
        UNARY,
        UNARY.replace(":", "%3A"),
        UNARY.replace("/v1/", "/v1beta1/"),
        "/v1/publishers/google/models/gemini-1.5-flash:generateContent",
        f"{UNARY}?unknown=1",
    ],
)
async def test_every_spelling_of_the_url_is_served(serve: Any, path: str) -> None:
    post = await serve(one_answer)

    response, _ = await post(path)

    assert response.status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", UNARY),
        ("DELETE", UNARY),
        ("POST", "/"),
        ("POST", "/v2/publishers/google/models/m:generateContent"),
        ("POST", f"{MODELS}/m:doSomethingElse"),
        ("POST", f"{MODELS}/m:generateContent:generateContent"),
        ("POST", f"{MODELS}/..%2f..%2fetc:generateContent"),
        ("POST", f"{MODELS}//m:generateContent"),
    ],
)
async def test_other_urls_get_a_page(serve: Any, method: str, path: str) -> None:
    post = await serve(one_answer)

    response, body = await post(path, method=method)

    assert response.status == 404
    assert response.headers["content-type"] == "text/html; charset=UTF-8"
    assert b"<title>Error 404 (Not Found)!!1</title>" in body


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("POST", f"{MODELS}/text-embedding-005:predict", "predict"),
        ("POST", f"{MODELS}/gemini-embedding-001:embedContent", "embedContent"),
    ],
)
async def test_what_google_has_and_geminid_not_is_refused_by_name(
    serve: Any, method: str, path: str, name: str
) -> None:
    post = await serve(one_answer)

    response, body = await post(path, method=method)

    error = json.loads(body)["error"]
    assert (response.status, error["status"]) == (501, "UNIMPLEMENTED")
    assert error["message"] == f"{name} is not supported by this server."


async def test_the_resource_in_the_path_becomes_the_model(serve: Any) -> None:
    calls: list[Call] = []

    async def remembers(call: Call) -> Stream:
        calls.append(call)
        yield chunk("Hi")

    post = await serve(remembers)

    await post(UNARY.replace("/v1/", "/v1beta1/"), b'{"model": "something else", "contents": []}')

    (call,) = calls
    assert isinstance(call.request, GenerateContentRequest)
    assert call.request.model == "projects/p/locations/l/publishers/google/models/gemini-1.5-flash"
    assert call.method == "google.cloud.aiplatform.v1beta1.PredictionService.GenerateContent"


NOT_FOUND = {"error": {"code": 404, "message": "no such model", "status": "NOT_FOUND"}}


@pytest.mark.parametrize(
    ("path", "expected"), [(UNARY, NOT_FOUND), (STREAM, [NOT_FOUND]), (f"{STREAM}?alt=sse", NOT_FOUND)]
)
async def test_an_error_before_the_first_chunk_has_a_status(serve: Any, path: str, expected: object) -> None:
    post = await serve(fails_at_once)

    response, body = await post(path)

    assert response.status == 404
    assert json.loads(body) == expected


async def test_an_error_after_the_first_chunk_ends_the_array(serve: Any) -> None:
    post = await serve(fails_later)

    response, body = await post(STREAM)

    assert response.status == 200
    assert json.loads(body)[-1] == {"error": {"code": 503, "message": "gone", "status": "UNAVAILABLE"}}


async def test_an_error_after_the_first_event_is_the_bare_object(serve: Any) -> None:
    post = await serve(fails_later)

    _, body = await post(f"{STREAM}?alt=sse")

    _, _, error = body.partition(b"\r\n\r\n")
    assert json.loads(error)["error"]["status"] == "UNAVAILABLE"


async def test_a_failure_of_the_server_says_nothing_of_its_inside(
    serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    post = await serve(breaks)

    response, body = await post(UNARY)

    assert response.status == 500
    assert json.loads(body)["error"] == {
        "code": 500,
        "message": "Internal error encountered.",
        "status": "INTERNAL",
    }
    assert "ZeroDivisionError" in caplog.text


async def test_violations_are_listed_with_their_paths(serve: Any) -> None:
    post = await serve(one_answer)

    response, body = await post(UNARY, b'{"generationConfig": {"foo": 1}}')

    text = "Invalid JSON payload received. Unknown name \"foo\" at 'generation_config': Cannot find field."
    assert response.status == 400
    assert json.loads(body)["error"] == {
        "code": 400,
        "message": text,
        "status": "INVALID_ARGUMENT",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{"field": "generation_config", "description": text}],
            }
        ],
    }


async def test_too_large_a_body_is_refused(serve: Any) -> None:
    post = await serve(one_answer)

    response, body = await post(UNARY, b" " * 600_001)

    assert response.status == 400
    assert json.loads(body)["error"]["message"] == "Request payload size exceeds the limit: 600000 bytes."


@pytest.mark.parametrize("path", [UNARY, STREAM, f"{STREAM}?alt=sse"])
async def test_a_client_that_goes_away_stops_the_work(serve: Any, path: str) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def never_ends(call: Call) -> Stream:
        try:
            yield chunk("Hi")
            begun.set()
            await asyncio.Event().wait()
        finally:
            stopped.set()

    post = await serve(never_ends)
    client = asyncio.create_task(post(path))
    await begun.wait()

    client.cancel()

    async with asyncio.timeout(5):
        await stopped.wait()


async def test_a_large_body_is_decoded_beside_the_loop(serve: Any) -> None:
    async def counts(call: Call) -> Stream:
        assert isinstance(call.request, GenerateContentRequest)
        text = call.request.contents[0].parts[0].text or ""
        yield chunk(str(len(text)))

    post = await serve(counts)
    request = {"contents": [{"parts": [{"text": "x" * 500_000}]}]}

    _, body = await post(UNARY, json.dumps(request).encode())

    assert json.loads(body)["candidates"][0]["content"]["parts"][0]["text"] == "500000"
