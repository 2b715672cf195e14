"""What Google's front end accepts beyond its own spelling, and how it words what it refuses."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geminid.errors import BadRequest, InvalidArgument
from geminid.wire import json
from geminid.wire.caching import CachedContent, CreateCachedContentRequest
from geminid.wire.conform import conform
from geminid.wire.content import Content, Part
from geminid.wire.descriptors import declared_types
from geminid.wire.generation import Candidate, GenerateContentRequest, GenerationConfig
from geminid.wire.message import Duration, Message, Timestamp, describe
from geminid.wire.safety import HarmCategory
from geminid.wire.tools import Schema

HI = [Content(parts=[Part(text="hi")])]


def request(**fields: Any) -> GenerateContentRequest:
    return conform(GenerateContentRequest, fields, "v1")


def config(**fields: Any) -> Any:
    return request(generation_config=fields).generation_config


def refusal(cls: Any = GenerateContentRequest, version: str = "v1", **fields: Any) -> InvalidArgument:
    with pytest.raises(InvalidArgument) as error:
        conform(cls, fields, version)
    return error.value


@pytest.mark.parametrize(
    "contents",
    [
        [{"parts": [{"text": "hi"}]}],
        {"parts": {"text": "hi"}},
        [{"parts": [{"text": "hi", "inline_data": None}, None]}, None],
        [{"role": None, "parts": [{"text": "hi"}]}],
    ],
)
def test_one_stands_for_a_list_and_null_for_nothing(contents: Any) -> None:
    assert request(contents=contents).contents == HI


def test_both_spellings_of_names_may_be_mixed() -> None:
    got = config(topP=0.5, top_k=40, responseJsonSchema={"a_b": 1}, response_mime_type="text/plain")

    assert (got.top_p, got.top_k, got.response_json_schema, got.response_mime_type) == (
        0.5,
        40.0,
        {"a_b": 1},
        "text/plain",
    )


@pytest.mark.parametrize("count", [8, 8.0, "8"])
def test_integers_may_be_floats_and_strings(count: Any) -> None:
    assert config(candidateCount=count).candidate_count == 8


def test_enums_may_be_numbers_and_names_in_any_case() -> None:
    settings = request(safetySettings=[{"category": 3}, {"category": "harm-category-harassment"}]).safety_settings

    assert {setting.category for setting in settings} == {HarmCategory.HARM_CATEGORY_HARASSMENT}


def test_times_may_be_objects() -> None:
    video = {"startOffset": {"seconds": "1", "nano": 5}, "endOffset": "2.5s"}

    got = request(contents={"parts": {"videoMetadata": video}}).contents[0].parts[0].video_metadata

    assert got is not None
    assert (got.start_offset, got.end_offset) == (Duration(1, 5), Duration(2, 500_000_000))


def test_the_values_of_maps_are_converted() -> None:
    schema = {"properties": {"a": {"type": "string", "minLength": "3"}, "b": None}}

    got = config(responseSchema=schema).response_schema.properties

    assert list(got) == ["a"]
    assert (got["a"].type, got["a"].min_length) == ("STRING", 3)


def test_null_is_a_value_where_any_value_may_stand() -> None:
    assert config(responseJsonSchema=None).response_json_schema is None


def test_a_member_of_a_oneof_that_is_null_is_not_set() -> None:
    part = request(contents={"parts": {"fileData": None, "text": "hi"}}).contents[0].parts[0]

    assert part == Part(text="hi")


@pytest.mark.parametrize(
    ("fields", "path", "message"),
    [
        (
            {"foo": 1},
            "",
            'Invalid JSON payload received. Unknown name "foo": Cannot find field.',
        ),
        (
            {"generationConfig": {"max-output-tokens": 1}},
            "generation_config",
            'Invalid JSON payload received. Unknown name "max-output-tokens" at \'generation_config\': '
            "Cannot find field.",
        ),
        (
            {"generationConfig": {"responseSchema": {"items": {"properties": {"a": {"type": ["STRING"]}}}}}},
            "generation_config.response_schema.items.properties[0].value",
            "Invalid JSON payload received. Unknown name \"type\" at "
            "'generation_config.response_schema.items.properties[0].value': "
            "Proto field is not repeating, cannot start list.",
        ),
        (
            {"generationConfig": {"temperature": "hot"}},
            "generation_config.temperature",
            "Invalid value at 'generation_config.temperature' (TYPE_FLOAT), \"hot\"",
        ),
        (
            {"generationConfig": {"seed": 2147483648}},
            "generation_config.seed",
            "Invalid value at 'generation_config.seed' (TYPE_INT32), 2147483648",
        ),
        (
            {"generationConfig": {"maxOutputTokens": 5.5}},
            "generation_config.max_output_tokens",
            "Invalid value at 'generation_config.max_output_tokens' (TYPE_INT32), 5.5",
        ),
        (
            {"generationConfig": {"stopSequences": ["a", 5]}},
            "generation_config.stop_sequences[1]",
            "Invalid value at 'generation_config.stop_sequences[1]' (TYPE_STRING), 5",
        ),
        (
            {"generationConfig": {"responseLogprobs": "maybe"}},
            "generation_config.response_logprobs",
            "Invalid value at 'generation_config.response_logprobs' (TYPE_BOOL), \"maybe\"",
        ),
        (
            {"safetySettings": [{"threshold": "BLOCK_SOME"}]},
            "safety_settings[0].threshold",
            "Invalid value at 'safety_settings[0].threshold' "
            "(type.googleapis.com/google.cloud.aiplatform.v1.SafetySetting.HarmBlockThreshold), \"BLOCK_SOME\"",
        ),
        (
            {"contents": [{"parts": ["text"]}]},
            "contents[0].parts[0]",
            "Invalid value at 'contents[0].parts[0]' "
            "(type.googleapis.com/google.cloud.aiplatform.v1.Part), \"text\"",
        ),
        (
            {"contents": [{"parts": [{"text": {"value": "hi"}}]}]},
            "contents[0].parts[0]",
            "Invalid value at 'contents[0].parts[0]' (text), Starting an object on a scalar field",
        ),
        (
            {"contents": [[{"parts": []}]]},
            "contents[0]",
            'Invalid JSON payload received. Unknown name "" at \'contents[0]\': '
            "Proto field is not repeating, cannot start list.",
        ),
        (
            {"contents": [{"parts": [{"text": "a", "inlineData": {}}]}]},
            "contents[0].parts[0]",
            "Invalid value at 'contents[0].parts[0]' (oneof), "
            "oneof field 'data' is already set. Cannot set 'inlineData'",
        ),
        (
            {"contents": [{"parts": [{"inlineData": {"data": "!!!!"}}]}]},
            "contents[0].parts[0].inline_data.data",
            "Invalid value at 'contents[0].parts[0].inline_data.data' (TYPE_BYTES), "
            'Base64 decoding failed for "!!!!"',
        ),
        (
            {"contents": [{"parts": [{"videoMetadata": {"startOffset": "3"}}]}]},
            "contents[0].parts[0].video_metadata.start_offset",
            "Invalid value at 'contents[0].parts[0].video_metadata.start_offset' "
            "(type.googleapis.com/google.protobuf.Duration), Field 'start_offset', "
            "Illegal duration format; duration must end with 's'",
        ),
        (
            {"contents": [{"parts": [{"functionCall": {"args": "x"}}]}]},
            "contents[0].parts[0].function_call.args",
            "Invalid value at 'contents[0].parts[0].function_call.args' "
            '(type.googleapis.com/google.protobuf.Struct), "x"',
        ),
        (
            {"labels": []},
            "",
            "Invalid value (Map), Cannot bind a list to map for field 'labels'.",
        ),
        (
            {"labels": {"a": "x", "b": 5}},
            "labels[1].value",
            "Invalid value at 'labels[1].value' (TYPE_STRING), 5",
        ),
        (
            {"generationConfig": {"topP": 0.5, "top_p": 0.5}},
            "generation_config",
            'Invalid JSON payload received. Unknown name "top_p" at \'generation_config\': '
            "The field is already set by its other name.",
        ),
    ],
)  # fmt: skip
def test_refusals(fields: dict[str, Any], path: str, message: str) -> None:
    error = refusal(**fields)

    assert error.message == message
    (detail,) = error.details
    assert isinstance(detail, BadRequest)
    assert [(one.field, one.description) for one in detail.violations] == [(path, message)]


def test_all_violations_are_told() -> None:
    error = refusal(foo=1, generationConfig={"temperature": "hot", "seed": True}, contents=["hi"])

    assert error.message.split("\n") == [
        'Invalid JSON payload received. Unknown name "foo": Cannot find field.',
        "Invalid value at 'generation_config.temperature' (TYPE_FLOAT), \"hot\"",
        "Invalid value at 'generation_config.seed' (TYPE_INT32), true",
        "Invalid value at 'contents[0]' (type.googleapis.com/google.cloud.aiplatform.v1.Content), \"hi\"",
    ]


def test_a_hundred_violations_are_enough() -> None:
    assert len(refusal(contents=["hi"] * 100_000).message.split("\n")) == 100


def test_types_are_named_in_the_version_that_was_asked_for() -> None:
    error = refusal(CreateCachedContentRequest, "v1beta1", cachedContent={"contents": 5})

    assert "google.cloud.aiplatform.v1beta1.Content" in error.message


def test_a_refused_value_is_not_repeated_at_length() -> None:
    error = refusal(contents={"parts": {"inlineData": {"data": "!" * 1_000_000}}})

    assert len(error.message) < 500


@pytest.mark.parametrize("body", [[], "x", 5, None])
def test_the_root_must_be_an_object(body: Any) -> None:
    with pytest.raises(InvalidArgument) as error:
        conform(GenerateContentRequest, body, "v1")

    assert error.value.message == (
        'Invalid JSON payload received. Unknown name "": Root element must be a message.'
    )


def test_a_oneof_at_the_root_has_no_path() -> None:
    error = refusal(CachedContent, ttl="60s", expireTime="2024-11-21T00:00:00Z")

    assert error.message == (
        "Invalid value (oneof), oneof field 'expiration' is already set. Cannot set 'expireTime'"
    )


def test_times_have_any_offset() -> None:
    assert conform(CachedContent, {"expireTime": "1970-01-01T01:00:00+01:00"}, "v1").expire_time == Timestamp()


NAMES = sorted({name for cls in declared_types() if issubclass(cls, Message) for name in describe(cls).by_name})
odd_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4)
    | st.sampled_from(["1s", "AA==", "TEXT", "2", "1e400", "2024-11-21T00:00:00Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(deadline=None)
@given(
    st.sampled_from([GenerateContentRequest, CachedContent, Part, GenerationConfig, Schema, Candidate]), st.data()
)
def test_whatever_is_in_the_fields_is_a_message_or_an_invalid_argument(
    cls: type[Message], data: st.DataObject
) -> None:
    names = st.sampled_from(sorted(describe(cls).by_name))

    plain = data.draw(st.dictionaries(names, odd_values, max_size=4))

    with contextlib.suppress(InvalidArgument):
        assert isinstance(json.decode(cls, json.encode(conform(cls, plain, "v1"))), cls)
