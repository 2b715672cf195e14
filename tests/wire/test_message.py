from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from geminid.wire.content import Part
from geminid.wire.descriptors import declared_types
from geminid.wire.generation import GenerationConfig, UsageMetadata
from geminid.wire.message import Bytes, FieldSpec, Int32, Kind, Message, WireEnum, describe, field, full_name
from geminid.wire.tools import Schema


class Colour(WireEnum, proto="Paint.Colour"):
    COLOUR_UNSPECIFIED = "COLOUR_UNSPECIFIED", 0
    RED = "RED", 3


class Paint(Message):
    colour: Colour | None = field(1)
    coats: Int32 = field(2)
    drying_times: list[float] = field(5)
    labels: dict[str, str] = field(7)
    note: Any = field(9)


def test_a_plain_field_defaults_to_its_zero() -> None:
    paint = Paint()

    assert (paint.colour, paint.coats, paint.drying_times, paint.labels) == (None, 0, [], {})
    assert paint.note is UNSET


def test_a_field_without_a_zero_must_be_optional() -> None:
    with pytest.raises(TypeError, match="no proto3 default"):

        class Wall(Message):
            paint: Paint = field(1)


def test_an_enum_member_is_its_name_and_has_a_number() -> None:
    assert Colour.RED == "RED"
    assert str(Colour.RED) == "RED"
    assert Colour.RED.number == 3


def test_the_description_has_numbers_kinds_and_both_spellings() -> None:
    spec = describe(Paint)

    assert [one.number for one in spec.fields] == [1, 2, 5, 7, 9]
    assert spec.by_name["dryingTimes"] is spec.by_name["drying_times"]
    assert spec.by_name["drying_times"] == FieldSpec("drying_times", "dryingTimes", 5, Kind.DOUBLE, repeated=True)
    assert spec.by_name["labels"].map
    assert spec.by_name["colour"].type is Colour
    assert spec.by_name["note"].kind is Kind.VALUE


def test_optional_scalars_and_oneofs_are_described() -> None:
    assert describe(GenerationConfig).by_name["seed"].optional
    assert describe(Part).by_name["inlineData"].oneof == "data"
    assert not describe(UsageMetadata).by_name["promptTokenCount"].optional


def test_messages_may_hold_themselves() -> None:
    assert describe(Schema).by_name["items"].type is Schema


MESSAGES = [cls for cls in declared_types() if issubclass(cls, Message)]


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.proto_name)
def test_fields_are_declared_in_the_order_of_their_numbers(cls: type[Message]) -> None:
    assert cls.__struct_fields__ == tuple(spec.name for spec in describe(cls).fields)


def test_nested_names_get_the_version_of_the_api() -> None:
    assert full_name(Colour, "v1beta1") == "google.cloud.aiplatform.v1beta1.Paint.Colour"


def test_any_bytes_count_as_bytes() -> None:
    assert isinstance(b"plain", Bytes)
