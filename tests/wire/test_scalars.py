from __future__ import annotations

import pytest
from google.protobuf import duration_pb2, field_mask_pb2, timestamp_pb2
from hypothesis import given
from hypothesis import strategies as st

from geminid.wire.scalars import Bytes, Duration, FieldMask, Int64, Timestamp


@pytest.mark.parametrize(
    ("text", "seconds", "nanos"),
    [
        ("0s", 0, 0),
        ("3s", 3, 0),
        ("3.5s", 3, 500_000_000),
        ("-3.5s", -3, -500_000_000),
        ("-0.000000001s", 0, -1),
        ("315576000000s", 315_576_000_000, 0),
    ],
)
def test_durations(text: str, seconds: int, nanos: int) -> None:
    assert Duration.parse(text) == Duration(seconds, nanos)


@pytest.mark.parametrize("text", ["", "s", "3", "3.s", ".5s", "3.0000000001s", "1e3s", "--1s", "315576000001s"])
def test_refused_durations(text: str) -> None:
    with pytest.raises(ValueError, match=r"[Dd]uration"):
        Duration.parse(text)


@given(st.integers(-315_576_000_000, 315_576_000_000), st.integers(0, 999_999_999))
def test_durations_print_as_google_prints_them(seconds: int, nanos: int) -> None:
    nanos = -nanos if seconds < 0 else nanos
    theirs = duration_pb2.Duration(seconds=seconds, nanos=nanos)

    assert Duration(seconds, nanos).json() == theirs.ToJsonString()


@pytest.mark.parametrize(
    ("text", "seconds", "nanos"),
    [
        ("1970-01-01T00:00:00Z", 0, 0),
        ("1970-01-01T02:00:00.25+02:00", 0, 250_000_000),
        ("1969-12-31T23:59:59.999999999Z", -1, 999_999_999),
        ("0001-01-01T00:00:00Z", -62_135_596_800, 0),
        ("9999-12-31T23:59:59Z", 253_402_300_799, 0),
    ],
)
def test_timestamps(text: str, seconds: int, nanos: int) -> None:
    assert Timestamp.parse(text) == Timestamp(seconds, nanos)


@pytest.mark.parametrize(
    "text",
    ["", "2024-01-01", "2024-01-01T00:00:00", "2024-13-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "now"],
)
def test_refused_timestamps(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Timestamp.parse(text)


@given(st.integers(-62_135_596_800, 253_402_300_799), st.integers(0, 999_999_999))
def test_timestamps_print_as_google_prints_them(seconds: int, nanos: int) -> None:
    theirs = timestamp_pb2.Timestamp(seconds=seconds, nanos=nanos)

    assert Timestamp(seconds, nanos).json() == theirs.ToJsonString()
    assert Timestamp.parse(theirs.ToJsonString()) == Timestamp(seconds, nanos)


def test_field_masks_are_snake_case_inside_and_camel_case_in_json() -> None:
    mask = FieldMask.parse("ttl,expireTime,usageMetadata.totalTokenCount")

    assert mask.paths == ("ttl", "expire_time", "usage_metadata.total_token_count")
    assert mask.json() == field_mask_pb2.FieldMask(paths=mask.paths).ToJsonString()
    assert FieldMask.parse("") == FieldMask()


@pytest.mark.parametrize("text", ["+/8=", "+/8", "-_8=", "-_8", "+_8="])
def test_base64_of_either_alphabet_with_or_without_padding(text: str) -> None:
    assert Bytes.parse(text) == b"\xfb\xff"


@pytest.mark.parametrize("text", ["!!!!", "QQ==\n", "Q Q=", "QUI===", "Q", "=", "QQ==QQ==", "\u0660" * 4, "QQ=A"])
def test_junk_is_no_base64(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Bytes.parse(text)


@given(st.binary(max_size=40))
def test_bytes_come_back_from_their_json(data: bytes) -> None:
    assert Bytes.parse(Bytes(data).json()) == data


@pytest.mark.parametrize("value", [5, "5", 5.0])
def test_an_int64_may_be_a_string_or_a_number(value: object) -> None:
    assert Int64.parse(value) == 5


@pytest.mark.parametrize("value", [True, "5.0", "0x5", " 5", "", 5.5, 2**63, "9" * 5000, None, []])
def test_refused_int64s(value: object) -> None:
    with pytest.raises(ValueError, match="not an int64"):
        Int64.parse(value)
