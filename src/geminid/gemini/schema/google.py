"""Google's Schema, one level at a time, in the keywords of JSON Schema; the schemas in it stay as they are.

What is peculiar to Schema is settled here: its types, its enums of strings, its references. Called by
``reader.py``, which reads the rest. The rules are those of the message's documentation:
https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1/Schema
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from geminid.gemini.schema.node import SchemaWithoutType, clipped, refusal
from geminid.wire.tools import Schema, Type

_KEYWORDS = (
    ("title", "title"),
    ("description", "description"),
    ("format", "format"),
    ("pattern", "pattern"),
    ("min_length", "minLength"),
    ("max_length", "maxLength"),
    ("minimum", "minimum"),
    ("maximum", "maximum"),
    ("min_items", "minItems"),
    ("max_items", "maxItems"),
    ("min_properties", "minProperties"),
    ("max_properties", "maxProperties"),
    ("nullable", "nullable"),
    ("property_ordering", "propertyOrdering"),
    ("properties", "properties"),
    ("required", "required"),
    ("items", "items"),
    ("additional_properties", "additionalProperties"),
    ("any_of", "anyOf"),
    ("defs", "$defs"),
)

_NUMBERS = {Type.INTEGER: int, Type.NUMBER: float}


def keywords(schema: Schema, path: str, *, typed: bool) -> dict[str, Any]:
    """The keywords of ``schema``. ``typed`` says that the schema around it gives its type.

    Raises SchemaWithoutType, and InvalidArgument for an enum or a ``required`` that Google refuses.
    """
    found: dict[str, Any] = {}
    kind = _type(schema, path, typed=typed)
    if kind is not None:
        found["type"] = kind.value.lower()
    for name, keyword in _KEYWORDS:
        value = getattr(schema, name)
        if value is not None and value is not UNSET and value != "" and value != [] and value is not False:
            found[keyword] = value
    if schema.additional_properties is False:
        found["additionalProperties"] = False
    if not schema.properties:
        found.pop("properties", None)
    if schema.format == "enum":
        del found["format"]
    if schema.enum:
        found["enum"] = _enum(schema.enum, kind, f"{path}.enum")
    if schema.ref:
        found["$ref"] = schema.ref
    if not typed and not schema.any_of:
        _check_required(schema, f"{path}.required")
    return found


def _type(schema: Schema, path: str, *, typed: bool) -> Type | None:
    """The type, seen by its marks where it is not told; None where others say it.

    A type beside ``any_of`` gives way to an option of another type: google-genai writes OBJECT beside the
    options of a union.
    """
    if schema.type is not None:
        bare = not (schema.properties or schema.items or schema.enum or schema.required)
        others = any(option.type not in (None, schema.type) for option in schema.any_of)
        return None if bare and others else schema.type
    if schema.properties:
        return Type.OBJECT
    if schema.items is not None:
        return Type.ARRAY
    if schema.enum:
        return Type.STRING
    if schema.any_of or schema.ref or typed:
        return None
    raise SchemaWithoutType(path)


def _enum(texts: list[str], kind: Type | None, path: str) -> list[Any]:
    """The values of an enum, which Schema holds as strings, whatever they are."""
    if kind is not None and kind not in (Type.STRING, *_NUMBERS):
        raise refusal(path, f"an enum has strings or numbers, and the type is {kind.value}")
    if "" in texts:
        raise refusal(path, "a value is empty")
    if len(set(texts)) < len(texts):
        raise refusal(path, "a value occurs twice")
    if kind is None or kind not in _NUMBERS:
        return list(texts)
    values: list[Any] = []
    for text in texts:
        try:
            values.append(msgspec.json.decode(text, type=_NUMBERS[kind]))
        except msgspec.DecodeError:
            raise refusal(path, f"`{clipped(text)}` is no {kind.value}") from None
    return values


def _check_required(schema: Schema, path: str) -> None:
    for name in schema.required:
        if name not in schema.properties:
            raise refusal(path, f"`{clipped(name)}` is not among the properties")
