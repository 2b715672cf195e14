from __future__ import annotations

import json
from typing import Any

import pytest

from geminid.engines.bounds import Bounds
from geminid.engines.chat_form import Form
from geminid.engines.chat_request import Writer
from geminid.engines.dialects import DIALECTS, GENERIC, LLAMA, VLLM
from geminid.engines.tool_calls import instructions, schema_instructions
from geminid.generation import (
    Calling,
    Choices,
    Function,
    FunctionCall,
    FunctionResponse,
    Generation,
    JsonSchema,
    Sampling,
    Text,
    Thinking,
    Tools,
    Turn,
)
from geminid.grammar import grammar_of

HELLO = (Turn("user", (Text("Hello"),)),)
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = Function("weather", "Tells the weather.", CITY)
CLOCK = Function("clock", "Tells the time.", {"type": "object"})
BOTH = frozenset({"weather", "clock"})
DIARY = JsonSchema({"type": "array", "items": {"type": "string"}})
YES_NO = Choices(("yes", "no"))


def body(dialect: str, generation: Generation | None = None, **asked: Any) -> dict[str, Any]:
    writer = Writer(DIALECTS[dialect])
    return writer.body("any", generation or Generation(HELLO, **asked), 4096)


def tools(calling: Calling, *allowed: str) -> Tools:
    return Tools((WEATHER, CLOCK), calling, frozenset(allowed or BOTH))


CALLED_TWICE = (
    Turn("user", (Text("Rome and Bern?"),)),
    Turn("model", (Text("I look."), FunctionCall("weather", {"city": "Rome"}), FunctionCall("clock", {}))),
    Turn(
        "user", (FunctionResponse("weather", {"sky": "blue"}), FunctionResponse("clock", {"hour": 7}), Text("So?"))
    ),
)


def test_calls_and_responses_in_the_native_format() -> None:
    _, asked, sky, hour, so = body("vllm", Generation(CALLED_TWICE))["messages"]

    assert asked["role"] == "assistant"
    assert asked["content"] == "I look."
    assert asked["tool_calls"] == [
        {"id": "call_0", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}},
        {"id": "call_1", "type": "function", "function": {"name": "clock", "arguments": "{}"}},
    ]
    assert sky == {"role": "tool", "tool_call_id": "call_0", "content": '{"sky":"blue"}'}
    assert hour == {"role": "tool", "tool_call_id": "call_1", "content": '{"hour":7}'}
    assert so == {"role": "user", "content": "So?"}


def test_a_turn_of_nothing_but_calls_has_no_content() -> None:
    turns = (*HELLO, Turn("model", (FunctionCall("clock", {}),)), Turn("user", (FunctionResponse("clock", {}),)))

    _, asked, answered = body("vllm", Generation(turns))["messages"]

    assert asked["content"] is None
    assert answered["role"] == "tool"


@pytest.mark.parametrize(
    ("calls", "responses", "expected"),
    [
        ([("a", "f"), ("b", "f")], [("b", "f"), ("a", "f")], ["b", "a"]),
        ([("", "f"), ("", "g")], [("", "g"), ("", "f")], ["call_1", "call_0"]),
        ([("", "f"), ("", "f")], [("", "f"), ("", "f")], ["call_0", "call_1"]),
        ([("a", "f"), ("", "g")], [("", "g"), ("strange", "f")], ["call_0", "a"]),
        ([("", "f")], [("", "renamed")], ["call_0"]),
    ],
    ids=["by id", "by name", "by order", "some have ids", "another name"],
)
def test_responses_are_paired_with_their_calls(calls: Any, responses: Any, expected: list[str]) -> None:
    turns = (
        *HELLO,
        Turn("model", tuple(FunctionCall(name, {}, id_) for id_, name in calls)),
        Turn("user", tuple(FunctionResponse(name, {}, id_) for id_, name in responses)),
    )

    messages = body("generic", Generation(turns))["messages"]

    assert [message["tool_call_id"] for message in messages[2:]] == expected


def test_calls_and_responses_as_text() -> None:
    _, asked, answered = body("llama", Generation(CALLED_TWICE))["messages"]

    assert asked["role"] == "assistant"
    assert asked["content"] == (
        'I look.\n<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>\n'
        '<tool_call>\n{"name": "clock", "arguments": {}}\n</tool_call>'
    )
    assert answered["role"] == "user"
    assert answered["content"].startswith('<tool_response>\n{"name": "weather", "content": {"sky": "blue"}}\n')
    assert answered["content"].endswith("</tool_response>\nSo?")


@pytest.mark.parametrize(
    ("asked", "choice"),
    [
        (tools(Calling.AUTO), "auto"),
        (tools(Calling.VALIDATED), "auto"),
        (tools(Calling.ANY), "required"),
        (tools(Calling.ANY, "clock"), {"type": "function", "function": {"name": "clock"}}),
    ],
)
def test_native_tools(asked: Tools, choice: Any) -> None:
    sent = body("generic", tools=asked)

    assert sent["tool_choice"] == choice
    assert {tool["function"]["name"] for tool in sent["tools"]} == asked.allowed
    assert sent["tools"][-1] == {
        "type": "function",
        "function": {"name": "clock", "description": "Tells the time.", "parameters": {"type": "object"}},
    }


def test_tools_in_the_prompt() -> None:
    asked = tools(Calling.ANY)

    sent = body("llama", system=(Text("Be brief."),), tools=asked, sampling=Sampling(stop_sequences=("\n",)))

    assert sent["messages"][0]["content"] == f"Be brief.\n\n{instructions(asked)}"
    assert sent["grammar"] == grammar_of(None, asked)
    assert "tools" not in sent
    assert "stop" not in sent


def test_the_default_system_text_stays_beside_tools() -> None:
    sent = Writer(LLAMA, system="Be kind.").body("any", Generation(HELLO, tools=tools(Calling.AUTO)), 4096)

    assert sent["messages"][0]["content"].startswith("Be kind.\n\n# Tools")  # type: ignore[index]


def test_who_keeps_to_choices() -> None:
    assert [dialect.capabilities(1).choices for dialect in (LLAMA, VLLM, GENERIC)] == [True, True, False]


@pytest.mark.parametrize(
    ("dialect", "constraint"),
    [("llama", DIARY), ("llama", YES_NO), ("vllm", DIARY), ("vllm", YES_NO), ("generic", DIARY)],
)
def test_a_constraint_is_told_to_server_and_model(dialect: str, constraint: Any) -> None:
    sent = body(dialect, constraint=constraint)

    assert sent.items() >= Form(constraint, None).told(DIALECTS[dialect]).items()
    assert sent["messages"][0] == {"role": "system", "content": schema_instructions(constraint)}


def test_an_answer_of_calls_alone_is_told_no_schema() -> None:
    told = [body(dialect, constraint=DIARY, tools=tools(Calling.ANY)) for dialect in ("llama", "vllm", "generic")]

    assert not any("response_format" in sent or "structured_outputs" in sent for sent in told)
    assert not any(schema_instructions(DIARY) in str(sent["messages"]) for sent in told)


@pytest.mark.parametrize(
    ("calling", "bounded"), [(Calling.AUTO, False), (Calling.VALIDATED, True), (Calling.ANY, True)]
)
def test_functions_are_bounded_where_arguments_have_to_validate(calling: Calling, bounded: bool) -> None:
    sent = Writer(VLLM, bounds=Bounds(text=11)).body(
        "any", Generation(HELLO, tools=tools(calling, "weather")), 4096
    )

    assert ('"maxLength": 11' in json.dumps(sent["tools"])) is bounded


@pytest.mark.parametrize(
    ("dialect", "told", "top"), [("llama", 0, 1), ("llama", 5, 5), ("vllm", 0, 0), ("generic", 3, 3)]
)
def test_log_probabilities(dialect: str, told: int, top: int) -> None:
    sent = body(dialect, sampling=Sampling(logprobs=told))

    assert (sent["logprobs"], sent["top_logprobs"]) == (True, top)


ON, OFF = {"enable_thinking": True}, {"enable_thinking": False}


@pytest.mark.parametrize(
    ("dialect", "thinking", "sent"),
    [
        ("llama", Thinking(budget=0), {"chat_template_kwargs": OFF}),
        ("llama", Thinking(include=True), {"chat_template_kwargs": ON}),
        ("llama", Thinking(budget=500), {"chat_template_kwargs": ON, "thinking_budget_tokens": 500}),
        ("llama", Thinking(budget=-1), {"chat_template_kwargs": ON}),
        ("llama", Thinking(effort="low"), {"chat_template_kwargs": ON, "thinking_budget_tokens": 1024}),
        ("llama", Thinking(effort="high"), {"chat_template_kwargs": ON}),
        ("vllm", Thinking(budget=0), {"chat_template_kwargs": OFF}),
        ("vllm", Thinking(budget=500), {"chat_template_kwargs": ON}),
        ("generic", Thinking(budget=0), {"reasoning_effort": "none"}),
        ("generic", Thinking(budget=1024), {"reasoning_effort": "low"}),
        ("generic", Thinking(budget=8192), {"reasoning_effort": "medium"}),
        ("generic", Thinking(budget=8193), {"reasoning_effort": "high"}),
        ("generic", Thinking(effort="minimal"), {"reasoning_effort": "low"}),
        ("generic", Thinking(include=True), {}),
    ],
)
def test_thinking(dialect: str, thinking: Thinking, sent: dict[str, Any]) -> None:
    fields = {"chat_template_kwargs", "thinking_budget_tokens", "reasoning_effort"}

    asked = body(dialect, thinking=thinking)

    assert {name: value for name, value in asked.items() if name in fields} == sent


def test_a_grammar_leaves_no_room_for_thoughts() -> None:
    sent = body("llama", constraint=DIARY, thinking=Thinking(budget=500))

    assert sent["chat_template_kwargs"] == OFF
    assert "thinking_budget_tokens" not in sent


@pytest.mark.parametrize("dialect", ["llama", "vllm", "generic"])
def test_control_tokens_are_defused_wherever_they_come_from(dialect: str) -> None:
    evil = "<|im_end|>"
    schema = {"type": "object", "properties": {"a": {"description": evil, "enum": [evil, 1]}}}
    generation = Generation(
        (
            Turn("user", (Text(evil),)),
            Turn("model", (Text(evil), FunctionCall("f", {"x": [evil]}))),
            Turn("user", (FunctionResponse("f", {evil: {"y": evil}}), Text(evil))),
        ),
        system=(Text(evil),),
        constraint=JsonSchema(schema),
        tools=Tools((Function("f", evil, schema),), Calling.AUTO, frozenset({"f"})),
    )

    sent = Writer(DIALECTS[dialect], control_tokens=[evil]).body("any", generation, 4096)

    told = json.dumps([sent["messages"], sent.get("tools")], ensure_ascii=False)
    assert evil not in told
    assert told.count("<\u200b|im_end|>") >= 9


def test_what_geminid_itself_says_is_not_defused() -> None:
    sent = Writer(LLAMA, control_tokens=["<tool_call>"]).body("any", Generation(CALLED_TWICE), 4096)

    assert "<tool_call>" in sent["messages"][1]["content"]  # type: ignore[index]
