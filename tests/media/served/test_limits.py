"""How much media one request may have: through a whole server, by every door."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import grpc
import grpc.aio
import psutil
import pytest
import pytest_asyncio
from aiohttp import web
from google.cloud import aiplatform_v1
from made_media import recordings
from made_media.hostile import pictures

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOO_LARGE = "Request payload size exceeds the limit: 20971520 bytes."
MODEL = "publishers/google/models/gemini-2.5-flash"
TINY = pictures.png(1, 1)

Put: TypeAlias = Callable[[bytes, str], Awaitable[str]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def put() -> AsyncIterator[Put]:
    """Puts a file on a web server of loopback; gives where, to be followed by a number."""
    runners: list[web.AppRunner] = []

    async def put(content: bytes, mime_type: str) -> str:
        async def give(request: web.Request) -> web.Response:
            return web.Response(body=content, content_type=mime_type)

        app = web.Application()
        app.router.add_get("/{tail:.*}", give)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}/"

    yield put
    for runner in runners:
        await runner.cleanup()


def gemini(data: str) -> dict[str, Any]:
    return {"contents": {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": data}}]}}


def openai(data: str) -> dict[str, Any]:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    return {"model": "google/gemini-2.5-flash", "messages": [{"role": "user", "content": [image]}]}


@pytest.mark.parametrize(
    ("path", "of"),
    [
        (f"/v1/projects/p/locations/l/{MODEL}:generateContent", gemini),
        (f"/v1/projects/p/locations/l/{MODEL}:streamGenerateContent", gemini),
        (f"/v1/projects/p/locations/l/{MODEL}:countTokens", gemini),
        ("/v1beta/models/gemini-2.5-flash:generateContent", gemini),
        ("/v1/projects/p/locations/l/endpoints/openapi/chat/completions", openai),
    ],
)
async def test_a_request_of_more_than_20_mib_is_refused_in_google_s_words(seeing: Any, path: str, of: Any) -> None:
    answer = await seeing.post(path, of(base64.b64encode(bytes(16 * 1024 * 1024)).decode()))

    assert answer.status == 400
    assert answer.body["error"] == {"code": 400, "message": TOO_LARGE, "status": "INVALID_ARGUMENT"}
    assert answer.seconds < 5


async def test_a_request_of_just_less_is_read(seeing: Any, inline: Any) -> None:
    answer = await seeing.ask({"text": "?"}, inline("image/png", TINY + bytes(15 * 1024 * 1024 - 1000)))

    assert answer.status == 200


@pytest_asyncio.fixture(loop_scope="module")
async def stub(seeing: Any) -> AsyncIterator[Any]:
    """GenerateContent by gRPC, with messages of any size."""
    options = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{seeing.app.grpc.port}", options=options) as channel:
        yield channel.unary_unary(
            "/google.cloud.aiplatform.v1.PredictionService/GenerateContent",
            request_serializer=aiplatform_v1.GenerateContentRequest.serialize,
            response_deserializer=aiplatform_v1.GenerateContentResponse.deserialize,
        )


def request(data: bytes, mime_type: str = "image/png") -> aiplatform_v1.GenerateContentRequest:
    parts = [{"inline_data": {"mime_type": mime_type, "data": data}}]
    return aiplatform_v1.GenerateContentRequest(
        model=f"projects/p/locations/l/{MODEL}", contents=[{"role": "user", "parts": parts}]
    )


@pytest.mark.parametrize(
    ("content", "mime_type", "code", "says"),
    [
        (TINY[:40], "image/png", "INVALID_ARGUMENT", "Provided image is not valid."),
        (b"x", "image/" + "x" * 100_000, "INVALID_ARGUMENT", "which is not supported"),
        (b"x", "image/\r\ngrpc-status: 0", "INVALID_ARGUMENT", "which is not supported"),
        (TINY + bytes(33 * 1024 * 1024), "image/png", "RESOURCE_EXHAUSTED", "larger than max"),
    ],
    ids=["half a picture", "a long type", "a type with a line end", "33 MiB"],
)
async def test_by_grpc_the_same_is_refused_as_a_status(
    stub: Any, content: bytes, mime_type: str, code: str, says: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub(request(content, mime_type), timeout=30)

    assert refused.value.code().name == code
    assert says in refused.value.details()
    assert (await stub(request(TINY), timeout=30)).candidates


async def test_ten_images_by_url_are_taken_and_eleven_are_not(serve: Any, by_uri: Any, put: Put) -> None:
    server = await serve(networks=["127.0.0.0/8"])
    url = await put(TINY, "image/png")

    ten = await server.ask({"text": "?"}, *(by_uri(f"{url}{n}") for n in range(10)))
    eleven = await server.ask({"text": "?"}, *(by_uri(f"{url}{n}") for n in range(11)))

    assert ten.status == 200
    assert (eleven.status, "11 images by URL but the supported limit is 10" in eleven.message) == (400, True)


async def test_one_video_by_url_is_taken_and_two_are_not(serve: Any, by_uri: Any, put: Put) -> None:
    server = await serve(networks=["127.0.0.0/8"])
    url = await put(recordings.film("mp4", "libx264", seconds=1), "video/mp4")

    one = await server.ask({"text": "?"}, by_uri(f"{url}1", "video/mp4"))
    two = await server.ask({"text": "?"}, *(by_uri(f"{url}{n}", "video/mp4") for n in range(2)))

    assert one.status == 200
    assert (two.status, "2 videos by URL but the supported limit is 1" in two.message) == (400, True)


async def test_three_thousand_images_are_taken(seeing: Any, inline: Any) -> None:
    answer = await seeing.ask({"text": "?"}, *[inline("image/png", TINY)] * 3000)

    assert answer.status == 200
    assert answer.body["usageMetadata"]["promptTokenCount"] == 3000 * 258 + 1


@pytest.mark.parametrize("count", [3001, 20_000])
async def test_more_are_refused_at_once_and_keep_nobody_waiting(seeing: Any, inline: Any, count: int) -> None:
    before = psutil.Process().memory_info().rss
    many = asyncio.create_task(seeing.ask({"text": "?"}, *[inline("image/png", TINY)] * count))
    plain = []
    while not many.done():
        plain.append((await seeing.ask({"text": "?"})).seconds)

    answer = await many
    assert (answer.status, "but the supported limit is" in answer.message) == (400, True)
    assert answer.seconds < 10
    assert max(plain) < 5
    assert psutil.Process().memory_info().rss - before < 200 * 1024 * 1024
