"""What a request wants its answer to be, from responseMimeType and its schemas; and whether an answer is that.

Called by ``request.py`` for the first, by the services for the second, once an answer is complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, assert_never

import jsonschema_rs
import msgspec
from msgspec import UNSET

from geminid.gemini import schema
from geminid.gemini.schema import check
from geminid.gemini.wording import CONTROLLED_GENERATION, GEMINI, unable
from geminid.generation import Choices, Constraint, JsonSchema
from geminid.wire.generation import GenerationConfig

_JSON, _ENUM = "application/json", "text/x.enum"
_OF_A_CHOICE = frozenset({"type", "enum", "title", "description"})
_LONGEST_PROBLEM = 200


def constraint_of(config: GenerationConfig, *, alphabetical: bool) -> Constraint | None:
    """The constraint of an answer, None where any text will do. Raises InvalidArgument.

    A schema is compiled the first time it is seen, which takes 1 ms for 20 properties and 50 for a thousand.
    """
    wanted = _schema(config, alphabetical=alphabetical)
    match config.response_mime_type:
        case "" | "text/plain":
            if wanted is not None:
                reason = f"a responseSchema needs the responseMimeType {_JSON} or {_ENUM}"
                raise unable(reason, CONTROLLED_GENERATION, path="generation_config.response_mime_type")
            return None
        case "application/json":
            return JsonSchema({} if wanted is None else _checked(*wanted))
        case "text/x.enum":
            return _choices(wanted)
        case other:
            reason = (
                f"it has a mimeType parameter with value {other[:100]}, which is not supported. "
                "Update the mimeType and try again"
            )
            raise unable(reason, GEMINI, path="generation_config.response_mime_type")


def problem(constraint: Constraint, text: str) -> str | None:
    """Why a finished answer does not fulfil the constraint, in one short line; None where it does."""
    match constraint:
        case Choices(texts):
            return None if text in texts else "The answer is none of the values of the enum."
        case JsonSchema(wanted):
            try:
                value = msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError) as error:
                return f"The answer is not JSON: {str(error)[:_LONGEST_PROBLEM]}"
            try:
                check.validator(wanted).validate(value)
            except jsonschema_rs.ValidationError as error:
                return _mismatch(error.message, error.instance_path)
            return None
        case _:
            assert_never(constraint)


def _schema(config: GenerationConfig, *, alphabetical: bool) -> tuple[dict[str, Any], str] | None:
    """The schema of the request with its field path, None where it has none."""
    has_value = config.response_json_schema is not UNSET and config.response_json_schema is not None
    if config.response_schema is not None:
        if has_value:
            reason = "responseSchema and responseJsonSchema are both set. Remove one of them and try again"
            raise unable(reason, CONTROLLED_GENERATION, path="generation_config.response_json_schema")
        path = "generation_config.response_schema"
        return schema.from_schema(config.response_schema, path, alphabetical=alphabetical), path
    if has_value:
        path = "generation_config.response_json_schema"
        return schema.from_json_schema(config.response_json_schema, path), path
    return None


def _checked(wanted: dict[str, Any], path: str) -> dict[str, Any]:
    schema.checked(wanted, path)
    return wanted


def _choices(wanted: tuple[dict[str, Any], str] | None) -> Choices:
    """The texts of an enum. Null, which a nullable enum allows, has no bare text."""
    if wanted is not None:
        found, path = wanted
        texts = tuple(text for text in found.get("enum", ()) if text is not None)
        if found.keys() <= _OF_A_CHOICE and texts and all(text and isinstance(text, str) for text in texts):
            schema.checked(found, path)
            return Choices(texts)
    path = wanted[1] if wanted else "generation_config.response_schema"
    raise unable(
        f"the responseMimeType {_ENUM} needs a schema of type STRING with an enum",
        CONTROLLED_GENERATION,
        path=path,
    )


def _mismatch(message: str, place: Sequence[str | int]) -> str:
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).removeprefix(".")
    at = f"At {where[:_LONGEST_PROBLEM]}: " if where else ""
    return f"The answer does not match the schema. {at}{message[:_LONGEST_PROBLEM]}"
