from __future__ import annotations

import json
import time
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from llguidance import LLMatcher, LLTokenizer

from geminid import grammar
from geminid.engines.tool_calls import CallReader, answered, instructions, schema_instructions, written
from geminid.generation import Calling, Choices, Function, FunctionCall, FunctionResponse, JsonSchema, Tools
from geminid.grammar import CALL_OPENS

WEATHER = Function(
    "weather", "Tells the weather — today's.", {"type": "object", "properties": {"city": {"type": "string"}}}
)
CLOCK = Function("clock", "", {"type": "object"})
ROME = FunctionCall("weather", {"city": "Rome"})
BERN = FunctionCall("weather", {"city": "Bern"})


def tools(calling: Calling, *allowed: str) -> Tools:
    return Tools((WEATHER, CLOCK), calling, frozenset(allowed or ("weather", "clock")))


def read(*chunks: str, complete: bool = True) -> tuple[str, list[FunctionCall], str | None]:
    """The text, the calls and the offending text of an answer."""
    reader = CallReader()
    text = "".join(map(reader.feed, chunks)) + reader.flush()
    return text, *reader.calls(complete)


def test_functions_are_told_one_a_line() -> None:
    lines = instructions(tools(Calling.AUTO)).splitlines()

    declared = lines[lines.index("<tools>") + 1 : lines.index("</tools>")]
    assert [json.loads(line) for line in declared] == [
        {"name": "weather", "description": "Tells the weather — today's.", "parameters": WEATHER.parameters},
        {"name": "clock", "parameters": {"type": "object"}},
    ]
    assert "— today's" in declared[0]


def test_functions_that_may_not_be_called_are_not_told() -> None:
    told = instructions(tools(Calling.ANY, "clock"))

    assert "weather" not in told
    assert '"clock"' in told


def test_the_model_is_shown_how_a_call_is_written() -> None:
    shown = (
        '<tool_call>\n{"name": <name of the function>, "arguments": <JSON object of its arguments>}\n</tool_call>'
    )

    assert shown in instructions(tools(Calling.VALIDATED))


def test_only_a_model_that_must_call_is_told_so() -> None:
    assert "nothing else" in instructions(tools(Calling.ANY))
    assert "nothing else" not in instructions(tools(Calling.AUTO))


@pytest.mark.parametrize(
    ("constraint", "told"),
    [
        (JsonSchema({}), "one JSON value and nothing else"),
        (
            JsonSchema({"type": "string", "title": "Größe"}),
            '<schema>\n{"type": "string", "title": "Größe"}\n</schema>',
        ),
        (Choices(("yes", "not yet")), "exactly one of these, and nothing else:\nyes\nnot yet"),
    ],
)
def test_the_model_is_told_the_form_of_its_answer(constraint: JsonSchema | Choices, told: str) -> None:
    assert told in schema_instructions(constraint)


def test_calls_and_responses_of_earlier_turns_are_written_as_the_model_writes_them() -> None:
    response = FunctionResponse("weather", {"sky": "blau-weiß"}, "id-1")

    assert written(ROME) == '<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n</tool_call>'
    assert (
        answered(response)
        == '<tool_response>\n{"name": "weather", "content": {"sky": "blau-weiß"}}\n</tool_response>'
    )


def test_what_is_written_is_what_the_grammar_has() -> None:
    text = written(ROME) + "\n" + written(BERN)
    matcher = LLMatcher(LLTokenizer("byte"), grammar.grammar_of(None, tools(Calling.ANY)))

    assert all(matcher.consume_token(byte) for byte in text.encode())
    assert matcher.is_accepting()


def test_calls_are_read_after_the_text() -> None:
    assert read("Let me see.\n" + written(ROME) + "\n" + written(BERN)) == ("Let me see.", [ROME, BERN], None)


def test_text_without_a_call_is_passed_on_whole() -> None:
    assert read("if a <tool", " and b <", "tool_calls are\n\n") == (
        "if a <tool and b <tool_calls are\n\n",
        [],
        None,
    )


def test_text_is_passed_on_at_once() -> None:
    reader = CallReader()

    assert reader.feed("The sky is") == "The sky is"
    assert reader.feed(" blue <b>now <to") == " blue <b>now"
    assert reader.feed("day") == " <today"


def test_a_model_that_writes_only_white_space_is_heard() -> None:
    reader = CallReader()

    assert reader.feed(" " * 100) == " " * 84


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name":"weather","arguments":{"city":"Rome"}}</tool_call>',
        '<tool_call>\n\n {"arguments": {"city": "Rome"}, "name": "weather"} \n </tool_call>\n\n',
        '<tool_call>\n{"name": "weather", "parameters": {"city": "Rome"}}\n</tool_call>',
        '<tool_call>\n{"name": "weather", "arguments": {"city": "Rome"}}\n',
        '<tool_call>\n{"name": "weather", "arguments": {"city": "\\u0052ome"}}',
    ],
)
def test_a_call_may_be_written_in_other_ways(text: str) -> None:
    assert read(text) == ("", [ROME], None)


def test_tags_within_arguments_are_text() -> None:
    call = FunctionCall("say", {"text": "</tool_call> <tool_call> } \n"})

    assert read(written(call)) == ("", [call], None)


@pytest.mark.parametrize(
    "wrong",
    [
        "<tool_call>\nweather(Rome)\n</tool_call>",
        '<tool_call>\n{"name": "weather"}\n</tool_call>',
        '<tool_call>\n{"name": 3, "arguments": {}}\n</tool_call>',
        '<tool_call>\n{"name": "weather", "arguments": "Rome"}\n</tool_call>',
        '<tool_call>\n["weather", {}]\n</tool_call>',
        '<tool_call>\n{"name": "weather", "arguments": {}} or so\n</tool_call>',
        '<tool_call>\n{"name": "weather", "arguments": {"city": "Ro',
        '<tool_call>\n{"name": "weather", "arguments": {"degrees": NaN}}\n</tool_call>',
        '<tool_call>\n{"name": "weather", "arguments": {"degrees": 1e999}}\n</tool_call>',
        '<tool_call>\n{"name": "weather", "arguments": {"city": "\\ud83d"}}\n</tool_call>',
        "<tool_call>",
        "and that was it.",
    ],
)
def test_what_is_no_call_is_told_with_the_calls_before_it(wrong: str) -> None:
    assert read(written(ROME) + "\n" + wrong) == ("", [ROME], wrong)


def test_a_last_call_that_was_cut_off_is_no_fault() -> None:
    cut = written(BERN)[:40]

    assert read(written(ROME), "\n", cut, complete=False) == ("", [ROME], None)


def test_a_closed_call_that_is_none_is_a_fault_also_where_the_answer_was_cut_off() -> None:
    wrong = "<tool_call>weather</tool_call><tool_call>"

    assert read(wrong, complete=False) == ("", [], wrong)


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>" + "[" * 1_000_000,
        "<tool_call>" + '{"a":' * 200_000,
        '<tool_call>{"name": "' + "\\" * 1_000_000,
        "<tool_call>" * 100_000,
        "<tool_call>" + " " * 1_000_000,
        "<" * 1_000_000,
        " " * 1_000_000,
        (written(ROME) + "\n") * 14_000,
        '<tool_call>{"name": "n", "arguments": {"n": ' + "9" * 1_000_000,
    ],
    ids=["brackets", "braces", "backslashes", "tags", "gap", "angles", "space", "calls", "digits"],
)
def test_whatever_the_model_wrote_is_read_in_linear_time(text: str) -> None:
    began = time.process_time()

    read(*(text[at : at + 8] for at in range(0, len(text), 8)))

    assert time.process_time() - began < 5  # half a second on a machine at rest; in squares it would be hours


ARGUMENTS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.text(max_size=5), st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=4), max_size=3
)


@given(st.text("ab <tol_c>\n", max_size=30), st.lists(ARGUMENTS, max_size=3), st.data())
def test_the_result_does_not_depend_on_where_chunks_are_cut(
    text: str, arguments: list[dict[str, Any]], data: st.DataObject
) -> None:
    assume(CALL_OPENS not in text)
    calls = [FunctionCall("f", args) for args in arguments]
    answer = text + "\n".join(map(written, calls))
    places = sorted(data.draw(st.lists(st.integers(0, len(answer)), max_size=6)))

    said, found, wrong = read(*(answer[start:end] for start, end in pairwise([0, *places, len(answer)])))

    assert (said.rstrip(), found, wrong) == (text.rstrip(), calls, None)
