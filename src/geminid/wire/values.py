"""Single values between google.protobuf's classes and ours: floats, times, and the JSON-like Struct and Value.

Readers raise ValueError for what our types cannot hold. Used by ``proto.py`` alone.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from geminid.wire.message import Duration, FieldMask, Int64, Kind, Timestamp

_Raw: TypeAlias = Any

_FLOAT = struct.Struct("<f")
_EXACT = 2**53
"""From here on a double no longer tells neighbouring integers apart."""


def shortest(value: float) -> float:
    """The shortest decimal that is the same float32, so that 0.7 is 0.7 and not 0.699999988079071."""
    if not math.isfinite(value) or (value.is_integer() and abs(value) < 2**24):
        return value
    for digits in (6, 7, 8):
        short = float(f"{value:.{digits}g}")
        if _FLOAT.unpack(_FLOAT.pack(short))[0] == value:
            return short
    return float(f"{value:.9g}")


def read_value(raw: _Raw) -> Any:
    """A google.protobuf.Value as JSON would have it; whole numbers come as integers."""
    match raw.WhichOneof("kind"):
        case "string_value":
            return raw.string_value
        case "number_value":
            return _number(raw.number_value)
        case "bool_value":
            return raw.bool_value
        case "struct_value":
            return read_struct(raw.struct_value)
        case "list_value":
            return [read_value(item) for item in raw.list_value.values]
    return None


def read_struct(raw: _Raw) -> dict[str, Any]:
    """By name: protobuf's maps come in another order in every process."""
    return {key: read_value(value) for key, value in sorted(raw.fields.items(), key=_name)}


def _name(entry: tuple[str, Any]) -> str:
    return entry[0]


def _number(number: float) -> float:
    if not math.isfinite(number):
        raise ValueError("a Struct holds finite numbers")
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def fill_value(raw: _Raw, value: Any) -> None:
    match value:
        case None:
            raw.null_value = 0
        case str():
            raw.string_value = value
        case bool():
            raw.bool_value = value
        case int() | float():
            raw.number_value = value
        case dict():
            raw.struct_value.SetInParent()
            fill_struct(raw.struct_value, value)
        case _:
            raw.list_value.SetInParent()
            for item in value:
                fill_value(raw.list_value.values.add(), item)


def fill_struct(raw: _Raw, value: dict[str, Any]) -> None:
    for key, item in value.items():
        fill_value(raw.fields[key], item)


def fill_time(raw: _Raw, value: Duration | Timestamp) -> None:
    raw.seconds = value.seconds
    raw.nanos = value.nanos


def fill_mask(raw: _Raw, value: FieldMask) -> None:
    raw.paths.extend(value.paths)


READERS: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.INT64: Int64,
    Kind.FLOAT: shortest,
    Kind.DURATION: lambda raw: Duration.from_parts(raw.seconds, raw.nanos),
    Kind.TIMESTAMP: lambda raw: Timestamp.from_parts(raw.seconds, raw.nanos),
    Kind.FIELD_MASK: lambda raw: FieldMask(raw.paths),
    Kind.STRUCT: read_struct,
    Kind.VALUE: read_value,
}
"""How a value is read; kinds that are missing are taken as they are."""

WRITERS: Mapping[Kind, Callable[[_Raw, Any], None]] = {
    Kind.DURATION: fill_time,
    Kind.TIMESTAMP: fill_time,
    Kind.FIELD_MASK: fill_mask,
    Kind.STRUCT: fill_struct,
    Kind.VALUE: fill_value,
}
"""How a value is put into its message; kinds that are missing are no messages of google.protobuf."""
