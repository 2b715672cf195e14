"""One schema of a client's, with the place that errors name, and the two ways in which a schema is refused.

Not a reader: ``reader.py`` makes the nodes and walks them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from geminid.errors import BadRequest, FieldViolation, InvalidArgument

_LONGEST_NAME = 64
"""Characters of a client's word that an error repeats."""

_GOOGLES_NAMES = {
    "$defs": "defs",
    "$ref": "ref",
    "additionalProperties": "additional_properties",
    "anyOf": "any_of",
    "maxItems": "max_items",
    "maxLength": "max_length",
    "maxProperties": "max_properties",
    "minItems": "min_items",
    "minLength": "min_length",
    "minProperties": "min_properties",
    "propertyOrdering": "property_ordering",
}

KEYWORDS = {name: keyword for keyword, name in _GOOGLES_NAMES.items()}
"""google-genai spells the keywords in ``additionalProperties``, which Schema holds as JSON, as Schema's fields."""


class SchemaWithoutType(InvalidArgument):
    """A Schema that neither says its type nor lets it be seen. ``path`` is its place.

    The text is that of a response's schema, as Vertex AI prints it; callers with another schema catch it and
    word their own.
    """

    def __init__(self, path: str) -> None:
        message = (
            "Unable to submit request because one or more response schemas didn't specify the schema type field. "
            "Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/control-generated-output"
        )
        super().__init__(message, BadRequest([FieldViolation(path, message)]))
        self.path = path


def refusal(path: str, reason: str) -> InvalidArgument:
    """The error of a schema that cannot be kept to; ``reason`` is a sentence without its full stop."""
    message = (
        f"Unable to submit request because the schema at `{path}` cannot be honoured: {reason}. "
        "Update the schema and try again."
    )
    return InvalidArgument.of([FieldViolation(path, message)])


def clipped(name: str) -> str:
    """A client's word, short enough to be repeated."""
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"


def spelled(keyword: str, *, google: bool) -> str:
    """A keyword of JSON Schema as the field of Google's Schema that holds it, or as it is."""
    return _GOOGLES_NAMES.get(keyword, keyword) if google else clipped(keyword)


@dataclass(frozen=True, slots=True)
class Node:
    """A schema as JSON Schema's keywords, its inner schemas still the client's.

    ``path`` is Google's field path, ``depth`` counts from 1, and ``google`` tells a Schema message from JSON.
    """

    words: dict[str, Any]
    path: str
    depth: int
    google: bool

    def place(self, keyword: str) -> str:
        return f"{self.path}.{spelled(keyword, google=self.google)}"

    def refusal(self, keyword: str, reason: str) -> InvalidArgument:
        return refusal(self.place(keyword), reason)
