from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geminid.errors import InvalidArgument
from geminid.wire.lenient import parse

PREFIX = "Invalid JSON payload received. "


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", {}),
        (" \n", {}),
        ('{"a": 1,}', {"a": 1}),
        ("[1, [2,],]", [1, [2]]),
        ("{a: 1, $b_2: 2, nullable: 3}", {"a": 1, "$b_2": 2, "nullable": 3}),
        ("{'a': 'it\\'s \"so\"'}", {"a": 'it\'s "so"'}),
        ('"a\nb\tc\x00d"', "a\nb\tc\x00d"),
        (r'"\"\\\/\b\f\n\r\t\v\q"', '"\\/\b\f\n\r\t\vq'),
        (r'"\u00e9\u0000\ud83d\ude00"', "é\x00😀"),
        ("[true, false, null]", [True, False, None]),
        ("[0, -1, 1.5, 1., 1e3, -0.5E-2]", [0, -1, 1.5, 1.0, 1000.0, -0.005]),
        ("1" * 30, float("1" * 30)),
    ],
)
def test_what_goes_beyond_json_is_read(text: str, value: Any) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a": NaN}', 'Unexpected token.\n{"a": NaN}\n      ^'),
        ("{model:gemini-3.5-flash,messages:[]}", "Unexpected token.\n{model:gemini-3.5-flash,mes\n       ^"),
        ("not json", "Unexpected token.\nnot json\n^"),
        ("[,]", "Unexpected token.\n[,]\n ^"),
        ("%", "Expected a value.\n%\n^"),
        ("[%", "Expected a value or ] within an array.\n[%\n ^"),
        ("{,}", "Expected an object key or }.\n{,}\n ^"),
        ("{true: 1}", "Expected an object key or }.\n{true: 1}\n ^"),
        ('{"a" 1}', 'Expected : between key:value pair.\n{"a" 1}\n     ^'),
        ("{a: 1 b: 2}", "Expected , or } after key:value pair.\n{a: 1 b: 2}\n      ^"),
        ("[1 2]", "Expected , or ] after array value.\n[1 2]\n   ^"),
        ("[1", "Unexpected end of string. Expected , or ] after array value.\n[1\n  ^"),
        ('{"a":', 'Unexpected end of string. Expected a value.\n{"a":\n     ^'),
        ('"abc', 'Closing quote expected in string.\n"abc\n    ^'),
        (r'"\u00g0"', 'Invalid escape sequence.\n"\\u00g0"\n ^'),
        (r'"\ud83d"', 'Missing low surrogate.\n"\\ud83d"\n^'),
        ("{} {}", "Parsing terminated before end of input.\n{} {}\n   ^"),
        ("010", "Octal/hex numbers are not valid JSON values.\n010\n^"),
        ("-", "Unable to parse number.\n-\n^"),
        ("1e999", "Number exceeds the range of double.\n1e999\n^"),
        ("1" * 5000, "Unable to parse number.\n11111111111111111111\n^"),
        ("{a: 1, a: 2}", 'Duplicate name "a" in an object.\n{a: 1, a: 2}\n        ^'),
    ],
)
def test_errors_say_what_was_expected_and_show_where(text: str, problem: str) -> None:
    with pytest.raises(InvalidArgument) as error:
        parse(text)

    assert error.value.message == PREFIX + problem


def test_no_more_than_twenty_characters_are_shown_on_either_side() -> None:
    with pytest.raises(InvalidArgument) as error:
        parse('{"text": "' + "x" * 100 + '" oops: "' + "y" * 100 + '"}')

    assert error.value.message.split("\n")[1:] == [
        'xxxxxxxxxxxxxxxxxx" oops: "yyyyyyyyyyyyyyy'[:40],
        " " * 20 + "^",
    ]


@pytest.mark.parametrize("start", ["[", '{"a":', "[{'a':["])
def test_nesting_ends_at_a_hundred(start: str) -> None:
    with pytest.raises(InvalidArgument, match=r"Message too deep\. Max recursion depth reached for key"):
        parse(start * 100_000)


def test_a_hundred_levels_are_read() -> None:
    assert json.dumps(parse("[" * 100 + "]" * 100)) == "[" * 100 + "]" * 100


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)  # fmt: skip


@given(json_values, st.booleans())
def test_json_is_read_as_json(value: Any, ascii_only: bool) -> None:
    assert parse(json.dumps(value, ensure_ascii=ascii_only, indent=1)) == value


def parse_or_refuse(text: str) -> None:
    """Anything else that is raised fails the test."""
    with contextlib.suppress(InvalidArgument):
        parse(text)


@given(st.text(alphabet="{}[]:,'\"\\u0d8n-1.e+x truefalsnl$\n\x00é") | st.text())
def test_any_text_is_a_value_or_an_invalid_argument(text: str) -> None:
    parse_or_refuse(text)


@given(json_values, st.data())
def test_any_damaged_json_is_a_value_or_an_invalid_argument(value: Any, data: st.DataObject) -> None:
    text = json.dumps(value)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    parse_or_refuse(text[:start] + data.draw(st.text(max_size=3)) + text[end:])


def seconds_to_parse(text: str) -> float:
    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        parse_or_refuse(text)
        best = min(best, time.process_time() - started)
    return best


@pytest.mark.parametrize(
    ("start", "repeated"),
    [
        ('"', r"\n"),
        ('"', r"\\"),
        ('"', r"\u0041"),
        ('"', "x"),
        ("'", '"'),
        ("[", "1,"),
        ("[", "'',"),
        ("[", "[],"),
        ("{a:", " "),
        ("", "-"),
        ("", "1"),
        ("", "{"),
    ],
)
def test_time_grows_with_the_length_and_not_with_its_square(start: str, repeated: str) -> None:
    short = seconds_to_parse(start + repeated * 4_000)
    long = seconds_to_parse(start + repeated * 40_000)

    assert long < 50 * max(short, 1e-4)
