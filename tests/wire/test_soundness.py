from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geminid.wire.soundness import is_crowded, is_sound


def sound(body: bytes) -> bool:
    return is_sound(body, msgspec.json.encode, msgspec.json.decode(body))


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"a": {"a": {"a": ":"}}}',
        b'[{"a": 1}, {"a": 2}]',
        rb'{"a": "\u003a", "b": "\": {\\\" ["}',
    ],
)
def test_names_may_repeat_in_different_objects(body: bytes) -> None:
    assert sound(body)


@pytest.mark.parametrize(
    "body", [b'{"a": 1, "a": 1}', b'[{"b": {"a": 1, "c": [], "a": ":"}}]', rb'{"a": 1, "\u0061": 2}']
)
def test_names_may_not_repeat_in_one_object(body: bytes) -> None:
    assert not sound(body)


def test_a_default_that_was_given_is_no_repeated_name() -> None:
    assert is_sound(b'{"role": "", "parts": []}', msgspec.json.encode, {})


@pytest.mark.parametrize(("depth", "fine"), [(100, True), (101, False)])
@pytest.mark.parametrize("padding", [0, 100_000])
def test_a_hundred_levels_are_not_too_deep(depth: int, fine: bool, padding: int) -> None:
    nested = b'{"a":[' * (depth // 2) + b"[" * (depth % 2) + b"]" * (depth % 2) + b"]}" * (depth // 2)
    body = nested + b" " * padding

    assert sound(body) is fine


def test_brackets_in_strings_do_not_nest() -> None:
    assert sound(rb'["\"", "' + rb"\\[{" * 200 + rb'\"", "' + b"[" * 200 + b'"]')


@given(st.recursive(st.text(alphabet='\\"[]{}:n', max_size=6), lambda inner: st.lists(inner, max_size=3)))
def test_depth_is_measured_outside_strings(value: Any) -> None:
    # Two hundred pairs in sequence make the closer look necessary.
    assert sound(json.dumps([value, *[[]] * 200]).encode())


def test_half_a_million_objects_are_a_crowd() -> None:
    assert is_crowded(b"[" + b"{}," * 500_001 + b"{}]")
    assert not is_crowded(b"[" + b"{}," * 499_999 + b"{}]")
    assert not is_crowded(b'"' + b"x" * 1_000_000 + b'"')
