"""Messages <-> protobuf bytes, from the same declarations as the JSON. What the gRPC door calls.

google.protobuf's own classes read and write the bytes; this file carries values between them and our messages,
by one plan for each message class, made on its first use.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import msgspec
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from msgspec import UNSET

from geminid.errors import InvalidArgument
from geminid.wire import message as declarations
from geminid.wire import values
from geminid.wire.descriptors import build_pool
from geminid.wire.message import FieldSpec, Kind, Message, WireEnum, describe

_M = TypeVar("_M", bound=Message)

_Raw: TypeAlias = Any
"""A message of google.protobuf."""

_Read: TypeAlias = Callable[[Any], Any]
_Write: TypeAlias = Callable[[_Raw, Any], None]

INVALID = "Request contains an invalid argument."


@dataclass(frozen=True, slots=True)
class _Plan:
    """One message class: its google.protobuf class, and what to do with each field."""

    raw: Any
    readers: dict[int, tuple[str, _Read | None]]
    """By field number: the attribute, and how to read its value; None takes it as it is."""

    writers: tuple[tuple[Any, bool, _Write], ...]
    """In the order of the fields: the value that is unset, whether all that is empty is, and how to write."""


class ProtoCodec:
    """The protobuf form of one API version, ``v1`` or ``v1beta1``. Costs nothing until it is used."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._plans: dict[type[Message], _Plan] = {}

    @functools.cached_property
    def pool(self) -> DescriptorPool:
        """The descriptors of this version; a private pool."""
        return build_pool(self._version)

    def full_name(self, cls: type[Message] | type[WireEnum]) -> str:
        """The name of a class in ``pool``."""
        return declarations.full_name(cls, self._version)

    def encode(self, message: Message) -> bytes:
        """The bytes of a message."""
        raw = self._plan(type(message)).raw()
        self._fill(raw, message)
        data: bytes = raw.SerializeToString()
        return data

    def decode(self, cls: type[_M], data: bytes) -> _M:
        """The message that ``data`` says; unknown fields are passed over. Raises InvalidArgument."""
        try:
            return self._message(cls, self._plan(cls).raw.FromString(data))
        except (DecodeError, ValueError):
            raise InvalidArgument(INVALID) from None

    def _message(self, cls: type[_M], raw: _Raw) -> _M:
        readers = self._plan(cls).readers
        found = {}
        for field, value in raw.ListFields():
            name, read = readers[field.number]
            found[name] = read(value) if read else value
        return cls(**found)

    def _fill(self, raw: _Raw, message: Message) -> None:
        writers = self._plan(type(message)).writers
        for (unset, plain, write), value in zip(writers, msgspec.structs.astuple(message), strict=True):
            if value is not unset and (value or not plain):
                write(raw, value)

    def _plan(self, cls: type[Message]) -> _Plan:
        plan = self._plans.get(cls)
        if plan is None:
            specs = describe(cls).fields
            plan = self._plans[cls] = _Plan(
                raw=GetMessageClass(self.pool.FindMessageTypeByName(self.full_name(cls))),
                readers={spec.number: (spec.name, self._reader(spec)) for spec in specs},
                writers=tuple((*_unset(spec), self._writer(spec)) for spec in specs),
            )
        return plan

    def _reader(self, spec: FieldSpec) -> _Read | None:
        cls: Any = spec.type
        if spec.kind is Kind.MESSAGE:
            read: _Read | None = functools.partial(self._message, cls)
        elif spec.kind is Kind.ENUM:
            read = {member.number: member for member in cls}.get
        else:
            read = values.READERS.get(spec.kind)
        if spec.map:
            # By name, since protobuf's maps come in another order in every process.
            return lambda entries: {key: read(entries[key]) if read else entries[key] for key in sorted(entries)}
        if not spec.repeated:
            return read
        if read is None:
            return list
        if spec.kind is Kind.ENUM:
            # A number without a member is a newer client's; it is passed over, as an unknown field is.
            return lambda numbers: [member for number in numbers if (member := read(number))]
        return lambda items: [read(item) for item in items]

    def _writer(self, spec: FieldSpec) -> _Write:
        name = spec.name
        if spec.kind in values.WRITERS or spec.kind is Kind.MESSAGE:
            fill = self._fill if spec.kind is Kind.MESSAGE else values.WRITERS[spec.kind]
            return _message_writer(name, fill, spec)
        if spec.map:
            return lambda raw, entries: getattr(raw, name).update(entries)
        if spec.repeated and spec.kind is Kind.ENUM:
            return lambda raw, members: getattr(raw, name).extend(member.number for member in members)
        if spec.repeated:
            return lambda raw, items: getattr(raw, name).extend(items)
        if spec.kind is Kind.ENUM:
            return lambda raw, member: setattr(raw, name, member.number)
        return lambda raw, value: setattr(raw, name, value)


def _unset(spec: FieldSpec) -> tuple[Any, bool]:
    if spec.kind is Kind.VALUE and not spec.repeated:
        return UNSET, False
    return None, not spec.optional


def _message_writer(name: str, fill: _Write, spec: FieldSpec) -> _Write:
    """How to write fields that hold messages of google.protobuf, one or many."""

    def write_one(raw: _Raw, value: Any) -> None:
        inner = getattr(raw, name)
        inner.SetInParent()
        fill(inner, value)

    def write_list(raw: _Raw, items: list[Any]) -> None:
        add = getattr(raw, name).add
        for item in items:
            fill(add(), item)

    def write_map(raw: _Raw, entries: dict[str, Any]) -> None:
        inner = getattr(raw, name)
        for key, value in entries.items():
            fill(inner[key], value)

    return write_map if spec.map else write_list if spec.repeated else write_one
