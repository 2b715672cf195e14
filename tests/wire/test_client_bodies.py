"""Bodies in the shapes that clients send, each with what is odd about it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from geminid.wire import json
from geminid.wire.caching import CachedContent
from geminid.wire.content import Content, Part
from geminid.wire.generation import GenerateContentRequest
from geminid.wire.message import Duration, Struct
from geminid.wire.tokens import ComputeTokensRequest, CountTokensRequest
from geminid.wire.tools import FunctionCallingMode, Type

ASK: Struct = {"role": "user", "parts": [{"text": "Is it warm?"}]}
CITY: Struct = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def generate(**body: Any) -> GenerateContentRequest:
    request = json.decode(GenerateContentRequest, msgspec.json.encode({"contents": [ASK]} | body))
    assert request.contents[0] == Content(role="user", parts=[Part(text="Is it warm?")])
    return request


def test_vertexai_for_python_sends_enums_as_numbers() -> None:
    schema = {"type": 6, "properties": {"city": {"type": 1}}, "propertyOrdering": ["city"]}

    request = generate(
        tools=[{"functionDeclarations": [{"name": "warmth", "description": "", "parameters": schema}]}],
        toolConfig={"functionCallingConfig": {"mode": 2}},
        safetySettings=[{"category": 1, "threshold": 4}],
        generationConfig={"temperature": 0.0, "logprobs": 2, "responseLogprobs": True, "responseSchema": schema},
    )

    parameters = request.tools[0].function_declarations[0].parameters
    assert parameters is not None
    assert (parameters.type, parameters.properties["city"].type) == (Type.OBJECT, Type.STRING)
    assert request.tool_config is not None
    assert request.tool_config.function_calling_config is not None
    assert request.tool_config.function_calling_config.mode is FunctionCallingMode.ANY


def test_google_genai_mixes_spellings_in_one_body() -> None:
    request = generate(
        tools=[{"functionDeclarations": [{"name": "warmth", "parameters_json_schema": CITY}]}],
        generationConfig={"topK": 40.0, "thinkingConfig": {"thinking_budget": 0}},
        toolConfig={"functionCallingConfig": {"allowed_function_names": ["warmth"], "mode": "ANY"}},
    )

    assert request.tools[0].function_declarations[0].parameters_json_schema == CITY
    assert request.generation_config is not None
    assert request.generation_config.thinking_config is not None
    assert request.generation_config.thinking_config.thinking_budget == 0


def test_google_genai_sends_media_as_url_safe_base64() -> None:
    request = generate(systemInstruction={"parts": [{"inlineData": {"data": "-_8=", "mime_type": "image/png"}}]})

    assert request.system_instruction is not None
    blob = request.system_instruction.parts[0].inline_data
    assert blob is not None
    assert (blob.mime_type, blob.data) == ("image/png", b"\xfb\xff")


def test_a_history_with_calls_and_their_answers() -> None:
    call = {"functionCall": {"id": "1", "name": "warmth", "args": {}}, "thoughtSignature": "c2lnbmF0dXJl"}
    answer = {"functionResponse": {"id": "1", "name": "warmth", "response": {"output": 21}}}

    turns = generate(
        contents=[ASK, {"role": "model", "parts": [call]}, {"role": "user", "parts": [answer]}]
    ).contents

    assert turns[1].parts[0].function_call is not None
    assert turns[1].parts[0].function_call.args == {}
    assert turns[1].parts[0].thought_signature == b"signature"
    assert turns[2].parts[0].function_response is not None
    assert turns[2].parts[0].function_response.response == {"output": 21}


def test_litellm_sends_snake_case() -> None:
    request = generate(
        system_instruction={"parts": [{"text": "Be brief."}]}, generationConfig={"max_output_tokens": 5}
    )

    assert request.system_instruction == Content(parts=[Part(text="Be brief.")])
    assert request.generation_config is not None
    assert request.generation_config.max_output_tokens == 5


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"safetySettings": [], "generationConfig": {"candidateCount": 1}}, id="langchain"),
        pytest.param(
            {
                "generationConfig": {
                    "responseMimeType": "application/json",
                    "responseJsonSchema": CITY | {"$schema": "http://json-schema.org/draft-07/schema#"},
                }
            },
            id="genkit",
        ),
        pytest.param(
            {"generationConfig": {"responseSchema": CITY | {"property_ordering": ["city"], "title": "C"}}},
            id="instructor",
        ),
        pytest.param(
            {
                "generationConfig": {"responseModalities": ["TEXT"]},
                "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}},
            },
            id="pydantic-ai",
        ),
        pytest.param({"systemInstruction": {"role": "user", "parts": [{"text": ""}]}}, id="empty system"),
        pytest.param({"systemInstruction": {}, "tools": [], "generationConfig": {}}, id="all empty"),
        pytest.param({"labels": {"team": "a"}}, id="node gapic"),
        pytest.param({"safetySettings": {}, "tools": {}}, id="curl skeleton"),
    ],
)
def test_bodies_of_other_clients(body: Struct) -> None:
    generate(**body)


def test_the_node_samples_name_files_in_snake_case() -> None:
    file = {"file_data": {"file_uri": "gs://bucket/a.png", "mime_type": "image/png"}}

    request = generate(contents=[ASK, {"role": "USER", "parts": [file]}])

    assert request.contents[1].parts[0].file_data is not None
    assert request.contents[1].parts[0].file_data.file_uri == "gs://bucket/a.png"


def test_the_documented_curl_call_has_an_object_for_a_list_and_a_comma_too_many() -> None:
    body = b"""{
      "contents": {
        "role": "user",
        "parts": { "text": "Is it warm?" },
      },
      "safety_settings": {
        "category": "HARM_CATEGORY_SEXUALLY_EXPLICIT",
        "threshold": "BLOCK_LOW_AND_ABOVE"
      },
      "generation_config": {"temperature": 0.2, "topP": 0.8, "topK": 40, "stopSequences": [".", "?", "!"]},
    }"""

    request = json.decode(GenerateContentRequest, body)

    assert request.contents == generate().contents
    assert len(request.safety_settings) == 1


def test_counting_with_an_empty_system_instruction() -> None:
    body = msgspec.json.encode({"model": "m", "contents": [ASK], "systemInstruction": {}})

    assert json.decode(CountTokensRequest, body).system_instruction == Content()
    assert json.decode(ComputeTokensRequest, msgspec.json.encode({"contents": [ASK]})).contents


def test_counting_for_the_developer_api() -> None:
    inner = {"model": "models/m", "contents": [ASK], "generationConfig": {}, "safetySettings": []}

    request = json.decode(CountTokensRequest, msgspec.json.encode({"generateContentRequest": inner}))

    assert request.contents == generate().contents


def test_a_cache_with_a_ttl_as_the_reference_page_writes_it() -> None:
    cached = json.decode(CachedContent, b'{"model": "m", "ttl": {"seconds": "300", "nano": "0"}}')

    assert cached.ttl == Duration(300)
