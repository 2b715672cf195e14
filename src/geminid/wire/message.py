"""How a message is declared: once, in Python, each field with its proto number.

    class Blob(Message):
        mime_type: str = field(1)
        data: Bytes = field(2)

From such declarations msgspec makes the JSON codec (``wire/json.py``) and ``wire/proto.py`` the protobuf one.
This file is the language of the declarations and the description that the codecs read; it knows no message.

Presence follows proto3. A plain scalar defaults to its zero and is then absent from the output. ``X | None``
has explicit presence; so have all messages, ``Struct`` among them. An enum's zero (``…_UNSPECIFIED``) says
nothing and becomes None, except in a oneof. ``Any`` is ``google.protobuf.Value``: unset is ``UNSET``, None is
JSON null.
"""

from __future__ import annotations

import enum
import functools
import sys
import types
import typing
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import msgspec

from geminid.wire.presence import Declared, canonical, default
from geminid.wire.scalars import Bytes, Duration, FieldMask, Int64, Timestamp, WireEnum

__all__ = [
    "FLOAT32_MAX",
    "VERTEX",
    "Bytes",
    "Duration",
    "FieldMask",
    "FieldSpec",
    "Float32",
    "Int32",
    "Int64",
    "Kind",
    "Message",
    "MessageSpec",
    "Struct",
    "Timestamp",
    "WireEnum",
    "describe",
    "field",
    "full_name",
]

VERTEX = "google.cloud.aiplatform"
"""Messages without a package of their own live in ``google.cloud.aiplatform.{v1,v1beta1}``."""

FLOAT32_MAX = 3.4028235e38
"""The largest float, as it prints in as few digits as tell it from the next."""

Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
Float32 = Annotated[float, msgspec.Meta(ge=-FLOAT32_MAX, le=FLOAT32_MAX)]
Struct = dict[str, Any]


def field(number: int, *, oneof: str | None = None) -> Any:
    """Declares a field: its proto number, and the oneof it belongs to. The default follows from the type."""
    return Declared(number, oneof)


class _Meta(msgspec.StructMeta):
    """Takes the numbers out of the class body and leaves proto3 defaults for msgspec in their place."""

    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], proto: str = "", **config: Any
    ) -> Any:
        declared = {key: value for key, value in namespace.items() if isinstance(value, Declared)}
        annotations = {key: namespace["__annotations__"][key] for key in declared}
        known = vars(sys.modules[namespace["__module__"]])
        if post_init := canonical(declared, annotations, known):
            namespace["__post_init__"] = post_init
        for key, annotation in annotations.items():
            namespace[key] = default(annotation)
        cls: Any = super().__new__(mcls, name, bases, namespace, **config)
        cls.proto_name = proto or name
        cls.declared = declared
        return cls


class Message(
    msgspec.Struct,
    metaclass=_Meta,
    omit_defaults=True,
    rename="camel",
    forbid_unknown_fields=True,
    kw_only=True,
):
    """Base of all messages. ``proto`` names one that is nested or lives in another package.

    Fields are declared in the order of their numbers, which is the order Google prints them in.
    """

    proto_name: ClassVar[str]
    declared: ClassVar[dict[str, Declared]]

    if typing.TYPE_CHECKING:

        def __init_subclass__(cls, proto: str = "", **config: Any) -> None: ...


def full_name(cls: type[Message] | type[WireEnum], version: str) -> str:
    """``google.cloud.aiplatform.v1.Candidate.FinishReason``; names outside Vertex AI have no version."""
    name = cls.proto_name
    return name if name.startswith("google.") else f"{VERTEX}.{version}.{name}"


class Kind(enum.Enum):
    """The proto type of a field, apart from being repeated or a map."""

    STRING = "string"
    BOOL = "bool"
    INT32 = "int32"
    INT64 = "int64"
    FLOAT = "float"
    DOUBLE = "double"
    BYTES = "bytes"
    ENUM = "enum"
    MESSAGE = "message"
    DURATION = "google.protobuf.Duration"
    TIMESTAMP = "google.protobuf.Timestamp"
    FIELD_MASK = "google.protobuf.FieldMask"
    STRUCT = "google.protobuf.Struct"
    VALUE = "google.protobuf.Value"


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field as the codecs see it. ``type`` is the Message or WireEnum class of those kinds.

    A map's keys are strings; ``kind`` and ``type`` are those of its values.
    """

    name: str
    json_name: str
    number: int
    kind: Kind
    type: type[Message] | type[WireEnum] | None = None
    repeated: bool = False
    map: bool = False
    oneof: str | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class MessageSpec:
    """A message's fields in the order of their numbers, and by both spellings of their names."""

    type: type[Message]
    fields: tuple[FieldSpec, ...]
    by_name: dict[str, FieldSpec]


_SCALARS: dict[Any, Kind] = {
    str: Kind.STRING,
    bool: Kind.BOOL,
    Int32: Kind.INT32,
    Int64: Kind.INT64,
    Float32: Kind.FLOAT,
    float: Kind.DOUBLE,
    Bytes: Kind.BYTES,
    Duration: Kind.DURATION,
    Timestamp: Kind.TIMESTAMP,
    FieldMask: Kind.FIELD_MASK,
    Struct: Kind.STRUCT,
    Any: Kind.VALUE,
}


@functools.cache
def describe(cls: type[Message]) -> MessageSpec:
    """The description of a message class, made once, after all modules with messages are imported."""
    hints = typing.get_type_hints(cls, include_extras=True)
    specs = [
        _spec(name, declared, hints[name])
        for name, declared in sorted(cls.declared.items(), key=lambda item: item[1].number)
    ]
    by_name = {spec.name: spec for spec in specs} | {spec.json_name: spec for spec in specs}
    return MessageSpec(cls, tuple(specs), by_name)


def _spec(name: str, declared: Declared, hint: Any) -> FieldSpec:
    optional = repeated = is_map = False
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        optional = True
        (hint,) = (arm for arm in typing.get_args(hint) if arm is not type(None))
    if hint not in _SCALARS:
        if typing.get_origin(hint) is list:
            repeated = True
            (hint,) = typing.get_args(hint)
        elif typing.get_origin(hint) is dict:
            is_map = True
            hint = typing.get_args(hint)[1]
    kind, of = _kind(hint)
    head, *tail = name.split("_")
    json_name = head + "".join(word.capitalize() for word in tail)
    return FieldSpec(name, json_name, declared.number, kind, of, repeated, is_map, declared.oneof, optional)


def _kind(hint: Any) -> tuple[Kind, type[Message] | type[WireEnum] | None]:
    if hint in _SCALARS:
        return _SCALARS[hint], None
    if isinstance(hint, type) and issubclass(hint, WireEnum):
        return Kind.ENUM, hint
    if isinstance(hint, type) and issubclass(hint, Message):
        return Kind.MESSAGE, hint
    raise TypeError(f"{hint!r} is no type of a proto field")
