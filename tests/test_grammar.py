from __future__ import annotations

import json
from typing import Any

import pytest

from geminid.generation import Calling, Choices, Function, JsonSchema, Tools
from geminid.grammar import Unusable, check, example, grammar_of, grammar_of_arguments

CITY = Function(
    "weather", "", {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
)
TIME = Function("time.now", "", {"type": "object", "properties": {}, "additionalProperties": False})


def tools(calling: Calling, *allowed: str) -> Tools:
    return Tools((CITY, TIME), calling, frozenset(allowed or ("weather", "time.now")))


def example_of(schema: dict[str, Any]) -> Any:
    grammar = grammar_of(JsonSchema(schema), None)
    assert grammar
    check(grammar)
    return json.loads(example(grammar))


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, "1"),
        ({"type": "integer", "minimum": 7}, 11),
        ({"enum": ["x", "y"]}, "x"),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [False, False]),
        ({"type": "string", "pattern": "^[A-Z]{3}-\\d{4}$"}, "AAA-1111"),
        ({"type": "string", "format": "email"}, "1111@1111.1111.1111.1111.AA"),
        ({"type": "string", "format": "date-time"}, "1111-11-11T11:11:11Z"),
        ({"type": "string", "format": "duration"}, "P111D"),
    ],
)
def test_an_example_is_short_and_always_the_same(schema: dict[str, Any], value: Any) -> None:
    assert example_of(schema) == value


def test_properties_come_in_the_order_of_the_schema() -> None:
    properties = {name: {"type": "integer"} for name in "cab"}

    assert list(example_of({"type": "object", "properties": properties, "required": ["a", "b", "c"]})) == list(
        "cab"
    )


@pytest.mark.parametrize(
    "schema", [{"$ref": "#"}, {"type": "integer", "minimum": 5, "maximum": 3}, {"not": {}}, {"pattern": "(a)\\1"}]
)
def test_what_cannot_be_satisfied_or_compiled_is_unusable(schema: dict[str, Any]) -> None:
    with pytest.raises(Unusable):
        example_of(schema)


def test_a_choice_is_bare() -> None:
    grammar = grammar_of(Choices(('say "hi"\n', "é")), None)

    assert grammar
    assert example(grammar) in ('say "hi"\n', "é")


def test_free_text_has_no_grammar() -> None:
    assert grammar_of(None, None) is None


def test_mode_any_calls() -> None:
    grammar = grammar_of(None, tools(Calling.ANY, "time.now"))

    assert grammar
    assert example(grammar) == '<tool_call>\n{"name": "time.now", "arguments": {}}\n</tool_call>'


@pytest.mark.parametrize("calling", [Calling.AUTO, Calling.VALIDATED])
def test_other_modes_may_say_nothing(calling: Calling) -> None:
    grammar = grammar_of(None, tools(calling))

    assert grammar
    assert example(grammar) == ""


def test_beside_tools_a_schema_holds_for_the_text() -> None:
    grammar = grammar_of(JsonSchema({"type": "integer"}), tools(Calling.AUTO))

    assert grammar
    assert example(grammar) == "1"


def test_arguments_are_examples_of_the_parameters() -> None:
    assert json.loads(example(grammar_of_arguments(CITY))) == {"city": "1"}
