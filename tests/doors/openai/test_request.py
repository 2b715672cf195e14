from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings, strategies

from geminid.doors.openai.chat import ChatRequest, decode
from geminid.doors.openai.request import thought_tag, to_request
from geminid.errors import InvalidArgument
from geminid.wire import json as wire_json

Translate: TypeAlias = Callable[..., dict[str, Any]]

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "additionalProperties": False}


def deep(levels: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels):
        value = {"items": value}
    return value


def test_a_bare_request_asks_for_nothing_else(translate: Translate) -> None:
    assert translate() == {
        "contents": [{"role": "user", "parts": [{"text": "Hello"}]}],
        "generationConfig": {},
    }


@pytest.mark.parametrize(
    ("asked", "config"),
    [
        ({"temperature": 0, "top_p": 0.5, "seed": 7}, {"temperature": 0.0, "topP": 0.5, "seed": 7}),
        ({"presence_penalty": -1, "frequency_penalty": 2}, {"presencePenalty": -1.0, "frequencyPenalty": 2.0}),
        ({"n": 2}, {"candidateCount": 2}),
        ({"max_tokens": 5}, {"maxOutputTokens": 5}),
        ({"max_completion_tokens": 6}, {"maxOutputTokens": 6}),
        ({"max_tokens": 5, "max_completion_tokens": 6}, {"maxOutputTokens": 6}),
        ({"stop": "END"}, {"stopSequences": ["END"]}),
        ({"stop": ["a", "b"]}, {"stopSequences": ["a", "b"]}),
        ({"logprobs": True, "top_logprobs": 3}, {"responseLogprobs": True, "logprobs": 3}),
        ({"logprobs": False, "top_logprobs": 0}, {}),
        ({"modalities": ["text", "audio"]}, {"responseModalities": ["TEXT", "AUDIO"]}),
        ({"response_format": {"type": "text"}}, {"responseMimeType": "text/plain"}),
        (
            {"response_format": {"type": "json_object"}},
            {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
        ),
        ({"response_format": {"type": "text/x.enum"}}, {"responseMimeType": "text/x.enum"}),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "A", "strict": True, "schema": SCHEMA},
                }
            },
            {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA},
        ),
        ({"reasoning_effort": "none"}, {"thinkingConfig": {"thinkingBudget": 0}}),
        ({"reasoning_effort": "high"}, {"thinkingConfig": {"thinkingBudget": 24576}}),
        (
            {
                "google": {
                    "thinking_config": {"include_thoughts": True},
                    "media_resolution": "MEDIA_RESOLUTION_LOW",
                }
            },
            {"thinkingConfig": {"includeThoughts": True}, "mediaResolution": "MEDIA_RESOLUTION_LOW"},
        ),
    ],
)
def test_parameters_become_the_generation_config(
    translate: Translate, asked: dict[str, Any], config: dict[str, Any]
) -> None:
    assert translate(**asked)["generationConfig"] == config


def test_tools_are_one_set_of_declarations(translate: Translate) -> None:
    function = {"name": "weather", "description": "Tells it.", "parameters": SCHEMA, "strict": True}

    request = translate(
        tools=[{"type": "function", "function": function}, {"type": "function", "function": {"name": "clock"}}],
        functions=[{"name": "old"}],
        web_search_options={},
        google={"tools": [{"code_execution": {}}]},
    )

    assert request["tools"] == [
        {
            "functionDeclarations": [
                {"name": "old"},
                {"name": "weather", "description": "Tells it.", "parametersJsonSchema": SCHEMA},
                {"name": "clock"},
            ]
        },
        {"googleSearch": {}},
        {"codeExecution": {}},
    ]


@pytest.mark.parametrize(
    ("asked", "config"),
    [
        ({"tool_choice": "none"}, {"mode": "NONE"}),
        ({"tool_choice": "auto"}, {"mode": "AUTO"}),
        ({"tool_choice": "required"}, {"mode": "ANY"}),
        ({"tool_choice": "validated"}, {"mode": "VALIDATED"}),
        (
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
            {"mode": "ANY", "allowedFunctionNames": ["f"]},
        ),
        (
            {
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
                }
            },
            {"mode": "VALIDATED", "allowedFunctionNames": ["f"]},
        ),
        ({"function_call": {"name": "f"}}, {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        ({"function_call": "auto"}, {"mode": "AUTO"}),
        ({"google": {"stream_function_call_arguments": True}}, {"streamFunctionCallArguments": True}),
    ],
)
def test_the_choice_of_tools_is_the_mode(
    translate: Translate, asked: dict[str, Any], config: dict[str, Any]
) -> None:
    assert translate(**asked)["toolConfig"] == {"functionCallingConfig": config}


@pytest.mark.parametrize("spelling", ["safety_settings", "safetySettings"])
def test_googles_fields_are_geminis(translate: Translate, spelling: str) -> None:
    settings = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]
    google = {spelling: settings, "cached_content": "cachedContents/1", "thought_tag_marker": "think", "other": 1}

    request = translate(extra_body={"google": google})

    assert request["safetySettings"] == settings
    assert request["cachedContent"] == "cachedContents/1"


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"reasoning_effort": "endless"}, "reasoning_effort"),
        ({"reasoning_effort": "low", "google": {"thinking_config": {"thinking_budget": 1}}}, "reasoning_effort"),
        ({"modalities": ["smell"]}, "modalities[0]"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema"),
        ({"tool_choice": "perhaps"}, "tool_choice"),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        ({"function_call": "perhaps"}, "function_call"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0]"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": deep(101)}}]},
            "tools[0].function.parameters",
        ),
        ({"google": {"safety_settings": [{"category": "RUDE"}]}}, "safety_settings[0].category"),
        ({"google": {"thinking_config": {"thinking_budget": "much"}}}, "generation_config.thinking_config"),
        ({"google": {"tools": [deep(101)]}}, "google"),
    ],
)
def test_what_gemini_has_no_word_for_is_refused_by_name(
    translate: Translate, asked: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidArgument, match=r"Invalid value at") as caught:
        translate(**asked)

    assert f"'{field}" in caught.value.message


_JSON = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats(allow_nan=False)
    | strategies.sampled_from(
        ["user", "assistant", "tool", "text", "image_url", "file", "function", "data:,", "x"]
    ),
    lambda inner: (
        strategies.lists(inner, max_size=3)
        | strategies.dictionaries(
            strategies.sampled_from(
                [
                    "role",
                    "content",
                    "type",
                    "text",
                    "image_url",
                    "url",
                    "function",
                    "name",
                    "arguments",
                    "google",
                    "x",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(strategies.dictionaries(strategies.sampled_from(ChatRequest.__struct_fields__), _JSON, max_size=4))
def test_nothing_that_is_asked_is_the_servers_fault(body: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidArgument):
        asked = decode(json.dumps(body).encode())
        wire_json.encode(to_request(asked, "v1"))
        thought_tag(asked)
