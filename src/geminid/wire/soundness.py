"""What msgspec does not look at: names that repeat in one object, how deep a body nests, how much it holds.

``json.py`` asks here around msgspec. The answers must cost next to nothing for a sound body, a large one too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from geminid.wire.lenient import MAX_DEPTH

_SEARCHED_BYTES = 1 << 20
"""Bodies up to this size are searched for repeated names; in a longer one the last of them counts."""

_COUNTED_BYTES = 1 << 16
"""Up to this size bytes.count is the faster way to see that a character is rare, above it bytes.find."""

_MAX_CONTAINERS = 500_000
"""More objects, or arrays, than this are refused unread: empty ones take forty times their size in memory."""

_BRACKETS = b'{}[]"'
_OTHERS = bytes(set(range(256)) - set(_BRACKETS))
_STEPS = [{"{": 1, "[": 1, "}": -1, "]": -1}.get(chr(byte), 0) for byte in range(256)]


def is_sound(body: bytes | bytearray, encode: Callable[[Any], bytes], decoded: Any) -> bool:
    """Whether valid JSON is neither too deep nor has an object with a repeated name.

    ``decoded`` is what the body was read as, and ``encode`` prints that.
    """
    return not _is_deep(body) and (len(body) > _SEARCHED_BYTES or not _repeats_a_name(body, encode(decoded)))


def is_crowded(body: bytes | bytearray) -> bool:
    """Whether a body would become more objects or arrays than memory is given for."""
    if len(body) <= _MAX_CONTAINERS:
        return False
    return any(not _is_rare(body, bracket) and body.count(bracket) > _MAX_CONTAINERS for bracket in (b"{", b"["))


def _is_deep(body: bytes | bytearray) -> bool:
    if _is_rare(body, b"{") and _is_rare(body, b"["):
        return False
    return _depth(body) > MAX_DEPTH


def _is_rare(body: bytes | bytearray, character: bytes) -> bool:
    """Whether ``character`` is there at most half as often as levels are allowed."""
    if len(body) <= _COUNTED_BYTES:
        return body.count(character) <= MAX_DEPTH // 2
    at = 0
    for _ in range(MAX_DEPTH // 2 + 1):
        at = body.find(character, at) + 1
        if not at:
            return True
    return False


def _depth(body: bytes | bytearray) -> int:
    """How deep valid JSON nests, strings left out."""
    unescaped = body.replace(rb"\\", b"").replace(rb"\"", b"")
    brackets = b"".join(unescaped.translate(None, _OTHERS).split(b'"')[::2])
    return max(accumulate(map(_STEPS.__getitem__, brackets)), default=0)


def _repeats_a_name(body: bytes | bytearray, printed: bytes) -> bool:
    """A colon follows each name; so what prints with as many colons as its body has lost no name.

    Defaults that were given are not printed and lead to the closer look, as do the odd escapes of a colon.
    """
    if body.count(b":") == printed.count(b":"):
        return False
    try:
        json.loads(body, object_pairs_hook=_distinct, parse_int=float)
    except _RepeatedName:
        return True
    return False


class _RepeatedName(Exception):
    pass


def _distinct(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise _RepeatedName
