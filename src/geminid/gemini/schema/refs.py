"""References within a schema: what a JSON pointer names, and whether references ever come to a value.

https://json-schema.org/draft/2020-12/json-schema-core#section-8.2.3. Called by ``reader.py``. Nothing is
fetched: a reference out of the schema names nothing.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping
from typing import Any

from geminid.gemini.schema import google
from geminid.wire.tools import Schema

Pointer = tuple[str, ...]

_NAMED = frozenset({"$defs", "definitions", "defs", "properties"})
_COMPOUND = frozenset({"array", "object"})
_PREFIX = "#/$defs/"


def pointer(reference: str) -> Pointer | None:
    """The tokens of ``#/a/b``, none for ``#`` alone; None for an anchor and for another document."""
    if reference == "#":
        return ()
    if not reference.startswith("#/"):
        return None
    tokens = urllib.parse.unquote(reference[2:]).split("/")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in tokens)


def target(root: Any, tokens: Pointer) -> Any:
    """What a pointer names, None where it names nothing. A Schema's ``defs`` go by ``$defs`` too."""
    found = root
    for token in tokens:
        if isinstance(found, Schema):
            inner = google.keywords(found, "", typed=True)
            found = inner.get("$defs" if token == "defs" else token)
        elif isinstance(found, dict):
            found = found.get(token)
        elif isinstance(found, list) and token.isdecimal() and int(token) < len(found):
            found = found[int(token)]
        else:
            return None
    return found


def path_of(tokens: Pointer) -> str:
    """A pointer as the tail of a field path: ``.$defs[Node].items``."""
    path, name = "", False
    for token in tokens:
        path += f"[{token}]" if name or token.isdecimal() else f".{token}"
        name = not name and token in _NAMED
    return path


def without_value(schema: Mapping[str, Any]) -> str | None:
    """The name of a definition that no finite JSON satisfies, ``#`` for the schema itself; None when all have one.

    ``schema`` has its references as ``#`` and ``#/$defs/…``. A grammar takes such a definition: references that
    lead only to references, or an object that must hold another of its kind.
    """
    waiting = dict(reversed(schema.get("$defs", {}).items())) | {"#": schema}
    known: set[str] = set()
    before = -1
    while len(known) > before:
        before = len(known)
        for name in list(waiting):
            if _has_value(waiting[name], known):
                known.add(name)
                del waiting[name]
    return next(iter(waiting), None)


def _has_value(schema: Any, known: set[str]) -> bool:
    """Whether some JSON satisfies it, as far as references go, when it is so for the ``known`` definitions."""
    if isinstance(schema, bool):
        return True
    if "$ref" in schema and schema["$ref"].removeprefix(_PREFIX) not in known:
        return False
    if not all(_has_value(part, known) for part in schema.get("allOf", ())):
        return False
    if "anyOf" in schema and not any(_has_value(option, known) for option in schema["anyOf"]):
        return False
    if "enum" in schema or "const" in schema or "type" not in schema:
        return True
    types = {schema["type"]} if isinstance(schema["type"], str) else set(schema["type"])
    if not types <= _COMPOUND:
        return True
    return ("object" in types and _has_object(schema, known)) or ("array" in types and _has_array(schema, known))


def _has_object(schema: Mapping[str, Any], known: set[str]) -> bool:
    properties = schema.get("properties", {})
    return all(_has_value(properties.get(name, True), known) for name in schema.get("required", ()))


def _has_array(schema: Mapping[str, Any], known: set[str]) -> bool:
    least = schema.get("minItems", 0)
    prefix = schema.get("prefixItems", [])
    needed = prefix[:least]
    if least > len(prefix):
        needed = [*needed, schema.get("items", True)]
    return all(_has_value(item, known) for item in needed)
