"""Arbitrary messages, and the classes of Google's own package that they are compared with."""

from __future__ import annotations

import functools
import importlib
import string
from collections.abc import Callable
from typing import Any, TypeAlias, cast

import pytest
from google.protobuf import descriptor_pool
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from geminid.wire.message import (
    Bytes,
    Duration,
    FieldMask,
    FieldSpec,
    Int64,
    Kind,
    Message,
    Timestamp,
    describe,
    full_name,
)
from geminid.wire.values import shortest

Fields: TypeAlias = Callable[[type[Message], FieldSpec], bool]
Arbitrary: TypeAlias = Callable[..., SearchStrategy[Any]]

_DEPTH = 2
_words = st.text(string.ascii_lowercase, min_size=1, max_size=5)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.just(0.5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
# The bounds of a Schema, int64 and double, have presence in ours alone: zero is left to tests of their own.
_scalars: dict[Kind, SearchStrategy[Any]] = {
    Kind.STRING: st.text(max_size=8),
    Kind.BOOL: st.booleans(),
    Kind.INT32: st.integers(-(2**31), 2**31 - 1),
    Kind.INT64: st.integers(-(2**63), 2**63 - 1).filter(bool).map(Int64),
    Kind.FLOAT: st.floats(-(2.0**127), 2.0**127, width=32).map(shortest),
    Kind.DOUBLE: st.floats(allow_nan=False, allow_infinity=False).filter(bool),
    Kind.BYTES: st.binary(max_size=8).map(Bytes),
    Kind.DURATION: st.builds(Duration, st.integers(0, 315_576_000_000), st.integers(0, 999_999_999)),
    Kind.TIMESTAMP: st.builds(Timestamp, st.integers(-62_135_596_800, 253_402_300_799), st.just(5_000)),
    Kind.FIELD_MASK: st.lists(st.lists(_words, min_size=1, max_size=3).map("_".join), max_size=3).map(FieldMask),
    Kind.STRUCT: st.dictionaries(st.text(max_size=5), _json, max_size=3),
    Kind.VALUE: _json,
}


def _values(spec: FieldSpec, fields: Fields, depth: int) -> SearchStrategy[Any]:
    cls: Any = spec.type
    if spec.kind is Kind.MESSAGE:
        one = _messages(cls, fields, depth - 1)
    elif spec.kind is Kind.ENUM:
        one = st.sampled_from(list(cls))
    else:
        one = _scalars[spec.kind]
    if spec.repeated:
        return st.lists(one, max_size=2)
    return st.dictionaries(st.text(max_size=5), one, max_size=2) if spec.map else one


@functools.cache
def _messages(cls: type[Message], fields: Fields, depth: int) -> SearchStrategy[Any]:
    specs = [spec for spec in describe(cls).fields if fields(cls, spec)]
    specs = [spec for spec in specs if depth or spec.kind is not Kind.MESSAGE]
    free = {spec.name: _values(spec, fields, depth) for spec in specs if not spec.oneof}
    parts = [st.fixed_dictionaries({}, optional=free)]
    for oneof in {spec.oneof for spec in specs if spec.oneof}:
        members = [spec for spec in specs if spec.oneof == oneof]
        given = [st.fixed_dictionaries({spec.name: _values(spec, fields, depth)}) for spec in members]
        parts.append(st.one_of(st.just({}), *given))
    return st.tuples(*parts).map(lambda chosen: cls(**functools.reduce(dict.__or__, chosen)))


@pytest.fixture(scope="session")
def arbitrary() -> Arbitrary:
    """Makes a strategy for messages of a class, two levels deep, with the fields that a filter lets through."""

    def of(cls: type[Message], fields: Fields = lambda cls, spec: True) -> SearchStrategy[Any]:
        return _messages(cls, fields, _DEPTH)

    return of


class Published:
    """The classes of google-cloud-aiplatform, which are in protobuf's default pool."""

    def __init__(self) -> None:
        for version in ("v1", "v1beta1"):
            importlib.import_module(f"google.cloud.aiplatform_{version}.types")
        self.pool = descriptor_pool.Default()

    def find(self, cls: type[Message], version: str) -> Any:
        """Google's class for one of ours; None when that version has none."""
        try:
            return GetMessageClass(self.pool.FindMessageTypeByName(full_name(cls, version)))
        except KeyError:
            return None

    @functools.cache  # noqa: B019
    def fields(self, version: str) -> Fields:
        """Lets through the fields that Google's class has as well, with as many enum members.

        Except ``null_value``, which is null in Google's JSON and its name in ours.
        """

        @functools.cache
        def known(cls: type[Message]) -> set[tuple[int, str, int]]:
            theirs = self.find(cls, version)
            return {_row(field) for field in theirs.DESCRIPTOR.fields} if theirs else set()

        def has(cls: type[Message], spec: FieldSpec) -> bool:
            members = len(list(cast(Any, spec.type))) if spec.kind is Kind.ENUM else 0
            return (spec.number, spec.name, members) in known(cls) and spec.name != "null_value"

        return has


def _row(field: Any) -> tuple[int, str, int]:
    # proto-plus appends an underscore to names that Python has taken.
    return field.number, field.name.rstrip("_"), len(field.enum_type.values) if field.enum_type else 0


@pytest.fixture(scope="session")
def published() -> Published:
    return Published()
