"""The keywords of JSON Schema that hold no schemas: types, texts, counts, bounds, formats, enums.

Each reader takes a client's value and gives the one that is kept, or raises InvalidArgument with the place.
Called by ``reader.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from geminid.gemini.schema.node import Node, clipped

MAX_ENUM = 500
_LONGEST_PATTERN = 1_000
_ANNOTATIONS = ("title", "description")
_NOT_WRAPPED = frozenset({"$ref", "anyOf", "allOf", "const"})
_HIGHEST_LEAST = {"minLength": 10_000, "minItems": 1_000, "minProperties": 1_000}
_BEYOND_ANY_ANSWER = 2**31
_HIGHEST_BOUND = 2**63
_EXACT = 2**53
"""Doubles below this hold every integer."""

_TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
_FORMATS = frozenset({"date", "date-time", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uri", "uuid"})
_ENCODINGS = frozenset({"binary", "byte"})
_INTEGERS = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63) + 1024, 2**63 - 1)}
"""The ranges of integer formats. Grammars have their bounds as doubles, and the one after -2**63 is 1024 off."""

_PAIRS = (
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
    ("minimum", "maximum"),
)


def _type(node: Node, keyword: str, value: Any) -> str | list[str]:
    """One type or several. Names are taken in any case, since clients send those of Google's enum."""
    names = value if isinstance(value, list) else [value]
    types: list[str] = []
    for name in names:
        lower = name.lower() if isinstance(name, str) else None
        if lower not in _TYPES:
            raise node.refusal(keyword, f"`{clipped(str(name))}` is no type")
        if lower not in types:
            types.append(lower)
    if not types:
        raise node.refusal(keyword, "it lists no types")
    return types if isinstance(value, list) else types[0]


def text(node: Node, keyword: str, value: Any) -> str:
    if not isinstance(value, str):
        raise node.refusal(keyword, "it is no string")
    return value


def _pattern(node: Node, keyword: str, value: Any) -> str:
    if len(text(node, keyword, value)) > _LONGEST_PATTERN:
        raise node.refusal(keyword, f"it has more than {_LONGEST_PATTERN} characters")
    return str(value)


def _count(node: Node, keyword: str, value: Any) -> int | None:
    """A length or a number of things; None for a maximum that no answer reaches."""
    number = _plain(value)
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise node.refusal(keyword, "it is no whole number from 0 on")
    highest = _HIGHEST_LEAST.get(keyword)
    if highest is None:
        return int(number) if number < _BEYOND_ANY_ANSWER else None
    if number > highest:
        raise node.refusal(keyword, f"it is more than {highest}")
    return int(number)


def _bound(node: Node, keyword: str, value: Any) -> int | float:
    number = _plain(value)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise node.refusal(keyword, "it is no number")
    if not -_HIGHEST_BOUND <= number <= _HIGHEST_BOUND:
        raise node.refusal(keyword, "it is not within 64 bits")
    return number


def multiple(node: Node, value: Any) -> tuple[int | float, int]:
    """A divisor, and its digits as an integer, which tell what its grammar costs."""
    number = _bound(node, "multipleOf", value)
    if number <= 0:
        raise node.refusal("multipleOf", "it is not above 0")
    digits = Decimal(str(number)).normalize().as_tuple().digits
    return number, int("".join(map(str, digits)))


def _enum(node: Node, keyword: str, value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise node.refusal(keyword, "it lists no values")
    if len(value) > MAX_ENUM:
        raise node.refusal(keyword, f"it has {len(value)} values, and {MAX_ENUM} are supported")
    return [_plain(one) for one in value]


def _required(node: Node, keyword: str, value: Any) -> list[str] | None:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise node.refusal(keyword, "it is no list of names")
    return list(dict.fromkeys(value)) or None


def _constant(node: Node, keyword: str, value: Any) -> Any:
    return _plain(value)


def _plain(value: Any) -> Any:
    """A value with whole floats as integers: a Struct delivers every number as a double."""
    match value:
        case float():
            return int(value) if value.is_integer() and abs(value) < _EXACT else value
        case list():
            return [_plain(one) for one in value]
        case dict():
            return {key: _plain(one) for key, one in value.items()}
    return value


def format_of(node: Node, read: dict[str, Any]) -> dict[str, Any]:
    """What ``format`` adds to a schema of which the rest is ``read``."""
    name = text(node, "format", node.words["format"])
    said = read.get("type", [])
    types = said if isinstance(said, list) else [said]
    if name in _FORMATS and ("string" in types or not types):
        return {"format": name}
    if name in _INTEGERS and "integer" in types:
        low, high = _INTEGERS[name]
        return {"minimum": max(low, read.get("minimum", low)), "maximum": min(high, read.get("maximum", high))}
    if name in ("float", "double") and "number" in types:
        return {}
    if not node.google and (name in _ENCODINGS or "pattern" in read):
        return {}  # zod says `starts_with`, `cuid` and the like beside the pattern that means it
    of = f" of the type {' or '.join(types)}" if types else ""
    raise node.refusal("format", f"`{clipped(name)}` is no supported format{of}")


def check_pairs(node: Node, read: dict[str, Any]) -> None:
    """Raises for a minimum above its maximum."""
    for low, high in _PAIRS:
        if low in read and high in read and read[low] > read[high]:
            raise node.refusal(low, f"it is more than {high}")


def is_nullable(node: Node) -> bool:
    said = node.words.get("nullable", False)
    if not isinstance(said, bool):
        raise node.refusal("nullable", "it is neither true nor false")
    return said


def nullable(read: dict[str, Any]) -> dict[str, Any]:
    """The schema that null satisfies too, as OpenAPI 3.0 has it."""
    said = read.keys() - set(_ANNOTATIONS)
    if not said:
        return read
    if "type" in said and said.isdisjoint(_NOT_WRAPPED):
        types = read["type"] if isinstance(read["type"], list) else [read["type"]]
        read["type"] = list(dict.fromkeys([*types, "null"]))
        if None not in read.get("enum", [None]):
            read["enum"] = [*read["enum"], None]
        return read
    if said == {"anyOf"}:
        read["anyOf"].append({"type": "null"})
        return read
    notes = {word: read.pop(word) for word in _ANNOTATIONS if word in read}
    return {**notes, "anyOf": [read, {"type": "null"}]}


READERS: dict[str, Callable[[Node, str, Any], Any]] = {
    "type": _type,
    "enum": _enum,
    "const": _constant,
    "required": _required,
    "pattern": _pattern,
    **dict.fromkeys(_ANNOTATIONS, text),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _bound),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _count),
    **dict.fromkeys(("minProperties", "maxProperties"), _count),
}
"""What reads each keyword by itself: given its node, its name and its value, it gives what is kept, or None."""
