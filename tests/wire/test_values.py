from __future__ import annotations

import struct

import pytest
from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from geminid.wire.values import fill_struct, read_struct, read_value, shortest


def as_float32(number: float) -> float:
    widened: float = struct.unpack("<f", struct.pack("<f", number))[0]
    return widened


@pytest.mark.parametrize("decimal", [0.7, 0.95, 40.0, -2.0, 1e-38, 3.4028235e38, 16777215.0])
def test_a_float32_is_the_decimal_it_was_written_as(decimal: float) -> None:
    assert shortest(as_float32(decimal)) == decimal


@given(st.floats(width=32, allow_nan=False))
def test_shortening_keeps_the_float32(number: float) -> None:
    assert as_float32(shortest(number)) == number


def test_json_goes_into_a_struct_and_comes_back() -> None:
    given_ = {"a": [1, 2.5, None, True, "x", {}], "b": {"c": []}, "": 2**53 + 2}
    raw = struct_pb2.Struct()

    fill_struct(raw, given_)

    assert read_struct(raw) == given_


def test_whole_numbers_come_back_as_integers() -> None:
    assert repr(read_value(struct_pb2.Value(number_value=5))) == "5"


def test_a_value_of_no_kind_is_null() -> None:
    assert read_value(struct_pb2.Value()) is None


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_struct_holds_finite_numbers(number: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        read_value(struct_pb2.Value(number_value=number))
