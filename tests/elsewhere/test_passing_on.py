"""What a server passes on, what it keeps to itself, and what comes back."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from google.cloud.aiplatform_v1 import GenerateContentRequest, GenerateContentResponse
from google.rpc import status_pb2

from geminid.settings import ModelSettings, Scripted, Vertex
from geminid.storage.records import UsageRecord
from geminid.storage.sql.database import open_database

MODEL = "gemini-2.5-flash"
NAME = f"projects/p/locations/l/publishers/google/models/{MODEL}"
ASKED = {"contents": [{"role": "user", "parts": [{"text": "Who was Ada?"}]}]}
GROUNDED = {
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [
                    {"executableCode": {"language": "PYTHON", "code": "print(1)"}},
                    {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1\n"}},
                    {"text": "A mathematician.", "thoughtSignature": "c2ln"},
                ],
            },
            "finishReason": "STOP",
            "groundingMetadata": {
                "webSearchQueries": ["Ada Lovelace"],
                "searchEntryPoint": {"renderedContent": "<div></div>"},
                "groundingChunks": [{"web": {"uri": "https://example.org/ada", "title": "Ada"}}],
                "groundingSupports": [
                    {"segment": {"endIndex": 16, "text": "A mathematician."}, "groundingChunkIndices": [0]}
                ],
            },
            "urlContextMetadata": {
                "urlMetadata": [
                    {"retrievedUrl": "https://x.org/", "urlRetrievalStatus": "URL_RETRIEVAL_STATUS_SUCCESS"}
                ]
            },
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 5,
        "candidatesTokenCount": 4,
        "totalTokenCount": 16,
        "cachedContentTokenCount": 2,
        "thoughtsTokenCount": 7,
        "trafficType": "ON_DEMAND",
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 5}],
    },
    "modelVersion": MODEL,
    "createTime": "2026-01-02T03:04:05.678900Z",
    "responseId": "abc",
}


def vertex(url: str, **more: Any) -> dict[str, Any]:
    told = {"project": "our-project-1", "location": "us-central1", "credentials": "none"} | more
    return {"engines": {"vertex": Vertex(endpoint=url, **told)}}


async def test_an_answer_comes_through_field_by_field(front: Any, canned: Any) -> None:
    canned.says(GROUNDED)
    server = await front(**vertex(canned.url))

    status, body = await server.post(f"{MODEL}:generateContent", {**ASKED, "tools": [{"googleSearch": {}}]})

    assert (status, json.loads(body)) == (200, GROUNDED)


async def test_a_request_goes_out_as_it_came_in(front: Any, canned: Any) -> None:
    canned.says(GROUNDED)
    server = await front(**vertex(canned.url))
    request = {
        **ASKED,
        "tools": [{"googleSearch": {}}, {"codeExecution": {}}],
        "generationConfig": {"temperature": 0.25, "routingConfig": {"manualMode": {"modelName": "x"}}},
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "modelArmorConfig": {"promptTemplateName": "projects/p/locations/l/templates/1"},
        "labels": {"team": "a"},
    }

    await server.post(f"{MODEL}:generateContent", request)

    ((asked, body),) = canned.asked
    assert (
        asked.path
        == f"/v1/projects/our-project-1/locations/us-central1/publishers/google/models/{MODEL}:generateContent"
    )
    assert json.loads(body) == request


async def test_nothing_of_the_caller_is_told(front: Any, canned: Any) -> None:
    canned.says(GROUNDED)
    server = await front(**vertex(canned.url))
    headers = {"authorization": "Bearer caller", "x-goog-user-project": "theirs", "cookie": "a=b"}

    await server.post(f"{MODEL}:generateContent?key=secret", ASKED, headers=headers)

    ((asked, _),) = canned.asked
    told = {"accept", "accept-encoding", "host", "content-length", "content-type", "user-agent"}
    assert {name.lower() for name in asked.headers} <= told
    assert asked.query_string == ""


async def test_a_stream_comes_through_chunk_by_chunk(front: Any, canned: Any) -> None:
    chunks = [{"candidates": [{"content": {"role": "model", "parts": [{"text": word}]}}]} for word in "abc"]
    canned.says(*chunks, GROUNDED)
    server = await front(**vertex(canned.url))

    _, body = await server.post(f"{MODEL}:streamGenerateContent", ASKED)

    assert json.loads(body) == [*chunks, GROUNDED]


async def test_what_is_not_known_here_is_left_out(front: Any, canned: Any) -> None:
    canned.says(
        {
            "candidates": [{"content": {"parts": [{"text": "x", "novelty": 1}]}, "finishReason": "IMAGE_NOVELTY"}],
            "newField": {"a": 1},
            "modelVersion": "m",
        }
    )
    server = await front(**vertex(canned.url))

    _, body = await server.post(f"{MODEL}:generateContent", ASKED)

    candidate = {"content": {"parts": [{"text": "x"}]}, "finishReason": "OTHER"}
    assert json.loads(body) == {"candidates": [candidate], "modelVersion": "m"}


QUOTA = {
    "error": {
        "code": 429,
        "message": "Quota exceeded for project our-project-1 and projects/123456789/x.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "RATE_LIMIT_EXCEEDED",
                "domain": "googleapis.com",
                "metadata": {"consumer": "projects/our-project-1"},
            },
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"},
        ],
    }
}


async def test_an_error_comes_through_with_its_details_and_without_our_project(front: Any, canned: Any) -> None:
    canned.says(QUOTA, status=429)
    server = await front(**vertex(canned.url))

    status, body = await server.post(f"{MODEL}:generateContent", ASKED)

    error = json.loads(body)["error"]
    info, retry = error["details"]
    assert (status, error["status"], retry["retryDelay"]) == (429, "RESOURCE_EXHAUSTED", "34.5s")
    assert error["message"] == "Quota exceeded for project p and projects/p/x."
    assert (info["reason"], info["metadata"]) == ("RATE_LIMIT_EXCEEDED", {"consumer": "projects/p"})


async def test_an_error_over_grpc_has_its_details(front: Any, canned: Any) -> None:
    canned.says(QUOTA, status=429)
    server = await front(**vertex(canned.url))

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await over_grpc(server, timeout=10)

    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    trailers = dict(caught.value.trailing_metadata() or ())
    assert len(status_pb2.Status.FromString(trailers["grpc-status-details-bin"]).details) == 2


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, {"code": 401, "message": "Invalid token of our-project-1.", "status": "UNAUTHENTICATED"}),
        (403, {"code": 403, "message": "Denied on our-project-1.", "status": "PERMISSION_DENIED"}),
        (
            400,
            {
                "code": 400,
                "message": "API key not valid.",
                "status": "INVALID_ARGUMENT",
                "details": [
                    {
                        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                        "reason": "API_KEY_INVALID",
                        "domain": "x",
                    }
                ],
            },
        ),
        (502, None),
    ],
    ids=["no token", "denied", "no key", "a proxy"],
)
async def test_what_is_wrong_with_our_credentials_is_not_the_callers(
    front: Any, canned: Any, status: int, error: Any
) -> None:
    canned.says({"error": error} if error else "<html>", status=status)
    server = await front(**vertex(canned.url))

    got, body = await server.post(f"{MODEL}:generateContent", ASKED)

    assert (got, json.loads(body)["error"]["message"]) == (503, "The service is currently unavailable.")


async def test_an_error_in_a_stream_ends_it(front: Any, canned: Any) -> None:
    canned.says({"modelVersion": "m"}, {"modelVersion": "m"})
    canned.body += json.dumps(
        {"error": {"code": 503, "message": "Gone.", "status": "UNAVAILABLE"}}, indent=2
    ).encode()
    server = await front(**vertex(canned.url))

    _, body = await server.post(f"{MODEL}:streamGenerateContent", ASKED)

    *chunks, error = json.loads(body)
    assert chunks == [{"modelVersion": "m"}] * 2
    assert error == {"error": {"code": 503, "message": "Gone.", "status": "UNAVAILABLE"}}


async def test_nobody_there_is_unavailable(front: Any, canned: Any) -> None:
    server = await front(**vertex("http://127.0.0.1:9"))

    status, _ = await server.post(f"{MODEL}:generateContent", ASKED)

    assert status == 503


async def test_a_client_that_leaves_ends_the_exchange(front: Any, canned: Any) -> None:
    canned.says({"modelVersion": "m"}, {"modelVersion": "m"})
    canned.hangs = True
    server = await front(**vertex(canned.url))
    url = f"{server.url}/v1/{NAME}:streamGenerateContent?alt=sse"

    async with server.session.post(url, json=ASKED) as response:
        await response.content.readline()
        response.close()

    await asyncio.wait_for(canned.left.wait(), 10)


async def over_grpc(server: Any, timeout: float) -> GenerateContentResponse:
    request = GenerateContentRequest(model=NAME, contents=ASKED["contents"])
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.app.grpc.port}") as channel:
        method = channel.unary_unary(
            "/google.cloud.aiplatform.v1.PredictionService/GenerateContent",
            request_serializer=GenerateContentRequest.serialize,
            response_deserializer=GenerateContentResponse.deserialize,
        )
        answer: GenerateContentResponse = await method(request, timeout=timeout)
        return answer


async def test_a_deadline_is_carried_on(front: Any, canned: Any) -> None:
    canned.hangs = True
    server = await front(**vertex(canned.url))
    began = time.monotonic()

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await over_grpc(server, timeout=0.9)

    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert canned.asked[0][0].headers["x-server-timeout"] == "1"
    await asyncio.wait_for(canned.left.wait(), 10)
    assert time.monotonic() - began < 10


async def test_tokens_are_counted_there(start: Any, before: Any) -> None:
    upstream = await start({"chunks": ["x"]})
    server = await before(upstream)

    for tail in (f"{MODEL}:countTokens", f"{MODEL}:computeTokens"):
        assert await server.post(tail, ASKED) == await upstream.post(tail, ASKED)
    url = f"/v1beta/models/{MODEL}:countTokens?key=k"
    asked = {"generateContentRequest": {"model": f"models/{MODEL}", **ASKED}}
    async with server.session.post(server.url + url, json=asked) as got:
        assert (await got.json())["totalTokens"] == 4


async def test_an_id_of_ones_own_is_asked_for_as_what_it_is_like(front: Any, canned: Any) -> None:
    canned.says(GROUNDED)
    models = {"house": ModelSettings(like=MODEL)}
    server = await front(**vertex(canned.url), models=models)

    await server.post("house:generateContent", ASKED)

    assert canned.asked[0][0].path.endswith(f"/{MODEL}:generateContent")


async def test_an_id_may_be_local_or_elsewhere(front: Any, canned: Any) -> None:
    canned.says(GROUNDED)
    models = {MODEL: ModelSettings(engine="vertex")}
    engines = vertex(canned.url)["engines"] | {"here": Scripted()}
    server = await front("here", engines=engines, models=models)

    _, elsewhere = await server.post(f"{MODEL}:generateContent", ASKED)
    _, here = await server.post("gemini-1.5-flash:generateContent", ASKED)

    assert json.loads(elsewhere)["responseId"] == "abc"
    assert json.loads(here)["modelVersion"] == "gemini-1.5-flash"
    assert len(canned.asked) == 1


async def test_what_only_engines_can_do_is_refused_by_name(front: Any, canned: Any) -> None:
    server = await front(**vertex(canned.url))
    cache = {"model": NAME, "contents": ASKED["contents"]}

    async with server.session.post(f"{server.url}/v1/projects/p/locations/l/cachedContents", json=cache) as got:
        error = (await got.json())["error"]

    assert (error["status"], canned.asked) == ("UNIMPLEMENTED", [])


async def test_usage_is_recorded_as_it_was_told(front: Any, canned: Any, tmp_path: Path) -> None:
    canned.says(GROUNDED)
    server = await front(**vertex(canned.url))

    await server.post(f"{MODEL}:generateContent", {**ASKED, "labels": {"team": "a"}})

    await server.app.stop()
    (record,) = await recorded(tmp_path / "front0")
    assert (record.model, record.code, record.finish, record.labels) == (MODEL, "OK", "STOP", {"team": "a"})
    assert (record.prompt, record.output, record.cached, record.thoughts) == (
        {"TEXT": 5},
        {"TEXT": 4},
        {"TEXT": 2},
        7,
    )
    assert record.first_token_seconds is not None


async def recorded(state: Path) -> list[UsageRecord]:
    """What a server left in its database."""
    database = await open_database(f"sqlite:///{state / 'geminid.db'}")
    try:
        return [record async for batch in database.usage_records.read() for record in batch]
    finally:
        await database.aclose()


async def test_the_developer_api_is_asked_in_its_own_words(front: Any, canned: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("MY_KEY", "k-1")
    cited = {"startIndex": 1, "endIndex": 2, "uri": "https://x.org"}
    canned.says({"candidates": [{"index": 0, "citationMetadata": {"citationSources": [cited]}}]})
    server = await front(**vertex(canned.url, api="developer", api_key_env="MY_KEY", credentials=""))

    _, body = await server.post(f"{MODEL}:generateContent", {**ASKED, "labels": {"team": "a"}})

    ((asked, sent),) = canned.asked
    assert (asked.path, asked.headers["x-goog-api-key"]) == (f"/v1beta/models/{MODEL}:generateContent", "k-1")
    assert json.loads(sent) == ASKED
    assert json.loads(body) == {"candidates": [{"citationMetadata": {"citations": [cited]}}]}


async def test_a_geminid_is_asked_as_the_developer_api(start: Any, front: Any, monkeypatch: Any) -> None:
    upstream = await start({"chunks": ["x", "y"]})
    server = await front(**vertex(upstream.url, api="developer"))

    _, answer = await server.post(f"{MODEL}:generateContent", ASKED)
    _, counted = await server.post(f"{MODEL}:countTokens", ASKED)

    assert json.loads(answer)["candidates"][0]["content"]["parts"] == [{"text": "xy"}]
    assert json.loads(counted)["totalTokens"] == 4
