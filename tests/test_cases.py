"""Every case of ``tests/cases``, sent through every door: the answers must agree."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import yaml
from google.cloud.aiplatform_v1 import Candidate, GenerateContentRequest, GenerateContentResponse
from google.protobuf import json_format

from geminid.errors import Code

FOLDER = Path(__file__).parent / "cases"
CASES = [case for path in sorted(FOLDER.glob("*.yaml")) for case in yaml.safe_load(path.read_text())]


def request_of(case: dict[str, Any]) -> dict[str, Any]:
    """The body of a case; ``repeat`` says the text of its contents that many times."""
    request = copy.deepcopy(case["request"])
    if times := request.pop("repeat", None):
        part = request["contents"]["parts"]
        part["text"] = " ".join([part["text"]] * times)
    return request


def summary(chunks: list[dict[str, Any]]) -> dict[str, Any]:
    """What the chunks of an answer, or one whole answer, come to."""
    if "error" in chunks[-1]:
        return {"error": {key: chunks[-1]["error"][key] for key in ("code", "status", "message")}}
    candidates = [chunk["candidates"][0] for chunk in chunks]
    parts = [part for candidate in candidates for part in candidate["content"].get("parts", [])]
    usage = chunks[-1]["usageMetadata"]
    counts = ("promptTokenCount", "candidatesTokenCount", "totalTokenCount")
    return {
        "answer": {
            "text": "".join(part["text"] for part in parts),
            "finishReason": candidates[-1].get("finishReason"),
            "usage": {key: usage[key] for key in counts if key in usage},
        }
    }


async def through_unary(server: Any, model: str, request: Any) -> dict[str, Any]:
    _, body = await server.post(f"{model}:generateContent", request)
    return summary([json.loads(body)])


async def through_array(server: Any, model: str, request: Any) -> dict[str, Any]:
    _, body = await server.post(f"{model}:streamGenerateContent", request)
    return summary(json.loads(body))


async def through_events(server: Any, model: str, request: Any) -> dict[str, Any]:
    status, body = await server.post(f"{model}:streamGenerateContent?alt=sse", request)
    if status != 200:
        return summary([json.loads(body)])
    *events, rest = body.split(b"\r\n\r\n")
    assert rest == b""
    return summary([json.loads(event.removeprefix(b"data: ")) for event in events])


async def through_grpc(server: Any, model: str, request: Any) -> dict[str, Any]:
    """The body as Google's own parser makes a message of it, through a bare channel."""
    message = json_format.ParseDict(listed(request), GenerateContentRequest.pb(GenerateContentRequest()))
    message.model = f"projects/p/locations/l/publishers/google/models/{model}"
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.app.grpc.port}") as channel:
        call = channel.unary_stream(
            "/google.cloud.aiplatform.v1.PredictionService/StreamGenerateContent",
            response_deserializer=GenerateContentResponse.deserialize,
        )(message.SerializeToString())
        try:
            chunks = [json.loads(GenerateContentResponse.to_json(chunk)) async for chunk in call]
        except grpc.aio.AioRpcError as error:
            status = error.code()
            code = Code[status.name]
            return {"error": {"code": code.http, "status": status.name, "message": error.details()}}
    for chunk in chunks:
        reason = chunk["candidates"][0].pop("finishReason", 0)
        chunk["candidates"][0]["finishReason"] = Candidate.FinishReason(reason).name if reason else None
    return summary(chunks)


def listed(request: Any) -> Any:
    """The same body with lists where Google's Python parser insists on them."""
    request = copy.deepcopy(request)
    if isinstance(contents := request.get("contents"), dict):
        request["contents"] = contents = [contents]
    for content in [*(contents or []), request.get("systemInstruction", {})]:
        if isinstance(content.get("parts"), dict):
            content["parts"] = [content["parts"]]
    return request


async def through_developer(server: Any, model: str, request: Any) -> dict[str, Any]:
    url = f"{server.url}/v1beta/models/{model}:generateContent?key=k"
    async with server.session.post(url, json=request) as response:
        return summary([await response.json()])


async def through_openai(server: Any, model: str, request: Any) -> dict[str, Any]:
    """Only for what OpenAI's dialect can say: its answers, and codes of errors."""
    url = f"{server.url}/v1/projects/p/locations/l/endpoints/openapi/chat/completions"
    async with server.session.post(url, json=chat_of(model, request)) as response:
        answer = await response.json()
    if isinstance(answer, list):
        return {"error": {key: answer[0]["error"][key] for key in ("code", "status", "message")}}
    (choice,) = answer["choices"]
    usage = answer["usage"]
    return {
        "answer": {
            "text": choice["message"]["content"],
            "finishReason": {"stop": "STOP", "length": "MAX_TOKENS"}[choice["finish_reason"]],
            "usage": {
                "promptTokenCount": usage["prompt_tokens"],
                "candidatesTokenCount": usage["completion_tokens"],
                "totalTokenCount": usage["total_tokens"],
            },
        }
    }


def chat_of(model: str, request: Any) -> dict[str, Any]:
    """A Gemini body in OpenAI's words."""
    request = listed(request)
    roles = {"model": "assistant"}
    system = request.get("systemInstruction")
    turns = [{"role": "system", **system}] if system else []
    turns += request.get("contents", [])
    messages = [
        {
            "role": roles.get(turn.get("role", "user"), turn.get("role", "user")),
            "content": "".join(part["text"] for part in turn["parts"]),
        }
        for turn in turns
    ]
    config = request.get("generationConfig", {})
    names = {"temperature": "temperature", "stopSequences": "stop", "maxOutputTokens": "max_tokens"}
    chat = {"model": f"google/{model}", "messages": messages}
    if name := request.get("cachedContent"):
        chat["extra_body"] = {"google": {"cached_content": name}}
    return chat | {names[key]: value for key, value in config.items()}


DEVELOPERS_OWN_WORDS = {"No contents", "A model that does not exist", "A prompt that is longer than the window"}
"""Refusals that the Developer API words in its own way (tests/gemini/test_developer.py)."""
NOT_SAID_BY_OPENAI = {
    "No contents",
    "An engine may have nothing to say",
    "A sequence at the very beginning leaves nothing",
}


def cases_of(door: Any) -> list[dict[str, Any]]:
    left_out = {through_developer: DEVELOPERS_OWN_WORDS, through_openai: NOT_SAID_BY_OPENAI}.get(door, set())
    return [case for case in CASES if case["case"] not in left_out]


DOORS = [through_unary, through_array, through_events, through_grpc, through_developer, through_openai]
PAIRS = [(case, door) for door in DOORS for case in cases_of(door)]


@pytest.mark.parametrize(("case", "door"), PAIRS, ids=[f"{door.__name__}-{case['case']}" for case, door in PAIRS])
async def test_case(start: Any, case: dict[str, Any], door: Any) -> None:
    server = await start(case.get("engine", {"chunks": ["unexpected"]}))

    got = await door(server, case.get("model", "gemini-1.5-flash-002"), request_of(case))

    expected = {key: dict(case[key]) for key in ("answer", "error") if key in case}
    if "answer" in expected and "usage" not in expected["answer"]:
        expected["answer"]["usage"] = got.get("answer", {}).get("usage")
    assert got == expected
