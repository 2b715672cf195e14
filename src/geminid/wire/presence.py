"""What an unset field is: proto3 defaults from a declaration's types, and one form for every unset value.

msgspec leaves a field out of its output when it holds the default, by identity for all but empty containers.
So a message makes the zeros that it is given into the objects that are its defaults. Used by ``message.py`` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET

from geminid.wire.scalars import Bytes, Int64, WireEnum

_ZEROS: dict[str, Any] = {
    "str": "",
    "bool": False,
    "Int32": 0,
    "Int64": Int64(0),
    "float": 0.0,
    "Float32": 0.0,
    "Bytes": Bytes(),
    "Any": UNSET,
}
_FRESH_ZEROS = ("Int64", "float", "Float32", "Bytes")
"""Types whose zero need not be the object in ``_ZEROS``."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What ``field()`` says of a field, next to its annotation."""

    number: int
    oneof: str | None


def default(annotation: str) -> Any:
    """The default of a field, for msgspec. Raises TypeError for a type that has none."""
    if annotation.endswith("| None"):
        return None
    head = annotation.partition("[")[0]
    if head in ("list", "dict"):
        return msgspec.field(default_factory=list if head == "list" else dict)
    if annotation not in _ZEROS:
        raise TypeError(f"a field of type {annotation!r} has no proto3 default: write `| None`")
    return _ZEROS[annotation]


def canonical(
    declared: Mapping[str, Declared], annotations: Mapping[str, str], known: Mapping[str, Any]
) -> Callable[[Any], None] | None:
    """A ``__post_init__`` that refuses two members of one oneof and gives unset values one form, if needed.

    ``known`` are the names of the module, where enums stand above the messages that use them.
    """
    groups = [(oneof, attrgetter(*names), len(names) - 1) for oneof, names in _oneofs(declared).items()]
    zeros = [(key, _ZEROS[kind]) for key, kind in annotations.items() if kind in _FRESH_ZEROS]
    enums = [key for key, kind in annotations.items() if not declared[key].oneof and _is_enum(kind, known)]
    if not (groups or zeros or enums):
        return None

    def __post_init__(self: Any) -> None:
        for oneof, members, others in groups:
            if members(self).count(None) < others:
                raise ValueError(f"more than one member of oneof {oneof!r} is set")
        for name, zero in zeros:
            if not getattr(self, name):
                setattr(self, name, zero)
        for name in enums:
            value = getattr(self, name)
            if value is not None and not value.number:
                setattr(self, name, None)

    return __post_init__


def _oneofs(declared: Mapping[str, Declared]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for name, declaration in declared.items():
        if declaration.oneof:
            groups.setdefault(declaration.oneof, []).append(name)
    return {oneof: names for oneof, names in groups.items() if len(names) > 1}


def _is_enum(annotation: str, known: Mapping[str, Any]) -> bool:
    named = known.get(annotation.removesuffix(" | None"))
    return isinstance(named, type) and issubclass(named, WireEnum)
