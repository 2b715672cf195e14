"""What an answer may be, in the words of each kind of server; and for small models an end to it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from geminid.engines.bounds import Bounds
from geminid.engines.chat_form import Form
from geminid.engines.dialects import DIALECTS, GENERIC, LLAMA, VLLM, Dialect
from geminid.generation import Calling, Choices, Constraint, Function, Generation, JsonSchema, Text, Tools, Turn
from geminid.grammar import grammar_of

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
DIARY = JsonSchema({"type": "array", "items": {"type": "string"}})
YES_NO = Choices(("yes", "no (really)"))
REGEX = r"(yes|no \(really\))"
OPENAI_DIARY = {
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": DIARY.schema, "strict": True},
    }
}


def tools(calling: Calling) -> Tools:
    return Tools((Function("weather", "Tells the weather.", CITY),), calling, frozenset({"weather"}))


def asking(constraint: Constraint | None = None, tools: Tools | None = None) -> Generation:
    return Generation((Turn("user", (Text("Hello"),)),), constraint=constraint, tools=tools)


@pytest.mark.parametrize(
    ("dialect", "constraint", "told"),
    [
        ("llama", DIARY, {"grammar": grammar_of(DIARY, None)}),
        ("llama", YES_NO, {"grammar": grammar_of(YES_NO, None)}),
        ("vllm", DIARY, {"structured_outputs": {"json": DIARY.schema}}),
        ("vllm", YES_NO, {"structured_outputs": {"choice": ["yes", "no (really)"]}}),
        ("sglang", DIARY, OPENAI_DIARY),
        ("sglang", YES_NO, {"regex": REGEX}),
        ("tgi", DIARY, {"response_format": {"type": "json_object", "value": DIARY.schema}}),
        ("tgi", YES_NO, {"response_format": {"type": "regex", "value": REGEX}}),
        ("lmstudio", DIARY, OPENAI_DIARY),
        ("ollama", DIARY, OPENAI_DIARY),
        ("generic", DIARY, OPENAI_DIARY),
        ("generic", JsonSchema({}), {"response_format": {"type": "json_object"}}),
        ("generic", None, {}),
        ("llama", None, {}),
    ],
)
def test_a_constraint_in_the_words_of_each_server(
    dialect: str, constraint: Constraint | None, told: dict[str, Any]
) -> None:
    assert Form(constraint, None).told(DIALECTS[dialect]) == told


def test_a_constraint_beside_functions() -> None:
    form = Form(DIARY, tools(Calling.AUTO))

    assert form.told(LLAMA) == {"grammar": grammar_of(DIARY, form.tools)}
    assert form.told(VLLM) == {}
    assert form.told(GENERIC) == OPENAI_DIARY


@pytest.mark.parametrize("dialect", [VLLM, GENERIC])
def test_where_there_will_be_no_text_nothing_is_told_of_it(dialect: Dialect) -> None:
    assert Form(DIARY, tools(Calling.ANY)).told(dialect) == {}


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
def test_small_models_are_bounded(dialect: Dialect) -> None:
    told = json.dumps(Form.of(asking(DIARY), Bounds(items=7, text=11)).told(dialect))

    assert 'maxItems\\": 7' in told or '"maxItems": 7' in told
    assert 'maxLength\\": 11' in told or '"maxLength": 11' in told


def test_small_models_make_one_call() -> None:
    grammar = str(Form.of(asking(tools=tools(Calling.ANY)), Bounds(text=11)).grammar)

    assert '"maxLength": 11' in grammar
    assert "{0," not in grammar.partition("arguments_0:")[0]


DEEPER = {
    "$ref": "#/$defs/node",
    "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}, "required": ["next"]}},
}
LARGE = {"type": "object", "properties": {f"property{number}": {"type": "string"} for number in range(20_001)}}


@pytest.mark.parametrize("schema", [DEEPER, LARGE], ids=["too deep", "too large"])
def test_a_schema_of_which_the_bounds_leave_nothing_stays_as_it_is(schema: dict[str, Any]) -> None:
    constraint = JsonSchema(schema)

    assert Form.of(asking(constraint), Bounds()) == Form(constraint, None)
