"""Messages <-> JSON, as Google's front end reads and prints it. What the REST doors call.

A body in Google's own spelling takes the fast path, one msgspec decoder for each message class. Any other takes
the slow path, which accepts what the real service accepts and words its refusals: ``lenient.py`` reads what is
not quite JSON, ``conform.py`` makes it a message.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from geminid.wire import lenient
from geminid.wire.conform import conform
from geminid.wire.message import FieldSpec, Kind, Message, describe
from geminid.wire.soundness import is_crowded, is_sound

_M = TypeVar("_M", bound=Message)

_UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
_decoders: dict[type[Message], msgspec.json.Decoder[Any]] = {}


def decode(cls: type[_M], body: bytes | bytearray, version: str = "v1", path: str = "") -> _M:
    """The message that a body says. Raises InvalidArgument in Google's words, with all violations.

    ``version`` is the API's, ``v1`` or ``v1beta1``; it names the types in violations. ``path`` is the field of the
    request that the body is, where it is not all of it.
    """
    if is_crowded(body):
        raise lenient.invalid("Too many values.")
    decoder = _decoders.get(cls)
    if decoder is None:
        decoder = _decoders[cls] = msgspec.json.Decoder(cls, dec_hook=_parse)
    try:
        message: _M = decoder.decode(body)
    except _UNREADABLE:
        return conform(cls, _plain(body), version, path)
    if is_sound(body, _ENCODER.encode, message):
        return message
    return conform(cls, _plain(body), version, path)


def encode(message: Message, *, enum_ints: bool = False, pretty: bool = True) -> bytes:
    """JSON in the order of field numbers, without defaults; enums by name, or by number for ``enum_ints``.

    ``pretty`` is two-space indent and a newline at the end, otherwise there is no white space at all.
    """
    data = _compact(message, enum_ints)
    return msgspec.json.format(data, indent=2) + b"\n" if pretty else data


def encode_line(message: Message, *, enum_ints: bool = False) -> bytes:
    """JSON in one line, with one space after the colon of a key: the form of server-sent events."""
    data = _compact(message, enum_ints)
    for other_quote in _OTHER_QUOTES:
        if other_quote in data:
            return _END_OF_NAME.sub(b'": ', data)
    return data.replace(b'":', b'": ')


_OTHER_QUOTES = (b'\\":', b':":', b'[":', b',":', b'{":')
"""Quotes before a colon that do not end a name: escaped inside a string, or opening one that has the colon."""

_END_OF_NAME = re.compile(rb'(?<![\\:\[,{])":')


def _parse(cls: Any, value: Any) -> Any:
    return cls.parse(value)


def _json(value: Any) -> Any:
    return value.json()


_ENCODER = msgspec.json.Encoder(enc_hook=_json)

_ESCAPES = (
    (b"<", rb"\u003c"),
    (b">", rb"\u003e"),
    # Line ends to some readers of event streams, such as Python's str.splitlines.
    ("\u0085".encode(), rb"\u0085"),
    ("\u2028".encode(), rb"\u2028"),
    ("\u2029".encode(), rb"\u2029"),
)


def _compact(message: Message, enum_ints: bool) -> bytes:
    data = _ENCODER.encode(_numbered(message) if enum_ints else message)
    for raw, escape in _ESCAPES:
        if raw in data:
            data = data.replace(raw, escape)
    return data


def _numbered(message: Message) -> dict[str, Any]:
    """A message as a dict in which enums are numbers."""
    plain = {}
    for spec in describe(type(message)).fields:
        value = getattr(message, spec.name)
        if value is UNSET or (not value and _is_unset(spec, value)):
            continue
        if spec.kind in (Kind.ENUM, Kind.MESSAGE):
            number = _numbered if spec.kind is Kind.MESSAGE else _number
            if spec.repeated:
                value = [number(item) for item in value]
            elif spec.map:
                value = {key: number(item) for key, item in value.items()}
            else:
                value = number(value)
        plain[spec.json_name] = value
    return plain


def _is_unset(spec: FieldSpec, value: Any) -> bool:
    """Whether an empty value is that of an unset field."""
    if spec.kind is Kind.VALUE and not spec.repeated:
        return False
    return value is None or not spec.optional


def _number(value: Any) -> int:
    number: int = value.number
    return number


def _plain(body: bytes | bytearray) -> Any:
    try:
        plain = msgspec.json.decode(body)
    except _UNREADABLE:
        return lenient.parse(body.decode("utf-8-sig", "replace"))
    if is_sound(body, _ENCODER.encode, plain):
        return plain
    return lenient.parse(body.decode("utf-8-sig", "replace"))
