"""Our bytes and JSON against those of Google's own classes, for every message in both directions."""

from __future__ import annotations

import contextlib
import json as stdlib_json
from typing import Any

import pytest
from google.protobuf import duration_pb2, json_format, struct_pb2
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given, settings
from hypothesis import strategies as st

from geminid.errors import InvalidArgument
from geminid.wire import json
from geminid.wire.caching import CachedContent
from geminid.wire.content import FunctionCall, NullValue, Part, PartialArg
from geminid.wire.descriptors import declared_types
from geminid.wire.generation import GenerateContentRequest, GenerationConfig
from geminid.wire.message import FieldSpec, Int64, Message
from geminid.wire.output import ResponseModality
from geminid.wire.proto import ProtoCodec
from geminid.wire.safety import HarmBlockThreshold, SafetySetting
from geminid.wire.tools import Schema

MESSAGES = [cls for cls in declared_types() if issubclass(cls, Message)]
CODECS = {version: ProtoCodec(version) for version in ("v1", "v1beta1")}

every_message = pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.proto_name)
both_versions = pytest.mark.parametrize("version", CODECS)


@both_versions
@every_message
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_google_and_geminid_read_each_other(
    cls: type[Message], version: str, data: st.DataObject, arbitrary: Any, published: Any
) -> None:
    theirs = published.find(cls, version)
    if theirs is None:
        return
    ours = data.draw(arbitrary(cls, published.fields(version)))
    codec = CODECS[version]

    raw = theirs.FromString(codec.encode(ours))

    assert codec.decode(cls, raw.SerializeToString()) == ours
    assert json_format.MessageToDict(raw) == stdlib_json.loads(json.encode(ours))
    assert json_format.Parse(json.encode_line(ours), theirs()) == raw
    assert json_format.Parse(json.encode(ours, enum_ints=True, pretty=False), theirs()) == raw
    assert json.decode(cls, json_format.MessageToJson(raw).encode()) == ours
    assert json.decode(cls, json_format.MessageToJson(raw, use_integers_for_enums=True).encode()) == ours


def without_null_value(cls: type[Message], spec: FieldSpec) -> bool:
    return spec.name != "null_value"


@every_message
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_json_with_the_names_of_the_protos_is_read(
    cls: type[Message], data: st.DataObject, arbitrary: Any
) -> None:
    message = data.draw(arbitrary(cls, without_null_value))
    codec = CODECS["v1"]
    raw = GetMessageClass(codec.pool.FindMessageTypeByName(codec.full_name(cls)))

    printed = json_format.MessageToJson(raw.FromString(codec.encode(message)), preserving_proto_field_name=True)

    assert json.decode(cls, printed.encode()) == message


@both_versions
@every_message
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_every_field_comes_back_from_our_own_bytes(
    cls: type[Message], version: str, data: st.DataObject, arbitrary: Any
) -> None:
    message = data.draw(arbitrary(cls))

    assert CODECS[version].decode(cls, CODECS[version].encode(message)) == message


def test_a_float_is_the_same_decimal_in_json_and_in_protobuf() -> None:
    config = json.decode(GenerationConfig, b'{"temperature": 0.7, "topP": 0.95, "topK": 40}')

    assert CODECS["v1"].decode(GenerationConfig, CODECS["v1"].encode(config)) == config


def test_a_oneof_member_that_is_zero_is_set() -> None:
    argument = PartialArg(json_path="$.a", null_value=NullValue.NULL_VALUE)

    assert CODECS["v1"].decode(PartialArg, CODECS["v1"].encode(argument)) == argument


def test_a_bound_of_zero_is_seen() -> None:
    schema = Schema(minimum=0.0, max_items=Int64(0))

    assert CODECS["v1"].decode(Schema, CODECS["v1"].encode(schema)) == schema


def test_unknown_fields_and_unknown_enum_numbers_are_passed_over() -> None:
    category, threshold, unknown_field = b"\x08\x63", b"\x10\x04", b"\xfa\x3f\x03abc"

    setting = CODECS["v1"].decode(SafetySetting, category + threshold + unknown_field)

    assert setting == SafetySetting(threshold=HarmBlockThreshold.BLOCK_NONE)


def test_an_unknown_number_in_a_list_of_enums_is_passed_over() -> None:
    config = CODECS["v1"].decode(GenerationConfig, b"\xaa\x01\x02\x63\x01")

    assert config == GenerationConfig(response_modalities=[ResponseModality.TEXT])


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"\x12\xff\xff\xff\xff\x0f",
        b"\x12\x05abc",
        b"\x0b" * 300,
        b"\x12\x02\x0a\x00" + b"\x2a\x02\xff\xfe",
        CODECS["v1"].encode(GenerateContentRequest(model="m"))[:-1],
    ],
    ids=["lone varint", "negative length", "short", "groups", "no UTF-8", "cut off"],
)
def test_garbage_is_an_invalid_argument(data: bytes) -> None:
    with pytest.raises(InvalidArgument, match=r"^Request contains an invalid argument\.$"):
        CODECS["v1"].decode(GenerateContentRequest, data)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_message_or_an_invalid_argument(data: bytes) -> None:
    with contextlib.suppress(InvalidArgument):
        CODECS["v1"].decode(GenerateContentRequest, data)


def test_nesting_is_limited() -> None:
    data = b""
    for _ in range(200):
        data = b"\x12" + length(data) + data

    with pytest.raises(InvalidArgument):
        CODECS["v1"].decode(Schema, data)


def length(data: bytes) -> bytes:
    return bytes([len(data) & 0x7F | 0x80, len(data) >> 7]) if len(data) > 127 else bytes([len(data)])


@pytest.mark.parametrize(
    "data",
    [
        struct_pb2.Struct(fields={"a": struct_pb2.Value(number_value=float("nan"))}).SerializeToString(),
        struct_pb2.Struct(fields={"a": struct_pb2.Value(number_value=float("inf"))}).SerializeToString(),
    ],
)
def test_a_struct_with_a_number_that_json_lacks_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidArgument):
        CODECS["v1"].decode(FunctionCall, b"\x12" + length(data) + data)


def test_a_time_out_of_range_is_refused() -> None:
    duration = duration_pb2.Duration(seconds=2**60).SerializeToString()

    with pytest.raises(InvalidArgument):
        CODECS["v1"].decode(CachedContent, b"\x52" + length(duration) + duration)


def test_names_are_those_of_the_version() -> None:
    codec = CODECS["v1beta1"]

    assert codec.full_name(Part) == "google.cloud.aiplatform.v1beta1.Part"
    assert codec.pool.FindMessageTypeByName(codec.full_name(Part)).name == "Part"
