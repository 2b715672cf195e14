from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from geminid.errors import InvalidArgument

Translate: TypeAlias = Callable[..., dict[str, Any]]

CALL = {"id": "call-1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}


def test_roles_become_geminis(translate: Translate) -> None:
    request = translate(
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi", "name": "ann"},
            {"role": "assistant", "content": "Hello"},
            {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
            {"role": "user", "content": [{"type": "text", "text": "And"}, {"type": "text", "text": "now?"}]},
        ]
    )

    assert request["systemInstruction"] == {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]}
    assert request["contents"] == [
        {"role": "user", "parts": [{"text": "Hi"}]},
        {"role": "model", "parts": [{"text": "Hello"}]},
        {"role": "user", "parts": [{"text": "And"}, {"text": "now?"}]},
    ]


def test_tool_messages_that_follow_each_other_are_one_turn_with_the_names_of_their_calls(
    translate: Translate,
) -> None:
    other = {"id": "call-2", "type": "function", "function": {"name": "clock", "arguments": ""}}

    request = translate(
        messages=[
            {"role": "user", "content": "Weather and time?"},
            {"role": "assistant", "content": None, "tool_calls": [CALL, other]},
            {"role": "tool", "tool_call_id": "call-2", "content": "noon"},
            {"role": "tool", "tool_call_id": "call-1", "content": '{"sky": "blue"}'},
            {"role": "user", "content": "Thanks"},
        ]
    )

    _, calls, answers, _ = request["contents"]
    assert calls == {
        "role": "model",
        "parts": [
            {"functionCall": {"name": "weather", "args": {"city": "Paris"}, "id": "call-1"}},
            {"functionCall": {"name": "clock", "id": "call-2"}},
        ],
    }
    assert answers == {
        "role": "user",
        "parts": [
            {"functionResponse": {"name": "clock", "response": {"output": "noon"}, "id": "call-2"}},
            {"functionResponse": {"name": "weather", "response": {"sky": "blue"}, "id": "call-1"}},
        ],
    }


def test_the_deprecated_function_messages_are_understood(translate: Translate) -> None:
    request = translate(
        messages=[
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}"}},
            {"role": "function", "name": "weather", "content": "[1, 2]"},
        ]
    )

    _, call, response = request["contents"]
    assert call["parts"] == [{"functionCall": {"name": "weather", "args": {}}}]
    assert response["parts"] == [{"functionResponse": {"name": "weather", "response": {"output": "[1, 2]"}}}]


def test_thought_signatures_come_back_on_their_parts(translate: Translate) -> None:
    signed = {"extra_content": {"google": {"thought_signature": "c2lnbmVk"}}}

    request = translate(
        messages=[
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": "Let me see", "tool_calls": [CALL | signed]} | signed,
            {"role": "tool", "tool_call_id": "call-1", "content": "fine"},
        ]
    )

    assert [part["thoughtSignature"] for part in request["contents"][1]["parts"]] == ["c2lnbmVk"] * 2


@pytest.mark.parametrize("content", [None, "", []])
def test_an_answer_of_nothing_is_an_empty_text(translate: Translate, content: Any) -> None:
    request = translate(messages=[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": content}])

    assert request["contents"][1] == {"role": "model", "parts": [{"text": ""}]}


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"role": "oracle", "content": "x"}, "messages[0].role"),
        ({"role": "user"}, "messages[0].content"),
        ({"role": "system", "content": None}, "messages[0].content"),
        ({"role": "tool", "tool_call_id": "none", "content": "x"}, "messages[0].tool_call_id"),
        ({"role": "assistant", "tool_calls": [{"type": "custom"}]}, "messages[0].tool_calls[0].function"),
        (
            {"role": "assistant", "function_call": {"name": "f", "arguments": "[1]"}},
            "messages[0].function_call.arguments",
        ),
        (
            {"role": "assistant", "function_call": {"name": "f", "arguments": "[" * 5000}},
            "messages[0].function_call.arguments",
        ),
        (
            {"role": "assistant", "function_call": {"name": "f", "arguments": '{"a":' * 300 + "1" + "}" * 300}},
            "messages[0].function_call.arguments",
        ),
        (
            {"role": "assistant", "content": "x", "extra_content": {"google": {"thought_signature": "?"}}},
            "messages[0].extra_content.google.thought_signature",
        ),
    ],
)
def test_messages_without_a_meaning_are_refused_by_their_path(
    translate: Translate, message: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidArgument, match="Invalid value at") as caught:
        translate(messages=[message])

    assert f"'{field}'" in caught.value.message
