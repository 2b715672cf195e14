"""Also that llguidance keeps to the bounds as they are given to it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from llguidance import LLMatcher, LLTokenizer

from geminid import grammar
from geminid.engines.bounds import Bounds
from geminid.generation import JsonSchema

BOUNDS = Bounds(text=10, key=4, properties=2, digits=3, fraction=2)


def follows(schema: dict[str, Any], text: str) -> bool:
    """Whether llguidance lets a text pass."""
    matcher = LLMatcher(LLTokenizer("byte"), grammar.grammar_of(JsonSchema(schema), None))
    assert not matcher.is_error(), matcher.get_error()
    return all(matcher.consume_token(byte) for byte in text.encode()) and matcher.is_accepting()


@pytest.mark.parametrize(
    ("given", "longest"),
    [
        ({}, 10),
        ({"minLength": 3}, 10),
        ({"minLength": 12}, 12),
        ({"maxLength": 500}, 500),
        ({"format": "email"}, 10),
        ({"format": "date-time"}, 20),
        ({"pattern": "^[a-z]+$"}, 10),
        ({"pattern": "^a{30}b*$"}, 40),
    ],
)
def test_a_string_is_as_short_as_what_is_given_allows(given: dict[str, Any], longest: int) -> None:
    assert BOUNDS.string({"type": "string", **given}) == {"type": "string", **given, "maxLength": longest}


def test_a_pattern_that_no_short_text_has_is_left_alone() -> None:
    own = {"type": "string", "pattern": "^a{5000}$"}

    assert BOUNDS.string(own) == own


@pytest.mark.parametrize(
    ("given", "bound"),
    [
        ({}, {"minimum": -999, "maximum": 999}),
        ({"minimum": 5}, {"maximum": 999}),
        ({"exclusiveMaximum": 5}, {"minimum": -999}),
        ({"minimum": 12345}, {"maximum": 99999}),
        ({"maximum": -12345}, {"minimum": -99999}),
        ({"multipleOf": 5000, "minimum": 1}, {"maximum": 9999}),
        ({"minimum": 1, "maximum": 10**9}, {}),
    ],
)
def test_an_integer_has_as_many_digits_as_it_needs(given: dict[str, Any], bound: dict[str, Any]) -> None:
    assert BOUNDS.number({"type": "integer", **given}) == {"type": "integer", **given, **bound}


@pytest.mark.parametrize(
    ("given", "bound"),
    [
        ({"minimum": 0}, {"maximum": 999, "multipleOf": 0.01}),
        ({"minimum": 0, "maximum": 1}, {"multipleOf": 0.01}),
        ({"minimum": 0.00012, "maximum": 0.00013}, {"multipleOf": 0.00001}),
        ({"exclusiveMinimum": 0, "maximum": 0.01}, {"multipleOf": 0.01}),
        ({"multipleOf": 0.5}, {"minimum": -999, "maximum": 999}),
    ],
)
def test_a_number_has_a_fraction_as_fine_as_it_needs(given: dict[str, Any], bound: dict[str, Any]) -> None:
    assert BOUNDS.number({"type": "number", **given}) == {"type": "number", **given, **bound}


@pytest.mark.parametrize(
    ("given", "integers"),
    [
        ({"maximum": -0.5}, {"minimum": -999, "maximum": -1}),
        ({"minimum": -7, "maximum": -3}, {"minimum": -7, "maximum": -3}),
    ],
)
def test_numbers_below_0_are_integers(given: dict[str, Any], integers: dict[str, Any]) -> None:
    assert BOUNDS.number({"type": "number", **given}) == {"type": "integer", **integers}


def test_where_there_are_no_integers_below_0_the_range_is_enough() -> None:
    own = {"type": "number", "minimum": -0.9, "maximum": -0.1}

    assert BOUNDS.number(own) == own


def test_a_range_that_is_finer_than_all_is_left_alone() -> None:
    own = {"type": "number", "minimum": 1e-13, "maximum": 2e-13}

    assert BOUNDS.number(own) == own


@pytest.mark.parametrize("text", ["0", "-999", "12.34", "0.50", "-1"])
def test_a_bounded_number_is_spelled_in_full(text: str) -> None:
    assert follows(BOUNDS.number({"type": "number"}), text)


@pytest.mark.parametrize("text", ["1000", "0.001", "0.5000", "1e2", "00", "999.01", "-0.01"])
def test_a_bounded_number_does_not_run_away(text: str) -> None:
    assert not follows(BOUNDS.number({"type": "number"}), text)


@pytest.mark.parametrize(
    ("text", "may"), [('"\\n\\"23456789"', True), ('"😀123456789"', True), ('"12345678901"', False)]
)
def test_the_length_of_a_string_is_counted_in_characters(text: str, may: bool) -> None:
    assert follows(BOUNDS.string({"type": "string"}), text) is may


def test_formats_and_patterns_hold_together_with_a_length() -> None:
    email = BOUNDS.string({"type": "string", "format": "email"})
    word = BOUNDS.string({"type": "string", "pattern": "^[a-z]+$"})

    assert [follows(email, text) for text in ('"a@b.example"', '"a@b.de"', '"abc"')] == [False, True, False]
    assert [follows(word, text) for text in ('"abcdefghijk"', '"abcdefghij"', '"Abc"')] == [False, True, False]


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("{}", True),
        ('{"a": 1, "b": 2}', True),
        ('{"a": 1, "b": 2, "c": 3}', False),
        ('{"four": 1}', True),
        ('{"fiver": 1}', False),
        ('{"": 1}', False),
        ('{"a": "b"}', False),
    ],
)
def test_a_map_has_few_properties_with_short_names(text: str, may: bool) -> None:
    assert follows(BOUNDS.map({"type": "object"}, {"type": "integer"}), text) is may


def test_the_most_properties_are_those_given() -> None:
    assert BOUNDS.map({"maxProperties": 7}, {})["maxProperties"] == 7
    assert BOUNDS.map({"minProperties": 5}, {})["maxProperties"] == 5


@pytest.mark.parametrize(
    "listed", [["a"], ["id", "it", "item"], ['"', "\\", "é", "😀", "a\nb"], ["a.b", "a|b", "(", "]"]]
)
def test_other_properties_have_other_names(listed: list[str]) -> None:
    own = {"properties": {name: {} for name in listed}, "required": listed}

    (pattern,) = Bounds(key=4).map(own, {})["patternProperties"]

    assert not any(re.search(pattern, name) for name in listed)
    others = ["x", "idx", "i", "ite", "items", "aa", ".", "|", "a-b", "😁", '""', "\\\\", "longer"]
    assert [name for name in others if not re.search(pattern, name) and name not in listed] == ["items", "longer"]
