"""Bare gRPC clients on Google's own messages, as generated clients of any language send them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import grpc
import grpc.aio
import pytest
from google.cloud import aiplatform_v1, aiplatform_v1beta1

MODEL = "projects/p/locations/us-central1/publishers/google/models/gemini-1.5-flash-002"
METADATA = (
    ("authorization", "Bearer any"),
    ("x-goog-api-client", "gl-dotnet/8.0 gapic/3.10 gax/4.8 grpc/2.65"),
    ("x-goog-request-params", "model=projects%2Fp%2Flocations%2Fus-central1%2Fpublishers%2Fgoogle%2Fmodels%2Fg"),
)

Start: TypeAlias = Callable[..., Awaitable[Any]]


class Server(Protocol):
    grpc: str
    tls: str
    ca: Path


def request(version: Any, **fields: Any) -> Any:
    """As the client for C# sends it: the role in capitals, enums by their numbers."""
    return version.GenerateContentRequest(
        model=MODEL,
        contents=[version.Content(role="USER", parts=[version.Part(text="Why is the sky blue?")])],
        safety_settings=[version.SafetySetting(category=1, threshold=4)],
        **fields,
    )


def method(channel: Any, version: Any, name: str, call: str = "unary_unary") -> Any:
    service, _, verb = name.partition("/")
    package = version.GenerateContentRequest.pb().DESCRIPTOR.file.package
    answer = "GenerateContentResponse" if "GenerateContent" in verb else f"{verb}Response"
    return getattr(channel, call)(
        f"/{package}.{service}/{verb}",
        request_serializer=lambda message: type(message).serialize(message),
        response_deserializer=getattr(version, answer).deserialize,
    )


@pytest.fixture(params=["plaintext", "TLS"])
def channel(request: pytest.FixtureRequest, scripted: Server) -> Any:
    if request.param == "plaintext":
        return grpc.insecure_channel(scripted.grpc)
    return grpc.secure_channel(scripted.tls, grpc.ssl_channel_credentials(scripted.ca.read_bytes()))


@pytest.mark.parametrize("version", [aiplatform_v1, aiplatform_v1beta1], ids=["v1", "v1beta1"])
def test_a_stream_says_the_same_as_unary(channel: Any, version: Any) -> None:
    with channel:
        unary = method(channel, version, "PredictionService/GenerateContent")
        stream = method(channel, version, "PredictionService/StreamGenerateContent", "unary_stream")
        answer = unary(request(version), metadata=METADATA, timeout=10)
        chunks = list(stream(request(version), metadata=METADATA, timeout=10))

    assert answer.candidates[0].content.role == "model"
    assert answer.candidates[0].content.parts[0].text == "This is a scripted answer."
    assert answer.candidates[0].finish_reason == version.Candidate.FinishReason.STOP
    assert answer.usage_metadata.total_token_count == 12
    assert "".join(chunk.candidates[0].content.parts[0].text for chunk in chunks) == "This is a scripted answer."
    assert [chunk.candidates[0].finish_reason for chunk in chunks][-2:] == [0, 1]


@pytest.mark.parametrize(
    ("version", "service"),
    [(aiplatform_v1, "LlmUtilityService"), (aiplatform_v1beta1, "PredictionService")],
    ids=["v1", "v1beta1"],
)
def test_tokens_are_counted_by_the_service_that_the_version_has_it_in(
    scripted: Server, version: Any, service: str
) -> None:
    contents = request(version).contents
    with grpc.insecure_channel(scripted.grpc) as channel:
        count, compute = (
            method(channel, version, f"{service}/CountTokens"),
            method(channel, version, "LlmUtilityService/ComputeTokens"),
        )
        counted = count(version.CountTokensRequest(endpoint=MODEL, model=MODEL, contents=contents), timeout=10)
        computed = compute(version.ComputeTokensRequest(endpoint=MODEL, contents=contents), timeout=10)

    assert counted.total_tokens == 6
    assert len(computed.tokens_info[0].token_ids) == 6


def test_a_refused_field_is_named(scripted: Server) -> None:
    tools = [aiplatform_v1.Tool(code_execution=aiplatform_v1.Tool.CodeExecution())]
    refused = r"`tools\[0\]\.code_execution`"
    with grpc.insecure_channel(scripted.grpc) as channel, pytest.raises(grpc.RpcError, match=refused) as error:
        method(channel, aiplatform_v1, "PredictionService/GenerateContent")(
            request(aiplatform_v1, tools=tools), timeout=10
        )

    assert error.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("name", ["GenerateContent", "StreamGenerateContent"])
async def test_a_deadline_is_kept(start: Start, name: str) -> None:
    server = await start({"chunks": ["This"], "hang": True})
    kind = "unary_stream" if name.startswith("Stream") else "unary_unary"
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.app.grpc.port}") as channel:
        call = method(channel, aiplatform_v1, f"PredictionService/{name}", kind)(
            request(aiplatform_v1), timeout=0.3
        )
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await (call if kind == "unary_unary" else drained(call))

    assert error.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def drained(call: Any) -> None:
    async for _ in call:
        pass
