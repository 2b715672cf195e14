from __future__ import annotations

from typing import Any

import pytest

from geminid.errors import InvalidArgument
from geminid.wire import dialect
from geminid.wire.conform import conform
from geminid.wire.content import Content, Part
from geminid.wire.generation import GenerateContentRequest, GenerationConfig
from geminid.wire.message import Message, describe
from geminid.wire.tokens import CountTokensRequest

ROWS = [(cls, name) for cls, names in dialect.IGNORED.items() for name in sorted(names)]


@pytest.mark.parametrize(("cls", "name"), ROWS, ids=lambda value: getattr(value, "proto_name", value))
def test_names_of_other_dialects_are_passed_over(cls: type[Message], name: str) -> None:
    head, *tail = name.split("_")
    camel_case = head + "".join(word.capitalize() for word in tail)

    for spelling in (name, camel_case):
        assert conform(cls, {spelling: {"anything": [1]}}, "v1") == cls()


@pytest.mark.parametrize(("cls", "name"), ROWS, ids=lambda value: getattr(value, "proto_name", value))
def test_no_declared_field_is_passed_over(cls: type[Message], name: str) -> None:
    assert name not in describe(cls).by_name


def test_names_are_passed_over_in_their_own_message_only() -> None:
    with pytest.raises(InvalidArgument, match="mcpServers"):
        conform(GenerateContentRequest, {"mcpServers": []}, "v1")


def test_the_request_inside_a_count_is_what_is_counted() -> None:
    inner: dict[str, Any] = {
        "model": "models/gemini-1.5-flash",
        "contents": [{"parts": [{"text": "hi"}]}],
        "safetySettings": [],
        "generationConfig": {},
    }

    request = conform(CountTokensRequest, {"generateContentRequest": inner}, "v1")

    assert request == CountTokensRequest(
        model="models/gemini-1.5-flash",
        contents=[Content(parts=[Part(text="hi")])],
        generation_config=GenerationConfig(),
    )


def test_what_is_wrong_inside_is_told_with_its_path() -> None:
    with pytest.raises(InvalidArgument, match="at 'generate_content_request': Cannot find field"):
        conform(CountTokensRequest, {"generateContentRequest": {"foo": 1}}, "v1")
