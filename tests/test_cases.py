"""Every case of ``tests/cases``, sent through every door: the answers must agree."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any, TypeAlias

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


Answer: TypeAlias = dict[str, Any]


def summary(chunks: list[dict[str, Any]]) -> Answer:
    """What the chunks of an answer, or one whole answer, come to."""
    if "error" in chunks[-1]:
        return {"error": {key: chunks[-1]["error"][key] for key in ("code", "status", "message")}}
    if len(chunks[0]["candidates"]) > 1:
        return {"candidates": [spoken([one], {}) for one in chunks[0]["candidates"]], "usage": counts(chunks[-1])}
    return {"answer": spoken([chunk["candidates"][0] for chunk in chunks], counts(chunks[-1]))}


def counts(chunk: dict[str, Any]) -> dict[str, int]:
    names = ("prompt", "cachedContent", "candidates", "total", "thoughts")
    told = {name: chunk["usageMetadata"].get(name) for name in (f"{name}TokenCount" for name in names)}
    return {name: count for name, count in told.items() if count}


def spoken(pieces: list[dict[str, Any]], usage: dict[str, int]) -> Answer:
    """One candidate, in the words of a case: what is absent or empty is left out, but for the text."""
    parts = [part for piece in pieces for part in (piece.get("content") or {}).get("parts", [])]
    results = [piece["logprobsResult"] for piece in pieces if piece.get("logprobsResult")]
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    answer = {
        "text": "".join(part["text"] for part in parts if "text" in part and not part.get("thought")),
        "thoughts": "".join(part["text"] for part in parts if part.get("thought")),
        "functionCalls": [{"name": call["name"], "args": call.get("args", {})} for call in calls],
        "finishReason": pieces[-1].get("finishReason"),
        "finishMessage": pieces[-1].get("finishMessage"),
        "logprobs": [place(one) for result in results for one in result["chosenCandidates"]],
        "topLogprobs": [
            [place(one) for one in top["candidates"]]
            for result in results
            for top in result.get("topCandidates", [])
        ],
        "usage": usage,
    }
    return {name: value for name, value in answer.items() if value or name == "text"}


def place(candidate: dict[str, Any]) -> list[Any]:
    return [candidate["token"], round(candidate.get("logProbability", 0), 4)]


async def through_unary(server: Any, model: str, request: Any) -> Answer:
    _, body = await server.post(f"{model}:generateContent", request)
    return summary([json.loads(body)])


async def through_array(server: Any, model: str, request: Any) -> Answer:
    _, body = await server.post(f"{model}:streamGenerateContent", request)
    return summary(json.loads(body))


async def through_events(server: Any, model: str, request: Any) -> dict[str, Any]:
    status, body = await server.post(f"{model}:streamGenerateContent?alt=sse", request)
    if status != 200:
        return summary([json.loads(body)])
    *events, rest = body.split(b"\r\n\r\n")
    chunks = [json.loads(event.removeprefix(b"data: ")) for event in events]
    return summary([*chunks, json.loads(rest)] if rest else chunks)


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
        for part in (chunk["candidates"][0].get("content") or {}).get("parts", []):
            if not part.get("text") and "functionCall" in part:
                part.pop("text", None)
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


class OneOf(tuple[str, ...]):
    """Equal to each of its members: OpenAI has fewer words for how an answer ends."""

    def __eq__(self, other: object) -> bool:
        return other in tuple(self)

    __hash__ = tuple.__hash__


FINISH = {
    "stop": OneOf(("STOP", "OTHER", "MALFORMED_FUNCTION_CALL")),
    "length": OneOf(("MAX_TOKENS",)),
    "tool_calls": OneOf(("STOP",)),
    "content_filter": OneOf(
        ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"),
    ),
}
THOUGHTS = re.compile("<thought>(.*)</thought>", re.DOTALL)


async def through_openai(server: Any, model: str, request: Any) -> Answer:
    """Only for what OpenAI's dialect can say."""
    url = f"{server.url}/v1/projects/p/locations/l/endpoints/openapi/chat/completions"
    async with server.session.post(url, json=chat_of(model, request)) as response:
        answer = await response.json()
    if isinstance(answer, list):
        return {"error": {key: answer[0]["error"][key] for key in ("code", "status", "message")}}
    usage = usage_of(answer["usage"])
    first, *others = [chosen(choice) for choice in answer["choices"]]
    return {"candidates": [first, *others], "usage": usage} if others else {"answer": {**first, "usage": usage}}


def usage_of(usage: dict[str, Any]) -> dict[str, int]:
    counts = {
        "promptTokenCount": usage["prompt_tokens"],
        "cachedContentTokenCount": usage.get("prompt_tokens_details", {}).get("cached_tokens"),
        "candidatesTokenCount": usage["completion_tokens"],
        "totalTokenCount": usage["total_tokens"],
        "thoughtsTokenCount": usage.get("completion_tokens_details", {}).get("reasoning_tokens"),
    }
    return {name: count for name, count in counts.items() if count}


def chosen(choice: dict[str, Any]) -> Answer:
    """A choice in the words of a case."""
    message = choice["message"]
    content = message["content"] or ""
    thoughts = THOUGHTS.match(content)
    calls = [call["function"] for call in message.get("tool_calls", ())]
    places = (choice["logprobs"] or {}).get("content", [])
    answer = {
        "thoughts": thoughts[1] if thoughts else "",
        "functionCalls": [{"name": call["name"], "args": json.loads(call["arguments"])} for call in calls],
        "logprobs": [[one["token"], round(one["logprob"], 4)] for one in places],
        "topLogprobs": [
            [[top["token"], round(top["logprob"], 4)] for top in one["top_logprobs"]]
            for one in places
            if one["top_logprobs"]
        ],
    }
    said = {name: value for name, value in answer.items() if value}
    return {
        "text": content[thoughts.end() if thoughts else 0 :],
        "finishReason": FINISH[choice["finish_reason"]],
        **said,
    }


NAMES = {
    "temperature": "temperature", "topP": "top_p", "stopSequences": "stop", "maxOutputTokens": "max_tokens",
    "candidateCount": "n", "seed": "seed", "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty", "responseLogprobs": "logprobs", "logprobs": "top_logprobs",
    "responseModalities": "modalities",
}  # fmt: skip


def chat_of(model: str, request: Any) -> dict[str, Any]:
    """A Gemini body in OpenAI's words."""
    request = listed(request)
    system = request.get("systemInstruction")
    messages = [{"role": "system", "content": texts(system)}] if system else []
    for turn in request.get("contents", []):
        messages += messages_of(turn)
    config = request.get("generationConfig", {})
    chat = {"model": f"google/{model}", "messages": messages}
    chat |= {NAMES[key]: value for key, value in config.items() if key in NAMES}
    if extension := extension_of(request, config):
        chat["extra_body"] = {"google": extension}
    return chat | format_of(config) | tools_of(request)


def extension_of(request: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """What OpenAI has no words for and Google's extension has."""
    calling = request.get("toolConfig", {}).get("functionCallingConfig", {})
    said = {
        "thinking_config": config.get("thinkingConfig"),
        "thought_tag_marker": "thought" if "thinkingConfig" in config else None,
        "media_resolution": config.get("mediaResolution"),
        "cached_content": request.get("cachedContent"),
        "stream_function_call_arguments": calling.get("streamFunctionCallArguments"),
        "tools": [tool for tool in request.get("tools", ()) if "functionDeclarations" not in tool],
    }
    return {name: value for name, value in said.items() if value}


def messages_of(turn: dict[str, Any]) -> list[dict[str, Any]]:
    """A turn with answers of functions is a message for each."""
    answers = [part["functionResponse"] for part in turn["parts"] if "functionResponse" in part]
    if answers:
        return [
            {"role": "tool", "tool_call_id": answer["name"], "content": json.dumps(answer["response"])}
            for answer in answers
        ]
    calls = [part["functionCall"] for part in turn["parts"] if "functionCall" in part]
    message = {"role": {"model": "assistant"}.get(turn.get("role", "user"), turn.get("role", "user"))}
    message["content"] = texts(turn) if all(media(part) is None for part in turn["parts"]) else parts_of(turn)
    if calls:
        message["tool_calls"] = [
            {
                "id": call["name"],
                "type": "function",
                "function": {"name": call["name"], "arguments": json.dumps(call["args"])},
            }
            for call in calls
        ]
    return [message]


def texts(content: dict[str, Any]) -> str:
    return "".join(part.get("text", "") for part in content["parts"])


def parts_of(turn: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "image_url", "image_url": url} if (url := media(part)) else {"type": "text", "text": part["text"]}
        for part in turn["parts"]
    ]


def media(part: dict[str, Any]) -> str | None:
    match part:
        case {"inlineData": {"mimeType": mime_type, "data": data}}:
            return f"data:{mime_type};base64,{data}"
        case {"fileData": {"fileUri": uri}}:
            return str(uri)
    return None


FORMATS = {"text/plain": "text", "application/json": "json_object"}


def format_of(config: dict[str, Any]) -> dict[str, Any]:
    """A type that OpenAI has no word for is told as it is."""
    schema = config.get("responseSchema") or config.get("responseJsonSchema")
    if schema is not None:
        form: dict[str, Any] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": plain(schema)}}
        return {"response_format": form}
    mime_type = config.get("responseMimeType")
    return {"response_format": {"type": FORMATS.get(mime_type, mime_type)}} if mime_type else {}


def tools_of(request: dict[str, Any]) -> dict[str, Any]:
    """Declarations and, of the configuration, the mode."""
    tools = [
        {"type": "function", "function": function_of(**declaration)}
        for tool in request.get("tools", ())
        for declaration in tool.get("functionDeclarations", ())
    ]
    calling = request.get("toolConfig", {}).get("functionCallingConfig", {})
    choice: Any = {"AUTO": "auto", "ANY": "required", "NONE": "none", "VALIDATED": "validated"}.get(
        calling.get("mode")
    )
    if allowed := calling.get("allowedFunctionNames"):
        choice = {"type": "function", "function": {"name": allowed[0]}}
    return ({"tools": tools} if tools else {}) | ({"tool_choice": choice} if choice else {})


def function_of(parameters: Any = None, parametersJsonSchema: Any = None, **told: Any) -> dict[str, Any]:
    return {**told, "parameters": plain(parameters or parametersJsonSchema)}


def plain(schema: Any) -> Any:
    """A schema of Google's in the words of JSON Schema; one of those as it is."""
    if isinstance(schema, list):
        return [plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    told = {key: plain(value) for key, value in schema.items() if key not in ("nullable", "propertyOrdering")}
    if isinstance(kind := schema.get("type"), str):
        told["type"] = [kind.lower(), "null"] if schema.get("nullable") else kind.lower()
    if order := schema.get("propertyOrdering"):
        told["properties"] = {name: told["properties"][name] for name in order}
    return told


DOORS = [through_unary, through_array, through_events, through_grpc, through_developer, through_openai]
BLIND = {through_openai: {"finishMessage"}}


def name_of(door: Any) -> str:
    return str(door.__name__.removeprefix("through_"))


async def cached(server: Any, door: Any, model: str, cache: Any) -> str:
    """Creates a cache where the door looks for it; gives back its name."""
    home = "projects/p/locations/l"
    path, name = f"/v1/{home}/cachedContents", f"{home}/publishers/google/models/{model}"
    if door is through_developer:
        path, name = "/v1beta/cachedContents?key=k", f"models/{model}"
    async with server.session.post(server.url + path, json={"model": name, **cache}) as response:
        assert response.status == 200, await response.text()
        return str((await response.json())["name"])


PAIRS = [(case, door) for door in DOORS for case in CASES if name_of(door) not in case.get("not_through", {})]


@pytest.mark.parametrize(("case", "door"), PAIRS, ids=[f"{door.__name__}-{case['case']}" for case, door in PAIRS])
async def test_case(start: Any, case: dict[str, Any], door: Any) -> None:
    script = case.get("engine", {"chunks": ["unexpected"]})
    server = await start(*(script if isinstance(script, list) else [script]))

    model, request = case.get("model", "gemini-1.5-flash-002"), request_of(case)
    if "cache" in case:
        request["cachedContent"] = await cached(server, door, model, case["cache"])

    got = await door(server, model, request)

    assert got == expected(case, got, BLIND.get(door, set()))


def expected(case: dict[str, Any], got: Answer, unseen: set[str]) -> Answer:
    """What the case says, with the usage that was got where it says none."""
    if "error" in case:
        return {"error": case["error"]}
    if "candidates" in case:
        return {"candidates": case["candidates"], "usage": case.get("usage", got.get("usage"))}
    answer = {key: value for key, value in case["answer"].items() if key not in unseen}
    return {"answer": {"usage": got.get("answer", {}).get("usage", {})} | answer}
