from __future__ import annotations

import json as stdlib_json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geminid.errors import ApiError, InvalidArgument
from geminid.wire import json
from geminid.wire.caching import CachedContent, UpdateCachedContentRequest
from geminid.wire.conform import conform
from geminid.wire.content import Content, FunctionCall, Part
from geminid.wire.descriptors import declared_types
from geminid.wire.generation import (
    Candidate,
    FinishReason,
    GenerateContentRequest,
    GenerateContentResponse,
    GenerationConfig,
    TrafficType,
    UsageMetadata,
)
from geminid.wire.message import Message, Timestamp
from geminid.wire.output import ResponseModality
from geminid.wire.tools import Schema, Type

MESSAGES = [cls for cls in declared_types() if issubclass(cls, Message)]


def response(text: str = "Okay") -> GenerateContentResponse:
    return GenerateContentResponse(
        candidates=[Candidate(content=Content(role="model", parts=[Part(text=text)]))],
        usage_metadata=UsageMetadata(traffic_type=TrafficType.ON_DEMAND),
        model_version="gemini-2.0-flash",
        create_time=Timestamp(1746480647, 262229000),
        response_id="By4ZaNWAEPKQhMIP4KS3oAc",
    )


def decode(body: bytes | str) -> GenerateContentRequest:
    return json.decode(GenerateContentRequest, body.encode() if isinstance(body, str) else body)


def text_of(body: bytes) -> str | None:
    return decode(body).contents[0].parts[0].text


def refused(body: bytes | str) -> str:
    with pytest.raises(InvalidArgument) as error:
        decode(body)
    return error.value.message


def test_a_line_has_a_space_after_names_and_none_after_commas() -> None:
    assert json.encode_line(response()) == (
        b'{"candidates": [{"content": {"role": "model","parts": [{"text": "Okay"}]}}],'
        b'"usageMetadata": {"trafficType": "ON_DEMAND"},"modelVersion": "gemini-2.0-flash",'
        b'"createTime": "2025-05-05T21:30:47.262229Z","responseId": "By4ZaNWAEPKQhMIP4KS3oAc"}'
    )


def test_pretty_json_is_indented_by_two_and_ends_with_a_newline() -> None:
    message = Candidate(content=Content(role="model", parts=[Part(text="Okay")]), finish_reason=FinishReason.STOP)

    assert json.encode(message).decode() == (
        '{\n  "content": {\n    "role": "model",\n    "parts": [\n      {\n        "text": "Okay"\n      }\n'
        '    ]\n  },\n  "finishReason": "STOP"\n}\n'
    )


def test_compact_json_has_no_space() -> None:
    assert json.encode(Content(role="model", parts=[Part(text="a b")]), pretty=False) == (
        b'{"role":"model","parts":[{"text":"a b"}]}'
    )


def test_enums_may_be_numbers() -> None:
    message = GenerationConfig(
        response_modalities=[ResponseModality.TEXT, ResponseModality.MODALITY_UNSPECIFIED],
        response_schema=Schema(type=Type.OBJECT, properties={"a": Schema(type=Type.STRING)}, default=None),
        response_json_schema={},
        seed=0,
    )

    assert stdlib_json.loads(json.encode(message, enum_ints=True)) == {
        "seed": 0,
        "responseSchema": {"type": 6, "properties": {"a": {"type": 1}}, "default": None},
        "responseModalities": [1, 0],
        "responseJsonSchema": {},
    }


def test_an_empty_object_of_arguments_is_printed() -> None:
    assert json.encode_line(FunctionCall(name="now", args={})) == b'{"name": "now","args": {}}'


@pytest.mark.parametrize("enum_ints", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        ":",
        '":',
        '": ',
        '"a":"b"',
        "\\",
        '\\":',
        "[:",
        "data: [DONE]\r\n\r\ndata: {}",
        "\u2028\u2029\u0085\x0b\x0c\x1c\x00",
        "<script>&'",
        "é😀",
    ],
)
def test_a_line_is_one_line_whatever_the_text(text: str, enum_ints: bool) -> None:
    line = json.encode_line(response(text), enum_ints=enum_ints).decode()

    assert line.splitlines() == [line]
    assert stdlib_json.loads(line)["candidates"][0]["content"]["parts"] == [{"text": text}]
    assert not set("<>") & set(line)


@settings(max_examples=200)
@given(st.text())
def test_every_form_says_the_same(text: str) -> None:
    message = response(text)
    forms = [json.encode_line(message), json.encode(message), json.encode(message, pretty=False)]

    assert {str(stdlib_json.loads(form)) for form in forms} == {str(stdlib_json.loads(forms[0]))}
    assert stdlib_json.loads(forms[0])["candidates"][0]["content"]["parts"] == [{"text": text}]


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.proto_name)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_both_paths_read_the_same_and_read_what_is_printed(
    cls: type[Message], data: st.DataObject, arbitrary: Any
) -> None:
    message = data.draw(arbitrary(cls))
    body = json.encode(message)

    assert json.decode(cls, body) == message
    assert json.decode(cls, json.encode_line(message)) == message
    assert json.decode(cls, json.encode(message, enum_ints=True)) == message
    assert conform(cls, msgspec.json.decode(body), "v1") == message


@pytest.mark.parametrize(
    "body",
    [
        b'{"contents": [{"parts": [{"text": "hi"}]}]}',
        b'{"contents": {"parts": {"text": "hi"}},}',
        b"{contents: {parts: [{'text': 'hi',},]}}",
        b'\xef\xbb\xbf{"contents": [{"parts": [{"text": "hi"}]}]}',
        b'\n{"contents": [{"parts": [{"text": "hi"}], "role": ""}], "safetySettings": []}\n',
        bytearray(b'{"contents": [{"parts": [{"text": "hi"}]}]}'),
    ],
)
def test_bodies_that_say_the_same(body: bytes) -> None:
    assert decode(body) == GenerateContentRequest(contents=[Content(parts=[Part(text="hi")])])


@pytest.mark.parametrize("body", [b"", b" \r\n", b"{}"])
def test_an_empty_body_is_an_empty_message(body: bytes) -> None:
    assert decode(body) == GenerateContentRequest()


def test_nul_is_a_character_like_any_other() -> None:
    assert text_of(rb'{"contents": [{"parts": [{"text": "a\u0000b"}]}]}') == "a\0b"


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    assert text_of(b'{"contents": [{"parts": [{"text": "a\xffb"}]}]}') == "a\ufffdb"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b'{"generationConfig": {"temperature": NaN}}', "Unexpected token."),
        (b'{"generationConfig": {"temperature": Infinity}}', "Unexpected token."),
        (b'{"generationConfig": {"temperature": 1e999}}', "Number exceeds the range of double."),
        (b'{"generationConfig": {"seed": ' + b"1" * 5000 + b"}}", "Unable to parse number."),
        (rb'{"contents": [{"parts": [{"text": "\ud800"}]}]}', "Missing low surrogate."),
        (b'{"model": "a", "model": "b"}', 'Duplicate name "model" in an object.'),
        (b'{"model": "a", "model": "b",}', 'Duplicate name "model" in an object.'),
        (b'{"model": "a", "foo": 1, "model": "b"}', 'Duplicate name "model" in an object.'),
        (b'{"model": "a"} {}', "Parsing terminated before end of input."),
        (b'{"model": "a"', "Unexpected end of string. Expected , or } after key:value pair."),
        (b"[" + b"{}," * 600_000 + b"{}]", "Too many values."),
    ],
)
def test_bodies_that_are_no_json(body: bytes, problem: str) -> None:
    assert refused(body).startswith(f"Invalid JSON payload received. {problem}")


@pytest.mark.parametrize("body", [b"null", b"[]", b'"x"', b"5"])
def test_bodies_that_are_no_object(body: bytes) -> None:
    assert refused(body).endswith("Root element must be a message.")


@pytest.mark.parametrize(
    "deep",
    [
        "[" * 100_000,
        '{"contents":' * 100_000,
        '{"generationConfig":{"responseJsonSchema":' + "[" * 99 + "]" * 99 + "}}",
        '{"generationConfig":{"responseSchema":' + '{"items":' * 99 + "{}" + "}" * 101,
    ],
)
def test_nesting_ends_at_a_hundred_on_every_path(deep: str) -> None:
    assert refused(deep).startswith("Invalid JSON payload received. Message too deep.")


def test_a_hundred_levels_are_read() -> None:
    schema = "[" * 98 + "]" * 98

    config = decode(f'{{"generationConfig":{{"responseJsonSchema":{schema}}}}}').generation_config

    assert config is not None
    assert stdlib_json.dumps(config.response_json_schema) == schema


@pytest.mark.parametrize("name", ["mimeType", "mime_type"])
@pytest.mark.parametrize("alphabet", [("+", "/"), ("-", "_")])
def test_media_is_read_on_either_path(name: str, alphabet: tuple[str, str]) -> None:
    data = "+/8A".replace("+", alphabet[0]).replace("/", alphabet[1]) * 500_000

    request = decode(
        f'{{"contents": [{{"parts": [{{"inlineData": {{"{name}": "image/png", "data": "{data}"}}}}]}}]}}'
    )

    blob = request.contents[0].parts[0].inline_data
    assert blob is not None
    assert blob.data == b"\xfb\xff\x00" * 500_000


def test_well_known_types_are_read_on_the_fast_path() -> None:
    body = b'{"cachedContent": {"ttl": "3600s"}, "updateMask": "ttl"}'

    request = json.decode(UpdateCachedContentRequest, body)

    assert request.cached_content is not None
    assert json.encode_line(request) == b'{"cachedContent": {"ttl": "3600s"},"updateMask": "ttl"}'


def test_two_members_of_a_oneof_are_refused_in_google_words() -> None:
    with pytest.raises(InvalidArgument, match=r"oneof field 'expiration' is already set. Cannot set 'ttl'"):
        json.decode(CachedContent, b'{"expireTime": "2030-01-01T00:00:00Z", "ttl": "60s"}', "v1beta1")


@given(st.binary(max_size=60) | st.text(alphabet='{}[]:,"contetsparu\\ 0-9nl', max_size=60).map(str.encode))
def test_any_body_is_a_message_or_an_error_of_the_api(body: bytes) -> None:
    try:
        assert isinstance(decode(body), GenerateContentRequest)
    except ApiError as error:
        assert isinstance(error, InvalidArgument)  # noqa: PT017
