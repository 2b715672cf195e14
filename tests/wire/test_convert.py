from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from geminid.wire import convert
from geminid.wire.generation import FinishReason
from geminid.wire.message import Duration, Timestamp
from geminid.wire.safety import HarmBlockThreshold, HarmCategory


@pytest.mark.parametrize(
    ("function", "value", "result"),
    [
        (convert.int32, 40, 40),
        (convert.int32, 40.0, 40),
        (convert.int32, "40", 40),
        (convert.int32, "-2147483648", -(2**31)),
        (convert.double, "0.5", 0.5),
        (convert.double, "1e3", 1000.0),
        (convert.double, "-Infinity", -math.inf),
        (convert.single, 40, 40.0),
        (convert.single, 0.7, 0.7),
        (convert.boolean, "true", True),
        (convert.boolean, 0, False),
        (convert.string, "", ""),
        (convert.duration, "3.5s", Duration(3, 500_000_000)),
        (convert.duration, {"seconds": "3", "nanos": 5}, Duration(3, 5)),
        (convert.duration, {"seconds": 3, "nano": 5}, Duration(3, 5)),
        (convert.duration, {}, Duration()),
        (convert.timestamp, {"seconds": 3}, Timestamp(3)),
    ],
)
def test_taken(function: Callable[[Any], Any], value: Any, result: Any) -> None:
    assert function(value) == result
    assert type(function(value)) is type(result)


@pytest.mark.parametrize(
    ("function", "values"),
    [
        (convert.int32, [True, 2**31, -(2**31) - 1, "40.0", 5.5, "", None, "9" * 5000, 1e300]),
        (convert.double, [True, "", " 1", "1_0", "nan", "inf", "1e999", 10**400, "0x1", None]),
        (convert.single, [1e39, "1e39", -(10**39)]),
        (convert.boolean, ["yes", 2, 1.0, None, "True"]),
        (convert.string, [5, True, None]),
        (
            convert.duration,
            [5, "5", {"seconds": 1, "minutes": 2}, {"seconds": -1, "nanos": 1}, {"seconds": 2**60}],
        ),
        (convert.timestamp, [0, {"nanos": -1}, {"seconds": 2**60}]),
    ],
)
def test_refused(function: Callable[[Any], Any], values: list[Any]) -> None:
    for value in values:
        with pytest.raises((ValueError, OverflowError), match=r".+"):
            function(value)


@pytest.mark.parametrize(
    "value",
    [
        "BLOCK_MEDIUM_AND_ABOVE",
        "block_medium_and_above",
        "block-medium-and-above",
        "BLOCK_MED_AND_ABOVE",
        2,
        2.0,
        "2",
    ],
)
def test_an_enum_may_be_spelled_in_many_ways(value: Any) -> None:
    assert convert.enum(HarmBlockThreshold, value) is HarmBlockThreshold.BLOCK_MEDIUM_AND_ABOVE


def test_the_names_of_the_reference_pages_are_known() -> None:
    assert convert.enum(FinishReason, "FINISH_REASON_MAX_TOKENS") is FinishReason.MAX_TOKENS


@pytest.mark.parametrize("value", ["HARASSMENT", "", "99", 99, 2.5, True, None])
def test_refused_enums(value: Any) -> None:
    with pytest.raises(ValueError, match="not a member of HarmCategory"):
        convert.enum(HarmCategory, value)
