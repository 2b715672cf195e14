"""Reads JSON Schema: where a reference leads, which references recur, what two schemas say together.

It judges no values and bounds nothing. ``engines/bounded.py`` calls it. The keywords are those of draft 2020-12
that llguidance compiles (https://github.com/guidance-ai/llguidance/blob/main/docs/json_schema.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, TypeAlias
from urllib.parse import unquote

Schema: TypeAlias = Mapping[str, Any]
Subschema: TypeAlias = Schema | bool

_NUMBER = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
KEYWORDS: Mapping[str, tuple[str, ...]] = {
    "string": ("minLength", "maxLength", "pattern", "format"),
    "number": _NUMBER,
    "integer": _NUMBER,
    "array": ("items", "prefixItems", "minItems", "maxItems"),
    "object": (
        "properties",
        "patternProperties",
        "additionalProperties",
        "required",
        "minProperties",
        "maxProperties",
    ),
}
"""What each type is described by."""

ALTERNATIVES = ("anyOf", "oneOf")

_MAPS = ("properties", "patternProperties")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLE = ("items", "additionalProperties")
_READ = {"$ref", "allOf", *ALTERNATIVES, "type", "enum", *(key for keys in KEYWORDS.values() for key in keys)}
_UNREAD = {
    *("not", "if", "then", "else", "contains", "uniqueItems", "propertyNames", "additionalItems", "dependencies"),
    *("dependentRequired", "dependentSchemas", "unevaluatedItems", "unevaluatedProperties", "$dynamicRef"),
}

_WITH_PATTERNS = {"patternProperties", "properties", "additionalProperties"}
"""What one schema says of the rest of its properties is not for those that match a pattern of the other."""

_MOST_ALTERNATIVES = 1000

NOTHING: Schema = {"enum": []}
"""The schema that no value satisfies. ``False`` stands only where a schema is part of another."""


class Unreadable(Exception):
    """A schema that says something that this file does not understand; the message says what."""


def assertions(schema: Subschema) -> Schema:
    """The schema without titles, descriptions and the like, and with ``const`` as ``enum``.

    It is the schema itself where nothing changes. Raises Unreadable for a keyword that asserts something else.
    """
    if isinstance(schema, bool):
        return {} if schema else NOTHING
    unread = next((key for key in schema if key in _UNREAD and (key, schema[key]) != ("uniqueItems", False)), None)
    if unread or isinstance(schema.get("items"), list):
        raise Unreadable(unread or "items")
    if "const" in schema:
        values = [value for value in schema.get("enum", [schema["const"]]) if same(value, schema["const"])]
        schema = {**schema, "enum": values}
    return schema if schema.keys() <= _READ else {key: schema[key] for key in schema if key in _READ}


def target(root: Schema, reference: str) -> Subschema:
    """What a local reference (``#``, ``#/$defs/name``) leads to. Raises Unreadable for any other."""
    path = unquote(reference.removeprefix("#"))
    if not reference.startswith("#") or (path and not path.startswith("/")):
        raise Unreadable(reference)
    found: Any = root
    for step in path.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        try:
            found = found[int(name) if isinstance(found, list) else name]
        except (LookupError, TypeError, ValueError) as error:
            raise Unreadable(reference) from error
    if not isinstance(found, Mapping | bool):
        raise Unreadable(reference)
    return found


def recursive(root: Schema) -> frozenset[int]:
    """The ``id`` of at least one schema of each circle of references."""
    opened, closed, found = set[int](), set[int](), set[int]()

    def follow(schema: Subschema) -> None:
        opened.add(id(schema))
        for reference in _references(schema):
            next_one = target(root, reference)
            if id(next_one) in opened:
                found.add(id(next_one))
            elif id(next_one) not in closed:
                follow(next_one)
        opened.remove(id(schema))
        closed.add(id(schema))

    follow(root)
    return frozenset(found)


def _references(schema: Subschema) -> Iterator[str]:
    if isinstance(schema, bool):
        return
    if "$ref" in schema:
        yield schema["$ref"]
    for key in _MAPS:
        for part in schema.get(key, {}).values():
            yield from _references(part)
    for key in _LISTS:
        for part in schema.get(key, ()):
            yield from _references(part)
    for key in _SINGLE:
        if isinstance(schema.get(key), Mapping):
            yield from _references(schema[key])


def both(one: Subschema, other: Subschema) -> Schema:
    """What two schemas say together; properties of the first come first. Raises Unreadable where it cannot tell.

    Parts are joined by an ``allOf`` of their own, to be read when they are come to.
    """
    one, other = assertions(one), assertions(other)
    if not one or not other:
        return one or other
    joined = {**one, **other}
    if "patternProperties" in joined and one.keys() & _WITH_PATTERNS and other.keys() & _WITH_PATTERNS:
        raise Unreadable("patternProperties in one of two schemas")
    if "prefixItems" in joined:
        joined["prefixItems"] = _first_items(one, other)
    if "properties" in joined:
        joined["properties"] = _properties(one, other)
    for key in one.keys() & other.keys() - {"properties", "prefixItems"}:
        joined[key] = _joined(key, one[key], other[key])
    if "$ref" in one and "$ref" in other:
        joined["$ref"] = one["$ref"]
        joined["allOf"] = [*joined.get("allOf", ()), {"$ref": other["$ref"]}]
    return joined


def _joined(key: str, one: Any, other: Any) -> Any:
    """What one keyword becomes that both schemas have."""
    match key:
        case "minimum" | "exclusiveMinimum" | "minLength" | "minItems" | "minProperties":
            return max(one, other)
        case "maximum" | "exclusiveMaximum" | "maxLength" | "maxItems" | "maxProperties":
            return min(one, other)
        case "required":
            return [*one, *(name for name in other if name not in one)]
        case "items" | "additionalProperties":
            return _part(one, other)
        case "allOf":
            return [*one, *other]
        case "anyOf" | "oneOf" if len(one) * len(other) <= _MOST_ALTERNATIVES:
            return [_part(*pair) for pair in product(one, other)]
        case "type":
            return _common_types(one, other)
        case "enum":
            return [value for value in one if any(same(value, option) for option in other)]
        case "$ref":
            return one
        case _ if same(one, other):
            return one
    raise Unreadable(f"two of {key}")


def same(one: object, other: object) -> bool:
    """Whether two JSON values are equal. To Python, True is 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def types(schema: Schema) -> list[str]:
    """The types that a schema names, or that it has keywords for; none where it means any."""
    named = schema.get("type")
    if named is None:
        return [
            name for name, keys in KEYWORDS.items() if name != "integer" and not schema.keys().isdisjoint(keys)
        ]
    return [named] if isinstance(named, str) else list(named)


def _common_types(one: str | list[str], other: str | list[str]) -> list[str]:
    first, second = types({"type": one}), types({"type": other})
    common = [name for name in first if name in second]
    narrower = "integer" in first + second and "integer" not in common and "number" in first + second
    return [*common, "integer"] if narrower and "number" not in common else common


def _properties(one: Schema, other: Schema) -> dict[str, Subschema]:
    first, second = one.get("properties", {}), other.get("properties", {})
    return {
        name: _part(
            first.get(name, one.get("additionalProperties", True)),
            second.get(name, other.get("additionalProperties", True)),
        )
        for name in [*first, *(name for name in second if name not in first)]
    }


def _first_items(one: Schema, other: Schema) -> list[Subschema]:
    first, second = one.get("prefixItems", []), other.get("prefixItems", [])
    length = max(len(first), len(second))
    return [
        _part(*pair)
        for pair in zip(
            first + [one.get("items", True)] * (length - len(first)),
            second + [other.get("items", True)] * (length - len(second)),
            strict=True,
        )
    ]


def _part(one: Subschema, other: Subschema) -> Subschema:
    if one in (True, {}, other):
        return other
    if other in (True, {}):
        return one
    return False if one is False or other is False else {"allOf": [one, other]}
