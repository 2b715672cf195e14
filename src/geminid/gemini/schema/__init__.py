"""The schemas that clients send, Google's Schema or JSON Schema, as the JSON Schema that engines are given.

The way in for ``constraint.py`` and ``tools.py``; ``reader.py`` does the reading, ``check.py`` the
compiling. What comes out has draft 2020-12 keywords that a grammar enforces, and references into ``$defs`` alone.
"""

from __future__ import annotations

from typing import Any

import msgspec

from geminid.gemini.schema.check import checked
from geminid.gemini.schema.node import SchemaWithoutType, refusal
from geminid.gemini.schema.reader import Reader
from geminid.gemini.schema.weight import weight
from geminid.wire import json
from geminid.wire.tools import Schema

__all__ = ["SchemaWithoutType", "checked", "from_json_schema", "from_schema", "weight"]

MAX_BYTES = 128 * 1024
"""Of a schema as JSON, both as it was sent and as it is given to engines."""


def from_schema(schema: Schema, path: str, *, alphabetical: bool = False) -> dict[str, Any]:
    """The JSON Schema of Google's Schema; its properties come in their propertyOrdering, then as declared.

    ``path`` is the field path that errors begin with (``generation_config.response_schema``); ``alphabetical``
    sorts properties that are not ordered, as Gemini 1.5 does. An object has the properties that it declares and
    no others. Raises InvalidArgument, SchemaWithoutType among them.
    """
    try:
        encoded = json.encode(schema, pretty=False)
    except RecursionError:
        raise refusal(path, "it is nested too deep") from None
    _check_size(encoded, path)
    return _read(schema, path, alphabetical=alphabetical)


def from_json_schema(value: Any, path: str) -> dict[str, Any]:
    """The same for a JSON Schema, a value of JSON that nobody has looked at. Raises InvalidArgument.

    Of what draft 2020-12 has, keywords that a grammar cannot enforce are refused by name. Types are taken in any
    case, ``nullable`` and ``propertyOrdering`` have their effect, and oneOf is read as anyOf.
    """
    if value is not True and not isinstance(value, dict):
        raise refusal(path, "it is no object")
    try:
        encoded = msgspec.json.encode(value)
    except RecursionError:
        raise refusal(path, "it is nested too deep") from None
    except UnicodeEncodeError:
        raise refusal(path, "it has half of a surrogate pair, which no text has") from None
    _check_size(encoded, path)
    return _read(value, path, alphabetical=False)


def _read(schema: Any, path: str, *, alphabetical: bool) -> dict[str, Any]:
    read = Reader(schema, path, alphabetical=alphabetical).read()
    _check_size(msgspec.json.encode(read), path)
    return read


def _check_size(encoded: bytes, path: str) -> None:
    if len(encoded) > MAX_BYTES:
        raise refusal(path, f"it has {len(encoded)} bytes of JSON, and {MAX_BYTES} are supported")
