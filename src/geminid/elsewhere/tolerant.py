"""JSON that others answered with -> messages. What is not known here is left out; a request would be refused.

A service is changed without asking its clients: fields and enum values are added. Each that is left out is logged
once. Called by what reads answers, live or recorded.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import msgspec

from geminid.errors import INTERNAL, Internal, InvalidArgument
from geminid.wire import convert, json
from geminid.wire.conform import conform
from geminid.wire.grounding import CitationMetadata
from geminid.wire.message import FieldSpec, Kind, Message, WireEnum, describe

_log = logging.getLogger(__name__)

_M = TypeVar("_M", bound=Message)

_DEVELOPER: Mapping[type[Message], Mapping[str, str]] = {CitationMetadata: {"citationSources": "citations"}}
"""What the Developer API calls otherwise (google/ai/generativelanguage/v1beta/citation.proto)."""


def decode(cls: type[_M], body: bytes) -> _M:
    """The message that an answer says. Raises Internal where it is none."""
    try:
        return json.decode(cls, body)
    except InvalidArgument:
        pass
    try:
        return message(cls, msgspec.json.decode(body))
    except msgspec.MsgspecError as error:
        raise Internal(INTERNAL) from error


def message(cls: type[_M], plain: Any) -> _M:
    """The message that plain JSON values say. Raises Internal where they say none."""
    if not isinstance(plain, dict):
        raise Internal(INTERNAL)
    try:
        return conform(cls, _known(cls, plain), "v1")
    except InvalidArgument as error:
        _log.warning("an answer cannot be read: %s", error.message)
        raise Internal(INTERNAL) from error


def _known(cls: type[Message], plain: Mapping[str, Any]) -> dict[str, Any]:
    by_name = describe(cls).by_name
    known = {}
    for name, value in plain.items():
        name = _DEVELOPER.get(cls, {}).get(name, name)
        spec = by_name.get(name)
        if spec is None:
            _tell(cls.proto_name, name)
        elif value is not None:
            known[name] = _value(spec, value)
    return known


def _value(spec: FieldSpec, value: Any) -> Any:
    if spec.kind is Kind.MESSAGE:
        inner = cast("type[Message]", spec.type)
        return _each(spec, value, lambda one: _known(inner, one) if isinstance(one, dict) else one)
    if spec.kind is Kind.ENUM:
        enum = cast("type[WireEnum]", spec.type)
        return _each(spec, value, lambda one: _member(enum, one))
    return value


def _each(spec: FieldSpec, value: Any, one: Any) -> Any:
    if isinstance(value, list):
        return [one(item) for item in value]
    if spec.map and isinstance(value, dict):
        return {key: one(item) for key, item in value.items()}
    return one(value)


def _member(enum: type[WireEnum], value: Any) -> Any:
    """A value as it is if it is known, OTHER where the enum has that, or its zero."""
    try:
        convert.enum(enum, value)
    except (ValueError, OverflowError):
        _tell(enum.proto_name, str(value)[:100])
        members = enum.__members__
        return members.get("OTHER") or next(one for one in enum if one.number == 0)
    return value


@functools.lru_cache(maxsize=1024)
def _tell(where: str, name: str) -> None:
    _log.warning("an answer has %s of %s, which is not known here and left out", name, where)
