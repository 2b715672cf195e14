"""What an engine is asked and answers, as bytes: values of ``generation.py`` and their kin, tagged by their class.

Both ends are processes of one server and of one version, so that names of classes are enough, and nothing is
executed that was received. Called by ``remote.py``.
"""

from __future__ import annotations

import dataclasses
import enum
import struct
from asyncio import StreamReader
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any, Final

import msgspec

from geminid import attachment, errors, generation
from geminid.engines import base

_LENGTH: Final = struct.Struct(">I")
_MOST, _LEAST = 2**64 - 1, -(2**63)
"""The integers of MessagePack; JSON, and so the arguments of a call, may have others."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def _values(*modules: ModuleType) -> Iterator[tuple[str, type[Any]]]:
    for module in modules:
        for name, value in vars(module).items():
            if isinstance(value, type) and value.__module__ == module.__name__ and _is_value(value):
                yield name, value


def _is_value(cls: type) -> bool:
    return dataclasses.is_dataclass(cls) or issubclass(cls, (msgspec.Struct, enum.Enum))


_CLASSES: Final[dict[str, Callable[..., Any]]] = {
    "tuple": lambda *items: items,
    "list": lambda *items: list(items),
    "frozenset": lambda *items: frozenset(items),
    "int": int,
    **dict(_values(generation, attachment, errors, base)),
}
_FIELDS: Final[dict[Any, tuple[str, ...]]] = {
    cls: cls.__match_args__
    for cls in _CLASSES.values()
    if isinstance(cls, type) and not issubclass(cls, enum.Enum) and hasattr(cls, "__match_args__")
}


def frame(*values: object) -> bytes:
    """Raises TypeError for a value that has no form."""
    payload = _encode([_written(value) for value in values])
    return _LENGTH.pack(len(payload)) + payload


async def read(reader: StreamReader) -> list[Any]:
    """The values of the next frame. Raises asyncio.IncompleteReadError where there is none."""
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return [_read(value) for value in _decode(await reader.readexactly(length))]


def _written(value: object) -> object:
    match value:
        case None | bool() | float() | str() | bytes():
            return value
        case enum.Enum():
            return [type(value).__name__, value.value]
        case int():
            return value if _LEAST <= value <= _MOST else ["int", str(value)]
        case tuple() | list() | frozenset():
            return [type(value).__name__, *map(_written, value)]
        case Mapping():
            return {key: _written(each) for key, each in value.items()}
    fields = _FIELDS.get(type(value))
    if fields is None:
        raise TypeError(f"{type(value).__name__} cannot be sent to an engine")
    return [type(value).__name__, *(_written(getattr(value, name)) for name in fields)]


def _read(value: Any) -> Any:
    match value:
        case list():
            return _CLASSES[value[0]](*map(_read, value[1:]))
        case dict():
            return {key: _read(each) for key, each in value.items()}
    return value
