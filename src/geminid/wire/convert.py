"""One plain JSON scalar -> one field value, as liberally as Google's front end (protobuf's datapiece.cc).

Durations and timestamps may be objects as well. Functions raise ValueError or OverflowError for what they do not
take; ``conform.py`` words the violation.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from geminid.wire import dialect
from geminid.wire.message import (
    FLOAT32_MAX,
    Bytes,
    Duration,
    FieldMask,
    Int64,
    Kind,
    Timestamp,
    WireEnum,
)

_INTEGER = re.compile(r"-?[0-9]{1,10}")
_NUMBER = re.compile(r"-?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][-+]?[0-9]++)?")
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_BOOLS: dict[Any, bool] = {"true": True, "false": False, "1": True, "0": False, 1: True, 0: False}


def string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not a string")
    return value


def boolean(value: Any) -> bool:
    """``true``, ``"true"`` and ``1``, and so for false."""
    if isinstance(value, float) or value not in _BOOLS:
        raise ValueError("not a bool")
    return _BOOLS[value]


def int32(value: Any) -> int:
    """``40``, ``40.0`` and ``"40"``."""
    number = Int64.parse(value)
    if not -(2**31) <= number < 2**31:
        raise ValueError("not an int32")
    return int(number)


def double(value: Any) -> float:
    """A number, its text, or one of ``"NaN"``, ``"Infinity"``, ``"-Infinity"``."""
    if isinstance(value, str):
        if value in _NOT_FINITE:
            return _NOT_FINITE[value]
        if not _NUMBER.fullmatch(value):
            raise ValueError("not a number")
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number")
    number = float(value)
    if math.isinf(number):
        raise ValueError("out of the range of double")
    return number


def single(value: Any) -> float:
    """A double that a float can hold. Its digits stay as given."""
    number = double(value)
    if math.isfinite(number) and abs(number) > FLOAT32_MAX:
        raise ValueError("out of the range of float")
    return number


def enum(cls: type[WireEnum], value: Any) -> WireEnum:
    """A name in any case with ``-`` for ``_``, an alias, or a number, also as text."""
    if isinstance(value, str):
        value = int(value) if _INTEGER.fullmatch(value) else value.upper().replace("-", "_")
    member = None if isinstance(value, bool) else _members(cls).get(value)
    if member is None:
        raise ValueError(f"not a member of {cls.__name__}")
    return member


@functools.cache
def _members(cls: type[WireEnum]) -> dict[str | int, WireEnum]:
    members: dict[str | int, WireEnum] = {}
    members.update(dialect.ENUM_ALIASES.get(cls, {}))
    for member in cls:
        members[member.value] = members[member.number] = member
    return members


def duration(value: Any) -> Duration:
    return Duration.parse(value) if not isinstance(value, dict) else Duration.from_parts(*_parts(value))


def timestamp(value: Any) -> Timestamp:
    return Timestamp.parse(value) if not isinstance(value, dict) else Timestamp.from_parts(*_parts(value))


def _parts(value: dict[str, Any]) -> tuple[int, int]:
    """``{"seconds": …, "nanos": …}``; Vertex AI's pages write ``nano``."""
    unknown = value.keys() - {"seconds", "nanos", "nano"}
    if unknown:
        raise ValueError(f'unknown name "{min(unknown)}"')
    nanos = value.get("nanos", value.get("nano"))
    return int(Int64.parse(value.get("seconds") or 0)), int(Int64.parse(nanos or 0))


SCALARS: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.STRING: string,
    Kind.BOOL: boolean,
    Kind.INT32: int32,
    Kind.INT64: Int64.parse,
    Kind.FLOAT: single,
    Kind.DOUBLE: double,
    Kind.BYTES: Bytes.parse,
}

WELL_KNOWN: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.DURATION: duration,
    Kind.TIMESTAMP: timestamp,
    Kind.FIELD_MASK: FieldMask.parse,
}
