"""OpenAI's own Python package against the door."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import openai
import pytest
from pydantic import BaseModel

from geminid.call import Call, Stream
from geminid.errors import InvalidArgument, Unavailable
from geminid.wire.content import FunctionCall, Part
from geminid.wire.generation import FinishReason, GenerateContentResponse

Answer: TypeAlias = Callable[..., GenerateContentResponse]
Connect: TypeAlias = Callable[..., Awaitable[openai.AsyncOpenAI]]

VERTEX = "/v1beta1/projects/p/locations/us-central1/endpoints/openapi"
MODEL = "google/gemini-1.5-flash-002"
ASK: list[Any] = [{"role": "user", "content": "What makes the sky blue?"}]


@pytest.fixture
async def connect(serve: Any) -> AsyncIterator[Connect]:
    """A client of a door that one handler answers; ``client.server`` is the door."""
    clients: list[openai.AsyncOpenAI] = []

    async def start(handler: Callable[[Call], Stream], base: str = VERTEX) -> openai.AsyncOpenAI:
        server = await serve(handler)
        client = openai.AsyncOpenAI(base_url=server.origin + base, api_key="token", max_retries=0)
        client.server = server  # type: ignore[attr-defined]
        clients.append(client)
        return client

    yield start
    for client in clients:
        await client.close()


@pytest.fixture
def scatters(answer: Answer) -> Callable[[Call], Stream]:
    """Explains the sky in three chunks."""

    async def handler(call: Call) -> Stream:
        yield answer("Light ")
        yield answer("scatters.")
        yield answer("", finish=FinishReason.STOP)

    return handler


def always(response: GenerateContentResponse) -> Callable[[Call], Stream]:
    async def handler(call: Call) -> Stream:
        yield response

    return handler


async def test_a_completion(connect: Connect, answer: Answer) -> None:
    client = await connect(always(answer("Light scatters.", finish=FinishReason.STOP)))

    completion = await client.chat.completions.create(model=MODEL, messages=ASK)

    assert completion.choices[0].message.content == "Light scatters."
    assert completion.choices[0].finish_reason == "stop"
    assert completion.model == MODEL
    assert completion.usage is not None
    assert completion.usage.total_tokens == 13


async def test_a_stream_whose_content_is_read_off_every_chunk(connect: Connect, scatters: Any) -> None:
    client = await connect(scatters)

    text = ""
    async for chunk in await client.chat.completions.create(model=MODEL, messages=ASK, stream=True):
        text += chunk.choices[0].delta.content  # type: ignore[operator]

    assert text == "Light scatters."


async def test_an_image_url_that_is_a_plain_string(connect: Connect, answer: Answer) -> None:
    client = await connect(always(answer("Scones.", finish=FinishReason.STOP)))
    uri = "gs://bucket/scones.jpg"
    content: Any = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": uri}]

    await client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": content}])

    (request,) = client.server.requests  # type: ignore[attr-defined]
    text, image = request.contents[0].parts
    assert text.text == "What is this?"
    assert (image.file_data.mime_type, image.file_data.file_uri) == ("image/jpeg", uri)


async def test_usage_of_a_stream_on_demand(connect: Connect, scatters: Any) -> None:
    client = await connect(scatters)

    chunks = [
        chunk
        async for chunk in await client.chat.completions.create(
            model=MODEL, messages=ASK, stream=True, stream_options={"include_usage": True}
        )
    ]

    assert [chunk.usage.total_tokens for chunk in chunks if chunk.usage] == [13]
    assert chunks[-1].choices == []


async def test_the_helper_that_gathers_a_stream(connect: Connect, scatters: Any) -> None:
    client = await connect(scatters)

    async with client.chat.completions.stream(model=MODEL, messages=ASK) as stream:
        completion = await stream.get_final_completion()

    assert completion.choices[0].message.content == "Light scatters."
    assert completion.choices[0].finish_reason == "stop"


async def test_a_round_of_tools(connect: Connect, answer: Answer) -> None:
    async def handler(call: Call) -> Stream:
        if len(call.request.contents) == 1:  # type: ignore[attr-defined]
            part = Part(function_call=FunctionCall(name="weather", args={"city": "Paris"}))
            yield answer(part, finish=FinishReason.STOP)
        else:
            yield answer("Sunny.", finish=FinishReason.STOP)

    client = await connect(handler)
    tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    asked = await client.chat.completions.create(model=MODEL, messages=ASK, tools=tools)
    message: Any = asked.choices[0].message

    result: Any = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "22 degrees"}
    told = await client.chat.completions.create(model=MODEL, messages=[*ASK, message, result], tools=tools)

    assert asked.choices[0].finish_reason == "tool_calls"
    assert told.choices[0].message.content == "Sunny."
    (response,) = client.server.requests[1].contents[2].parts  # type: ignore[attr-defined]
    assert response.function_response.name == "weather"


@pytest.mark.parametrize("part_of", ["one chunk", "the stream helper"])
async def test_calls_in_a_stream(connect: Connect, answer: Answer, part_of: str) -> None:
    call = Part(function_call=FunctionCall(name="weather", args={"city": "Paris"}, id="call-1"))
    client = await connect(always(answer(call, finish=FinishReason.STOP)))

    if part_of == "one chunk":
        stream = await client.chat.completions.create(model=MODEL, messages=ASK, stream=True)
        (chunk,) = [chunk async for chunk in stream]
        calls: Any = chunk.choices[0].delta.tool_calls
    else:
        async with client.chat.completions.stream(model=MODEL, messages=ASK) as helper:
            calls = (await helper.get_final_completion()).choices[0].message.tool_calls

    assert [(call.id, call.function.arguments) for call in calls] == [("call-1", '{"city":"Paris"}')]


class Capital(BaseModel):
    name: str


async def test_a_parsed_answer(connect: Connect, answer: Answer) -> None:
    client = await connect(always(answer('{"name": "Paris"}', finish=FinishReason.STOP)), "/v1beta/openai/")

    parsed = await client.chat.completions.parse(model="gemini-2.5-flash", messages=ASK, response_format=Capital)

    assert parsed.choices[0].message.parsed == Capital(name="Paris")
    (request,) = client.server.requests  # type: ignore[attr-defined]
    assert request.generation_config.response_json_schema["required"] == ["name"]


async def test_an_error_is_raised_by_its_status_with_googles_body(connect: Connect) -> None:
    async def refuses(call: Call) -> Stream:
        raise InvalidArgument("too hot")
        yield GenerateContentResponse()

    client = await connect(refuses)

    with pytest.raises(openai.BadRequestError) as caught:
        await client.chat.completions.create(model=MODEL, messages=ASK)

    (body,) = caught.value.response.json()
    assert body["error"]["message"] == "too hot"


async def test_an_error_in_mid_stream_is_raised(connect: Connect, answer: Answer) -> None:
    async def breaks_off(call: Call) -> Stream:
        yield answer("Li")
        raise Unavailable("gone")

    client = await connect(breaks_off)
    stream = await client.chat.completions.create(model=MODEL, messages=ASK, stream=True)

    with pytest.raises(openai.APIError, match="gone"):
        _ = [chunk async for chunk in stream]


async def test_googles_fields_arrive_through_extra_body(connect: Connect, answer: Answer) -> None:
    client = await connect(always(answer("Hi", finish=FinishReason.STOP)))
    settings = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]

    await client.chat.completions.create(
        model=MODEL, messages=ASK, extra_body={"extra_body": {"google": {"safety_settings": settings}}}
    )

    (setting,) = client.server.requests[0].safety_settings  # type: ignore[attr-defined]
    assert (setting.category, setting.threshold) == ("HARM_CATEGORY_HARASSMENT", "BLOCK_NONE")


@pytest.mark.parametrize(("base", "model_id"), [("/v1", "gemini-pro"), ("/v1beta/openai", "models/gemini-pro")])
async def test_models(connect: Connect, answer: Answer, base: str, model_id: str) -> None:
    client = await connect(always(answer("Hi")), base)

    listed = [model.id async for model in client.models.list()]
    one = await client.models.retrieve(model_id)

    assert model_id in listed
    assert one.id == model_id
