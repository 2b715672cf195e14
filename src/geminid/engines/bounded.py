"""The same JSON Schema with an end to everything: for models so small that they go on for ever where they may.

Every text of the bounded schema is one of the schema that was given; not the other way round. It is not a check:
what nothing satisfies is left to ``grammar.check`` to say. The engines that decode by grammar call it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from itertools import takewhile
from typing import Any, Literal

from geminid.engines import json_schemas
from geminid.engines.bounds import CLOSED, Bounds
from geminid.engines.json_schemas import Schema, Subschema, Unreadable

__all__ = ["Bounds", "bounded"]


def bounded(schema: Schema, bounds: Bounds) -> dict[str, Any]:
    """The schema with every string, number, array, object and recursion bounded, its references its own.

    A schema that nothing of that depth satisfies, or that is too large, becomes one that nothing satisfies. One
    that is not understood (references elsewhere, keywords that llguidance has not either) is returned as it is.
    Objects that list properties and do not speak of others get no others; ``oneOf`` is read as ``anyOf``. Takes
    1 ms for a hundred properties, and 1 ms for each pattern, format or range that is new to this process.
    """
    try:
        return _Bounding(schema, bounds).result()
    except Unreadable:
        return dict(schema)
    except (_TooLarge, RecursionError):
        return dict(json_schemas.NOTHING)


_MOST_VISITS = 20_000
_MOST_TRIED = 200
_SCALARS = ("string", "integer", "number", "boolean", "null")


class _TooLarge(Exception):
    """More parts than are worth a grammar: it would take seconds to compile."""


class _Bounding:
    """One schema being bounded. ``left`` is how much of the depth is left; None stands for a part that is cut.

    A part that is come to twice moves to ``$defs``, and so does what is referred to: results are shared, and
    nothing grows or nests deeper than it was.
    """

    def __init__(self, root: Schema, bounds: Bounds) -> None:
        self._root = root
        self._bounds = bounds
        self._recursive = json_schemas.recursive(root)
        self._definitions: dict[str, dict[str, Any]] = {}
        self._done: dict[tuple[int, int], tuple[Schema, dict[str, Any] | None]] = {}
        self._visits = 0
        self._tried = 0

    def result(self) -> dict[str, Any]:
        found = self._part(self._root, self._entered(self._root, self._bounds.depth))
        definitions = {"$defs": self._definitions} if self._definitions else {}
        return {**(json_schemas.NOTHING if found is None else found), **definitions}

    def _entered(self, schema: Subschema, left: int) -> int:
        return left - (id(schema) in self._recursive)

    def _part(self, schema: Subschema, left: int) -> dict[str, Any] | None:
        self._visits += 1
        if self._visits > _MOST_VISITS:
            raise _TooLarge
        if isinstance(schema, bool):
            return self._any(self._bounds.depth) if schema else None
        key = (id(schema), left)
        if key in self._done:
            return self._named(self._done[key][1])
        found = self._bounded(json_schemas.assertions(schema), left)
        self._done[key] = schema, found  # the schema too, so that its id stays its own
        return found

    def _named(self, found: dict[str, Any] | None) -> dict[str, Any] | None:
        """The same as a reference, here and wherever else it stands."""
        if found is not None and "$ref" not in found:
            name = str(len(self._definitions))
            self._definitions[name] = dict(found)
            found.clear()
            found["$ref"] = f"#/$defs/{name}"
        return found

    def _named_container(self, found: dict[str, Any] | None) -> dict[str, Any] | None:
        """What would otherwise stand deeper for being one of several: JSON of more than 128 levels is not read."""
        return found if found is None or found.get("type") in _SCALARS else self._named(found)

    def _bounded(self, schema: Schema, left: int) -> dict[str, Any] | None:
        if schema.keys() == {"$ref"}:
            found, left = self._followed(schema, left)
            return None if left < 0 else self._named(self._part(found, left))
        while "$ref" in schema or "allOf" in schema:
            schema, left = self._joined(schema, left)
            if left < 0:
                return None
        for key in json_schemas.ALTERNATIVES:
            if key in schema:
                rest = _without(schema, key)
                return _any_of(self._part(json_schemas.both(rest, option), left) for option in schema[key])
        if "enum" in schema:
            return _enumerated(schema)
        named = json_schemas.types(schema)
        if not named and "type" not in schema:
            return self._any(self._bounds.depth)
        parts = [self._typed(name, schema, left) for name in named]
        return _any_of(parts if len(parts) == 1 else map(self._named_container, parts))

    def _joined(self, schema: Schema, left: int) -> tuple[Schema, int]:
        """The schema in one with what it refers to; properties come in the order in which it speaks of them."""
        rest = _without(schema, "$ref", "allOf")
        referred: list[Subschema] = [{"$ref": schema["$ref"]}] if "$ref" in schema else []
        parts = list[Subschema]()
        for part in (*referred, *schema.get("allOf", ())):
            followed, left = self._followed(part, left)
            parts.append(followed)
        first = next(key for key in schema if key in ("properties", "$ref", "allOf"))
        parts.insert(0 if first == "properties" else len(parts), rest)
        return functools.reduce(json_schemas.both, parts, {}), left

    def _followed(self, schema: Subschema, left: int) -> tuple[Subschema, int]:
        """What a mere reference leads to, and what is left of the depth there: less than 0 where it is cut."""
        while not isinstance(schema, bool) and schema.keys() == {"$ref"} and left >= 0:
            schema = json_schemas.target(self._root, schema["$ref"])
            left = self._entered(schema, left)
        return schema, left

    def _typed(self, name: str, schema: Schema, left: int) -> dict[str, Any] | None:
        keywords = json_schemas.KEYWORDS.get(name, ())
        own = {"type": name} | {key: schema[key] for key in keywords if key in schema}
        match name:
            case "string" | "integer" | "number":
                return self._scalar(own)
            case "array":
                return self._array(own, left)
            case "object":
                return self._object(own, left)
            case _:
                return own

    def _scalar(self, own: dict[str, Any]) -> dict[str, Any]:
        """Bounds that may not go with what is given have to be tried; past some hundreds of them none are."""
        self._tried += len(own) > 1
        if len(own) > 1 and self._tried > _MOST_TRIED:
            return own
        return self._bounds.string(own) if own["type"] == "string" else self._bounds.number(own)

    def _any(self, levels: int) -> dict[str, Any]:
        """Any JSON value with no more levels below its own than these."""
        name = f"any{levels}"
        if name not in self._definitions:
            bounds = self._bounds
            options = [bounds.string({"type": "string"}), bounds.number({"type": "number"})]
            options += [{"type": "boolean"}, {"type": "null"}]
            if levels > 0:
                below = self._any(levels - 1)
                options.append({"type": "array", "items": below, "maxItems": bounds.items})
                options.append(bounds.map({"type": "object"}, below))
            self._definitions[name] = {"anyOf": options}
        return {"$ref": f"#/$defs/{name}"}

    def _array(self, own: Schema, left: int) -> dict[str, Any] | None:
        """A tuple that does not speak of more elements than it lists has no more."""
        given = own.get("prefixItems", ())
        first = list(takewhile(lambda part: part is not None, (self._part(part, left) for part in given)))
        item = None
        if len(first) == len(given):
            item = self._part(own.get("items", not given), left)
        least = own.get("minItems", 0)
        most = own.get("maxItems", max(self._bounds.items, least, len(first)))
        if item is None:
            most = min(most, len(first))
        if least > most:
            return None
        parts = ({"prefixItems": first} if first else {}) | ({"items": item} if item else {})
        return {"type": "array", **parts, "minItems": least, "maxItems": most}

    def _object(self, own: Schema, left: int) -> dict[str, Any] | None:
        listed = self._listed(own, left)
        if listed is None:
            return None
        possible = [name for name, part in listed.items() if part]
        complete = set(possible) <= set(own.get("required", ()))
        closed = {**_without(own, "patternProperties"), "properties": listed, **CLOSED}
        if "patternProperties" in own:
            patterns = {name: self._part(part, left) or False for name, part in own["patternProperties"].items()}
            bound = {"maxProperties": self._bounds.most_properties(own)} if complete else {}
            return {**closed, "patternProperties": patterns, **bound}
        speaks = "additionalProperties" in own or not listed
        others = self._part(own.get("additionalProperties", True), left) if speaks else None
        if others is None or len(possible) >= self._bounds.most_properties(own):
            return closed if len(possible) >= own.get("minProperties", 0) else None
        opened = self._bounds.map({**closed, "required": possible}, others)
        if complete:
            return opened
        for name in possible:
            self._named(listed[name] or None)
        return {"anyOf": [closed, opened]}

    def _listed(self, own: Schema, left: int) -> dict[str, dict[str, Any] | Literal[False]] | None:
        """The properties that have a name in the schema, False for those that are cut; None if one is required."""
        declared, required = own.get("properties", {}), own.get("required", ())
        others = own.get("additionalProperties", True)
        if others is False:
            others = "patternProperties" in own
        names = dict.fromkeys([*declared, *required])
        listed: dict[str, dict[str, Any] | Literal[False]] = {
            name: self._part(declared.get(name, others), left) or False for name in names
        }
        return listed if all(listed[name] for name in required) else None


def _without(schema: Schema, *keys: str) -> Schema:
    return {key: value for key, value in schema.items() if key not in keys}


def _any_of(parts: Iterable[dict[str, Any] | None]) -> dict[str, Any] | None:
    options = [part for part in parts if part is not None]
    return {"anyOf": options} if len(options) > 1 else next(iter(options), None)


def _enumerated(schema: Schema) -> dict[str, Any] | None:
    """What is enumerated has an end. llguidance leaves out the values that other keywords forbid."""
    if not schema.keys().isdisjoint(json_schemas.KEYWORDS["object"] + json_schemas.KEYWORDS["array"]):
        raise Unreadable("an enum with parts")
    return dict(schema) if schema["enum"] else None
