"""Whole requests: that everything they say arrives, and that what is not served is refused by name."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from geminid.engines.base import Capabilities
from geminid.errors import ApiError, InvalidArgument, Unimplemented
from geminid.gemini.profiles import Catalogue
from geminid.gemini.request import check_streamable, to_generation
from geminid.generation import Choices, Generation, JsonSchema, Text, Thinking
from geminid.wire import json
from geminid.wire.generation import GenerateContentRequest

HELLO = {"role": "user", "parts": [{"text": "Hello"}]}
TOOLS = [{"functionDeclarations": [{"name": "dice"}]}]
CHOICE = {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["yes", "no"]}}
ABLE = Capabilities(context_tokens=8_192)


def generation(model: str = "gemini-1.5-flash-002", engine: Capabilities = ABLE, **request: Any) -> Generation:
    """What a request body, given by its top-level fields, comes to."""
    found = Catalogue().find(model)
    assert found
    body = msgspec.json.encode({"contents": [HELLO]} | request)
    return to_generation(json.decode(GenerateContentRequest, body), found.profile, engine)


def refused(model: str = "gemini-1.5-flash-002", **request: Any) -> str:
    with pytest.raises(InvalidArgument) as error:
        generation(model, **request)
    return error.value.message


def test_everything_arrives() -> None:
    asked = generation(
        "gemini-3.5-pro",
        systemInstruction={"parts": [{"text": "Be brief."}]},
        tools=TOOLS,
        generationConfig={"temperature": 0.5, "thinkingConfig": {"includeThoughts": True}},
    )

    assert asked.turns[0].pieces == (Text("Hello"),)
    assert asked.system == (Text("Be brief."),)
    assert asked.sampling.temperature == 0.5
    assert asked.tools
    assert asked.tools.allowed == {"dice"}
    assert asked.thinking == Thinking(include=True)


def test_a_plain_request_asks_for_nothing_special() -> None:
    asked = generation()

    assert (asked.candidates, asked.constraint, asked.tools, asked.thinking) == (1, None, None, None)


def test_contents_are_required() -> None:
    assert "at least one contents field is required" in refused(contents=[])


def test_a_schema_is_a_constraint() -> None:
    schema = {"type": "OBJECT", "properties": {"b": {"type": "STRING"}, "a": {"type": "STRING"}}}
    config = {"responseMimeType": "application/json", "responseSchema": schema}

    alphabetical = generation("gemini-1.5-flash", generationConfig=config).constraint
    declared = generation("gemini-2.0-flash", generationConfig=config).constraint

    assert isinstance(alphabetical, JsonSchema)
    assert isinstance(declared, JsonSchema)
    assert list(alphabetical.schema["properties"]) == ["a", "b"]
    assert list(declared.schema["properties"]) == ["b", "a"]


def test_a_choice_is_a_constraint() -> None:
    assert generation(generationConfig=CHOICE).constraint == Choices(("yes", "no"))


def test_an_engine_may_not_know_choices() -> None:
    with pytest.raises(Unimplemented, match=r"`generation_config\.response_mime_type`"):
        generation(engine=Capabilities(context_tokens=8_192, choices=False), generationConfig=CHOICE)


def test_tools_and_json_go_together_in_later_models_only() -> None:
    both = {"tools": TOOLS, "generationConfig": {"responseMimeType": "application/json"}}

    assert refused("gemini-2.5-pro", **both) == (
        "Tool use with a response mime type: 'application/json' is unsupported"
    )
    later = generation("gemini-3.5-flash", **both)
    assert later.tools
    assert later.constraint


def test_tools_that_may_not_be_used_go_with_json() -> None:
    none = {"functionCallingConfig": {"mode": "NONE"}}

    asked = generation(tools=TOOLS, toolConfig=none, generationConfig={"responseMimeType": "application/json"})

    assert asked.constraint


@pytest.mark.parametrize(
    ("model", "request_", "words"),
    [
        ("gemini-1.0-pro-001", {"systemInstruction": HELLO}, "The input system_instruction is not supported."),
        (
            "gemini-1.0-pro-002", {"generationConfig": {"responseMimeType": "application/json"}},
            "Json mode is not enabled for this model",
        ),
        ("gemini-1.0-pro-vision", {"tools": TOOLS}, "Function calling is not enabled for this model"),
    ],
)  # fmt: skip
def test_what_a_model_lacks_is_refused_in_googles_words(model: str, request_: dict[str, Any], words: str) -> None:
    assert refused(model, **request_) == words


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"tools": [{"googleSearch": {}}]}, "tools[0].google_search"),
        ({"tools": [*TOOLS, {"codeExecution": {}}]}, "tools[1].code_execution"),
        ({"toolConfig": {"retrievalConfig": {"languageCode": "en"}}}, "tool_config.retrieval_config"),
        (
            {"tools": TOOLS, "toolConfig": {"functionCallingConfig": {"streamFunctionCallArguments": True}}},
            "tool_config.function_calling_config.stream_function_call_arguments",
        ),
        ({"modelArmorConfig": {"promptTemplateName": "x"}}, "model_armor_config"),
        ({"generationConfig": {"responseModalities": ["IMAGE"]}}, "generation_config.response_modalities"),
        (
            {"contents": [{"parts": [{"functionResponse": {"name": "f", "response": {}, "parts": [{}]}}]}]},
            "contents[0].parts[0].function_response.parts",
        ),
    ],
)
def test_fields_that_are_not_served_are_refused_by_name(request_: dict[str, Any], field: str) -> None:
    with pytest.raises(Unimplemented, match="not supported by this server") as error:
        generation(**request_)
    assert f"`{field}`" in error.value.message


@pytest.mark.parametrize(
    "request_",
    [
        {"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]},
        {"safetySettings": {}},
        {"labels": {"team": "blue"}},
        {"generationConfig": {}},
        {"generationConfig": {"responseMimeType": "text/plain", "candidateCount": 1}},
        {"generationConfig": {"responseModalities": ["TEXT"], "responseLogprobs": False}},
        {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0, "includeThoughts": False}}},
        {"tools": [], "toolConfig": {}},
        {"tools": {}, "toolConfig": {"functionCallingConfig": {}}},
    ],
)
def test_what_asks_for_nothing_more_than_text_is_accepted(request_: dict[str, Any]) -> None:
    assert generation(**request_).texts() == ["Hello"]


def test_several_candidates_are_not_streamed() -> None:
    check_streamable(generation())
    with pytest.raises(InvalidArgument, match="a candidateCount value of 2, which streamGenerateContent does not"):
        check_streamable(generation(generationConfig={"candidateCount": 2}))


def test_no_refusal_is_anything_but_an_api_error() -> None:
    with pytest.raises(ApiError):
        generation(contents=[{"role": "user", "parts": [{"text": "x" * 10}] * 3}], generationConfig={"topK": -1})
