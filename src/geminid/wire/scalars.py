"""The scalar types that JSON and protobuf spell differently, each with its JSON spelling.

``parse`` reads what Google's front end reads and raises ValueError with its reason; ``json`` writes what it
writes. Used by the declarations, which take these types from ``message.py``, and by the codecs.
"""

from __future__ import annotations

import datetime as dt
import enum
import functools
import re
from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar, cast

import pybase64

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_DURATION = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,9}))?")
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_LONGEST_DURATION = 315_576_000_000
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799

_Parts = TypeVar("_Parts", bound="_SecondsAndNanos")


class WireEnum(enum.StrEnum):
    """A proto enum: the value is the name on the wire, ``number`` its proto number.

    Members are written ``STOP = "STOP", 1``; ``proto`` names the enum when it is nested in a message.
    """

    number: int
    proto_name: ClassVar[str]

    def __new__(cls, name: str, number: int) -> WireEnum:
        member = str.__new__(cls, name)
        member._value_ = name
        member.number = number
        return member

    def __init_subclass__(cls, proto: str = "") -> None:
        cls.proto_name = proto or cls.__name__


class Int64(int):
    """An int64: a string in JSON output, a string or a number in JSON input."""

    @classmethod
    def parse(cls, value: Any) -> Int64:
        """Takes a string, an integer or an integral float."""
        if (isinstance(value, str) and _INTEGER.fullmatch(value)) or (
            isinstance(value, float) and value.is_integer()
        ):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not -(2**63) <= value < 2**63:
            raise ValueError("not an int64")
        return cls(value)

    def json(self) -> str:
        return int.__repr__(self)


class _AnyBytes(type):
    """Makes every ``bytes`` an instance of Bytes, so that a decoded image need not be copied into a subclass."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, bytes)


class Bytes(bytes, metaclass=_AnyBytes):
    """Bytes: base64 in JSON, standard or URL-safe alphabet on input, standard with padding on output."""

    @classmethod
    def parse(cls, text: Any) -> Bytes:
        """Padding may be missing. Anything outside the alphabets is refused, never dropped."""
        if not isinstance(text, str):
            raise ValueError("not a string")
        if len(text) % 4:
            text += "=" * (-len(text) % 4)
        if "-" not in text and "_" not in text:
            data = pybase64.b64decode(text, validate=True)
        elif "+" not in text and "/" not in text:
            data = pybase64.b64decode(text, altchars=b"-_", validate=True)
        else:
            data = pybase64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
        return cast(Bytes, data)

    def json(self) -> str:
        return pybase64.b64encode_as_string(self)


class _SecondsAndNanos:
    __slots__ = ("nanos", "seconds")

    def __init__(self, seconds: int = 0, nanos: int = 0) -> None:
        self.seconds = seconds
        self.nanos = nanos

    @classmethod
    def from_parts(cls: type[_Parts], seconds: int, nanos: int) -> _Parts:
        """Checked parts. Raises ValueError when they are out of range or of different signs."""
        value = cls(seconds, nanos)
        if not value._in_range():
            raise ValueError(f"{cls.__name__} value exceeds limits")
        return value

    def _in_range(self) -> bool:
        raise NotImplementedError

    def __eq__(self, other: object) -> bool:
        return (
            type(other) is type(self)
            and isinstance(other, _SecondsAndNanos)
            and (self.seconds, self.nanos) == (other.seconds, other.nanos)
        )

    def __hash__(self) -> int:
        return hash((type(self), self.seconds, self.nanos))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(seconds={self.seconds}, nanos={self.nanos})"


class Duration(_SecondsAndNanos):
    """google.protobuf.Duration: ``"3.5s"`` in JSON; both parts carry the sign."""

    @classmethod
    def parse(cls, text: Any) -> Duration:
        if not isinstance(text, str):
            raise ValueError(f"Invalid data type for duration, value is {text}")
        if not text.endswith("s"):
            raise ValueError("Illegal duration format; duration must end with 's'")
        found = _DURATION.fullmatch(text, 0, len(text) - 1)
        if not found:
            raise ValueError("Invalid duration format, failed to parse seconds")
        sign = -1 if found[1] else 1
        return cls.from_parts(sign * int(found[2]), sign * _nanos(found[3]))

    def json(self) -> str:
        sign = "-" if self.seconds < 0 or self.nanos < 0 else ""
        return f"{sign}{abs(self.seconds)}{_fraction(abs(self.nanos))}s"

    def _in_range(self) -> bool:
        return (
            abs(self.seconds) <= _LONGEST_DURATION
            and abs(self.nanos) < 1_000_000_000
            and self.seconds * self.nanos >= 0
        )


class Timestamp(_SecondsAndNanos):
    """google.protobuf.Timestamp: RFC 3339 in JSON, seconds since 1970 and 0 to 999,999,999 nanos."""

    @classmethod
    def parse(cls, text: Any) -> Timestamp:
        if not isinstance(text, str):
            raise ValueError(f"Invalid data type for timestamp, value is {text}")
        found = _TIMESTAMP.fullmatch(text)
        if not found:
            raise ValueError(f"Invalid time format: {text}")
        local = dt.datetime.fromisoformat(found[1]).replace(tzinfo=dt.UTC)
        seconds = (local - _EPOCH) // dt.timedelta(seconds=1)
        if found[3]:
            offset = int(found[4]) * 3600 + int(found[5]) * 60
            seconds += offset if found[3] == "-" else -offset
        return cls.from_parts(seconds, _nanos(found[2]))

    def json(self) -> str:
        return _rfc3339(self.seconds, self.nanos)

    def _in_range(self) -> bool:
        return _FIRST_SECOND <= self.seconds <= _LAST_SECOND and 0 <= self.nanos < 1_000_000_000


@functools.lru_cache(maxsize=1024)
def _rfc3339(seconds: int, nanos: int) -> str:
    """Cached, since every chunk of a stream repeats the time of its request."""
    moment = _EPOCH + dt.timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + f"{_fraction(nanos)}Z"


def _nanos(digits: str | None) -> int:
    return int(digits.ljust(9, "0")) if digits else 0


def _fraction(nanos: int) -> str:
    """No, three, six or nine digits, whichever suffices."""
    if not nanos:
        return ""
    digits = f"{nanos:09}"
    return "." + (digits[:3] if digits.endswith("000000") else digits[:6] if digits.endswith("000") else digits)


class FieldMask:
    """google.protobuf.FieldMask: snake_case ``paths``; comma-separated lowerCamelCase in JSON."""

    __slots__ = ("paths",)

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self.paths = tuple(paths)

    @classmethod
    def parse(cls, text: Any) -> FieldMask:
        if not isinstance(text, str):
            raise ValueError(f"Invalid data type for field mask, value is {text}")
        return cls(re.sub("[A-Z]", lambda capital: "_" + capital[0].lower(), text).split(",") if text else ())

    def json(self) -> str:
        return re.sub("_([a-z])", lambda letter: letter[1].upper(), ",".join(self.paths))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldMask) and self.paths == other.paths

    def __hash__(self) -> int:
        return hash(self.paths)

    def __repr__(self) -> str:
        return f"FieldMask({self.paths!r})"
