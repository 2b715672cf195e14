from __future__ import annotations

import json

import pytest

from geminid.doors.openai import chat
from geminid.errors import BadRequest, InvalidArgument


def violation(body: bytes) -> tuple[str, str]:
    with pytest.raises(InvalidArgument) as caught:
        chat.decode(body)
    (detail,) = caught.value.details
    assert isinstance(detail, BadRequest)
    return detail.violations[0].field, caught.value.message


def test_unknown_parameters_are_passed_over() -> None:
    body = b"""{"model": "m", "user": "me", "store": true, "metadata": {"a": [1]}, "service_tier": "auto",
        "logit_bias": {"50256": -100}, "parallel_tool_calls": false, "prediction": {"type": "content"}}"""

    assert chat.decode(body).model == "m"


def test_null_is_absent() -> None:
    fields = set(chat.ChatRequest.__struct_fields__) - {"model", "messages"}

    request = chat.decode(json.dumps(dict.fromkeys(fields)).encode())

    assert request == chat.ChatRequest()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"temperature": "hot"}', "temperature"),
        (b'{"n": 1.5}', "n"),
        (b'{"seed": 3000000000}', "seed"),
        (b'{"top_p": 1e300}', "top_p"),
        (b'{"stop": ["a", 1]}', "stop[1]"),
        (b'{"stream": "yes"}', "stream"),
        (b'{"messages": {"role": "user"}}', "messages"),
        (b'{"messages": [{"role": "user", "content": 1}]}', "messages[0].content"),
        (
            b'{"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]}',
            "messages[0].content[0].text",
        ),
        (b'{"messages": [{}]}', "messages[0]"),
        (b'{"tools": [{"function": {}}]}', "tools[0].function"),
        (b'{"extra_body": {"google": []}}', "extra_body.google"),
        (b"[]", ""),
    ],
)
def test_a_wrong_type_is_refused_by_the_name_of_its_field(body: bytes, field: str) -> None:
    named, message = violation(body)

    assert named == field
    assert message.startswith(f"Invalid value at '{field}': " if field else "Invalid value: ")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{]",
        b'{"model": "\\ud800"}',
        b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"\xff\xfe",
        b"nonsense",
    ],
)
def test_what_is_no_json_is_refused_as_on_other_paths(body: bytes) -> None:
    _, message = violation(body)

    assert message.startswith("Invalid JSON payload received. ")


def test_a_trailing_comma_is_no_reason_to_refuse() -> None:
    assert chat.decode(b'{"model": "m", "stop": ["a",],}').stop == ["a"]


def test_the_extension_stands_at_the_top_or_in_extra_body() -> None:
    body = b"""{"google": {"cached_content": "a", "media_resolution": "b"},
        "extra_body": {"google": {"cached_content": "c"}}}"""

    assert chat.decode(body).extension == {"cached_content": "c", "media_resolution": "b"}
