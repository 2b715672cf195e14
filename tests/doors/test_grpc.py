"""The gRPC door, called through Google's own stubs and through bare channels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import grpc
import grpc.aio
import pytest
from google.cloud import aiplatform_v1, aiplatform_v1beta1
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from geminid.call import Call, Handler, Stream
from geminid.doors.grpc import GrpcDoor
from geminid.doors.listen import ListenError
from geminid.errors import BadRequest, FieldViolation, InvalidArgument, Unavailable
from geminid.wire import routes
from geminid.wire.content import Content, Part
from geminid.wire.generation import Candidate, FinishReason, GenerateContentRequest, GenerateContentResponse

MODEL = "projects/p/locations/l/publishers/google/models/gemini-1.5-flash"
PREDICTION = "/google.cloud.aiplatform.v1.PredictionService"

Start: TypeAlias = Callable[[Handler], Awaitable[grpc.aio.Channel]]


def chunk(text: str) -> GenerateContentResponse:
    candidate = Candidate(content=Content(role="model", parts=[Part(text=text)]), finish_reason=FinishReason.STOP)
    return GenerateContentResponse(candidates=[candidate], model_version="m")


async def two_chunks(call: Call) -> Stream:
    yield chunk("Hi")
    yield chunk("there")


async def one_answer(call: Call) -> Stream:
    yield chunk("Hi")


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts a door whose methods are all answered by one handler; gives back a channel to it."""
    opened: list[Any] = []

    async def start(handler: Handler) -> grpc.aio.Channel:
        door = GrpcDoor(dict.fromkeys(routes.METHODS, handler), host="127.0.0.1", port=0, drain_seconds=0.2)
        await door.start()
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{door.port}")
        opened.extend([channel.close, door.stop])
        return channel

    yield start
    for close in opened:
        await close()


def request(version: Any = aiplatform_v1) -> Any:
    part = version.Part(text="Hello")
    return version.GenerateContentRequest(model=MODEL, contents=[version.Content(role="USER", parts=[part])])


@pytest.mark.parametrize("version", [aiplatform_v1, aiplatform_v1beta1])
async def test_unary(start: Start, version: Any) -> None:
    channel = await start(one_answer)
    package = version.GenerateContentRequest.pb().DESCRIPTOR.file.package
    call = channel.unary_unary(
        f"/{package}.PredictionService/GenerateContent",
        request_serializer=version.GenerateContentRequest.serialize,
        response_deserializer=version.GenerateContentResponse.deserialize,
    )

    response = await call(request(version))

    assert response.candidates[0].content.parts[0].text == "Hi"
    assert response.candidates[0].finish_reason == version.Candidate.FinishReason.STOP


async def test_stream(start: Start) -> None:
    channel = await start(two_chunks)
    call = channel.unary_stream(
        f"{PREDICTION}/StreamGenerateContent",
        request_serializer=aiplatform_v1.GenerateContentRequest.serialize,
        response_deserializer=aiplatform_v1.GenerateContentResponse.deserialize,
    )

    texts = [response.candidates[0].content.parts[0].text async for response in call(request())]

    assert texts == ["Hi", "there"]


async def test_what_the_call_says_is_known_to_the_handler(start: Start) -> None:
    calls: list[Call] = []

    async def remembers(call: Call) -> Stream:
        calls.append(call)
        yield chunk("Hi")

    channel = await start(remembers)
    data = aiplatform_v1.GenerateContentRequest.serialize(request())

    await channel.unary_unary(f"{PREDICTION}/GenerateContent")(
        data, metadata=[("authorization", "Bearer t"), ("x-goog-api-key", "k")], timeout=60
    )

    (call,) = calls
    assert isinstance(call.request, GenerateContentRequest)
    assert call.request.contents[0].role == "USER"
    assert (call.credentials.bearer, call.credentials.api_key) == ("t", "k")
    assert (call.resource, call.project) == (MODEL, "p")
    assert call.deadline
    assert call.method == "google.cloud.aiplatform.v1.PredictionService.GenerateContent"


async def test_field_9_is_read_on_v1_and_unknown_fields_are_passed_over(start: Start) -> None:
    seen: list[str] = []

    async def remembers(call: Call) -> Stream:
        assert isinstance(call.request, GenerateContentRequest)
        seen.append(call.request.cached_content)
        yield chunk("Hi")

    channel = await start(remembers)
    cached_content, unknown = b"\x4a\x01c", b"\xfa\x7f\x01x"

    await channel.unary_unary(f"{PREDICTION}/GenerateContent")(cached_content + unknown)

    assert seen == ["c"]


async def test_an_error_has_its_code_its_message_and_its_details(start: Start) -> None:
    async def refuses(call: Call) -> Stream:
        raise InvalidArgument("bad ünicode", BadRequest([FieldViolation("contents[0]", "why")]))
        yield chunk("")

    channel = await start(refuses)

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await channel.unary_unary(f"{PREDICTION}/GenerateContent")(b"")

    trailers = dict(raised.value.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    detail = error_details_pb2.BadRequest()
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert raised.value.details() == "bad ünicode"
    assert status.details[0].Unpack(detail)
    assert detail.field_violations[0].field == "contents[0]"


async def test_an_error_after_the_first_message_ends_the_stream(start: Start) -> None:
    async def fails_later(call: Call) -> Stream:
        yield chunk("Hi")
        raise Unavailable("gone")

    channel = await start(fails_later)
    call = channel.unary_stream(f"{PREDICTION}/StreamGenerateContent")(b"")

    assert await call.read()
    assert await call.code() is grpc.StatusCode.UNAVAILABLE


async def test_garbage_is_an_invalid_argument(start: Start) -> None:
    channel = await start(one_answer)

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await channel.unary_unary(f"{PREDICTION}/GenerateContent")(b"\xff\xff\xff")

    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert raised.value.details() == "Request contains an invalid argument."


async def test_a_failure_of_the_server_says_nothing_of_its_inside(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    async def breaks(call: Call) -> Stream:
        raise ZeroDivisionError("secret")
        yield chunk("")

    channel = await start(breaks)

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await channel.unary_unary(f"{PREDICTION}/GenerateContent")(b"")

    assert (raised.value.code(), raised.value.details()) == (
        grpc.StatusCode.INTERNAL,
        "Internal error encountered.",
    )
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("how", ["cancel", "deadline"])
async def test_a_call_that_ends_early_stops_the_work(start: Start, how: str) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def never_ends(call: Call) -> Stream:
        try:
            yield chunk("Hi")
            begun.set()
            await asyncio.Event().wait()
        finally:
            stopped.set()

    channel = await start(never_ends)
    call = channel.unary_stream(f"{PREDICTION}/StreamGenerateContent")(
        b"", timeout=2 if how == "deadline" else None
    )
    await call.read()
    await begun.wait()

    if how == "cancel":
        call.cancel()

    async with asyncio.timeout(10):
        await stopped.wait()


@pytest.mark.parametrize(
    "path",
    [
        "/google.cloud.aiplatform.v1.PredictionService/Predict",
        "/google.cloud.aiplatform.v1.GenAiTuningService/CreateTuningJob",
        "/google.cloud.aiplatform.v1.PredictionService/CountTokens",
    ],
)
async def test_other_methods_are_unimplemented(start: Start, path: str) -> None:
    channel = await start(one_answer)

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await channel.unary_unary(path)(b"")

    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_count_tokens_is_where_each_version_has_it(start: Start) -> None:
    channel = await start(one_answer)

    assert await channel.unary_unary("/google.cloud.aiplatform.v1.LlmUtilityService/CountTokens")(b"")
    assert await channel.unary_unary("/google.cloud.aiplatform.v1beta1.PredictionService/CountTokens")(b"")


async def test_a_message_of_20_mb_is_taken(start: Start) -> None:
    channel = await start(one_answer)
    data = aiplatform_v1.GenerateContentRequest.serialize(
        aiplatform_v1.GenerateContentRequest(
            contents=[{"parts": [{"inline_data": {"mime_type": "image/png", "data": b"x" * 20_971_520}}]}]
        )
    )

    assert await channel.unary_unary(f"{PREDICTION}/GenerateContent")(data)


async def test_health(start: Start) -> None:
    stub = health_pb2_grpc.HealthStub(await start(one_answer))

    answer = await stub.Check(health_pb2.HealthCheckRequest(service=PREDICTION[1:]))

    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_reflection_shows_services_and_messages(start: Start) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(await start(one_answer))
    symbol = "google.cloud.aiplatform.v1beta1.GenerateContentRequest"
    questions = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=PREDICTION[1:]),
    ]

    services, *files = [answer async for answer in stub.ServerReflectionInfo(iter(questions))]

    names = {service.name for service in services.list_services_response.service}
    assert {PREDICTION[1:], "grpc.health.v1.Health"} <= names
    assert all(file.file_descriptor_response.file_descriptor_proto for file in files)


async def test_two_hundred_streams_at_once(start: Start) -> None:
    async def slow(call: Call) -> Stream:
        for _ in range(20):
            yield chunk("Hi")
            await asyncio.sleep(0.001)

    channel = await start(slow)

    async def read() -> int:
        call = channel.unary_stream(f"{PREDICTION}/StreamGenerateContent")(b"")
        return len([message async for message in call])

    assert await asyncio.gather(*(read() for _ in range(200))) == [20] * 200


async def test_a_port_that_is_taken_is_named() -> None:
    first = GrpcDoor({}, host="127.0.0.1", port=0, drain_seconds=0)
    await first.start()

    with pytest.raises(ListenError, match=rf"{first.port}.*--grpc-port"):
        await GrpcDoor({}, host="127.0.0.1", port=first.port, drain_seconds=0).start()

    await first.stop()
