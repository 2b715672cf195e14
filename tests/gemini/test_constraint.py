from __future__ import annotations

import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geminid import grammar
from geminid.errors import BadRequest, InvalidArgument
from geminid.gemini.constraint import constraint_of, problem
from geminid.gemini.schema import checked, from_json_schema
from geminid.generation import Choices, Constraint, JsonSchema
from geminid.wire import json
from geminid.wire.generation import GenerationConfig

STRING = {"type": "STRING"}
ENUM = {"type": "STRING", "enum": ["left", "right"]}
CONTROLLED = "https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/control-generated-output"


def constraint(*, alphabetical: bool = False, **config: Any) -> Constraint | None:
    decoded = json.decode(GenerationConfig, msgspec.json.encode(config))
    return constraint_of(decoded, alphabetical=alphabetical)


def refused(**config: Any) -> str:
    with pytest.raises(InvalidArgument) as raised:
        constraint(**config)
    (detail,) = raised.value.details
    assert isinstance(detail, BadRequest)
    return raised.value.message


def judged(schema: dict[str, Any], text: str) -> str | None:
    return problem(JsonSchema(from_json_schema(schema, "schema")), text)


@pytest.mark.parametrize("mime_type", ["", "text/plain"])
def test_plain_text_has_no_constraint(mime_type: str) -> None:
    assert constraint(responseMimeType=mime_type) is None


@pytest.mark.parametrize("mime_type", ["", "text/plain"])
@pytest.mark.parametrize("field", ["responseSchema", "responseJsonSchema"])
def test_plain_text_has_no_schema(mime_type: str, field: str) -> None:
    assert refused(responseMimeType=mime_type, **{field: STRING}) == (
        "Unable to submit request because a responseSchema needs the responseMimeType application/json or "
        f"text/x.enum. Learn more: {CONTROLLED}"
    )


def test_json_without_a_schema_is_any_json() -> None:
    assert constraint(responseMimeType="application/json") == JsonSchema({})
    assert constraint(responseMimeType="application/json", responseJsonSchema=None) == JsonSchema({})


@pytest.mark.parametrize("field", ["responseSchema", "responseJsonSchema"])
def test_json_has_its_schema(field: str) -> None:
    config = {"responseMimeType": "application/json", field: STRING}

    assert constraint(**config) == JsonSchema({"type": "string"})


def test_properties_are_alphabetical_for_the_models_that_sort_them() -> None:
    schema = {"type": "OBJECT", "properties": {"b": STRING, "a": STRING}}

    found = constraint(responseMimeType="application/json", responseSchema=schema, alphabetical=True)

    assert isinstance(found, JsonSchema)
    assert list(found.schema["properties"]) == ["a", "b"]


def test_there_is_one_schema() -> None:
    words = refused(responseMimeType="application/json", responseSchema=STRING, responseJsonSchema=STRING)

    assert "responseSchema and responseJsonSchema are both set" in words


def test_a_schema_that_cannot_be_kept_to_is_refused() -> None:
    schema = {"type": "OBJECT", "properties": {"a": {"type": "STRING", "pattern": "a(?=b)"}}}

    words = refused(responseMimeType="application/json", responseSchema=schema)

    assert "`generation_config.response_schema.properties[a].pattern` cannot be honoured: look-around" in words


@pytest.mark.parametrize(
    "config",
    [
        {"responseSchema": ENUM},
        {"responseSchema": ENUM | {"format": "enum", "description": "d"}},
        {"responseSchema": ENUM | {"nullable": True}},
        {"responseSchema": {"enum": ["left", "right"]}},
        {"responseJsonSchema": ENUM},
        {"responseJsonSchema": {"enum": ["left", "right"]}},
    ],
)
def test_an_enum_is_a_choice_of_texts(config: dict[str, Any]) -> None:
    assert constraint(responseMimeType="text/x.enum", **config) == Choices(("left", "right"))


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"responseSchema": STRING},
        {"responseSchema": {"type": "INTEGER", "enum": ["1"]}},
        {"responseSchema": ENUM | {"maxLength": 4}},
        {"responseJsonSchema": {"enum": ["", "a"]}},
        {"responseJsonSchema": {"enum": [1]}},
        {"responseJsonSchema": True},
    ],
)
def test_an_enum_has_texts(config: dict[str, Any]) -> None:
    assert refused(responseMimeType="text/x.enum", **config) == (
        "Unable to submit request because the responseMimeType text/x.enum needs a schema of type STRING with an "
        f"enum. Learn more: {CONTROLLED}"
    )


def test_other_mime_types_are_refused_in_googles_words() -> None:
    assert refused(responseMimeType="text/html") == (
        "Unable to submit request because it has a mimeType parameter with value text/html, which is not "
        "supported. Update the mimeType and try again. Learn more: "
        "https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini"
    )


# Finished answers


def test_a_choice_is_one_of_its_texts() -> None:
    choices = Choices(("left", "right"))

    assert problem(choices, "left") is None
    assert problem(choices, "lef") == "The answer is none of the values of the enum."


@pytest.mark.parametrize("text", ["", "{", '{"a": NaN}', "[1,]", "1e999", "[" * 100_000, '"\n"'])
def test_an_answer_is_json(text: str) -> None:
    found = problem(JsonSchema({}), text)

    assert found
    assert found.startswith("The answer is not JSON: ")


def test_an_answer_validates() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}}}

    assert judged(schema, '{"a": [1, 2]}') is None
    assert judged(schema, '{"a": [1, "x"]}') == (
        'The answer does not match the schema. At a[1]: it is not of type "integer"'
    )
    assert "Additional properties" in (judged(schema, '{"b": 1}') or "")


@pytest.mark.parametrize(("name", "text"), [("date", '"2023-02-30"'), ("uuid", '"x"'), ("ipv4", '"1.2.3.400"')])
def test_formats_are_judged(name: str, text: str) -> None:
    assert judged({"type": "string", "format": name}, text)


def test_a_problem_is_short() -> None:
    found = judged({"type": "object", "properties": {"a" * 10_000: {"enum": ["b"]}}}, f'{{"{"a" * 10_000}": "c"}}')

    assert found
    assert len(found) < 500


@pytest.mark.parametrize("pattern", ["(a+)+$", "^(.*a){50}$", "^(a|a)*$"])
def test_patterns_run_in_linear_time(pattern: str) -> None:
    started = time.process_time()

    assert judged({"type": "string", "pattern": pattern}, '"' + "a" * 100_000 + '!"')
    assert time.process_time() - started < 2


# What a grammar lets through is what an answer should be.

SCALARS = st.one_of(
    st.sampled_from([{"type": "boolean"}, {"type": "null"}, {"type": "number"}, {"const": {"a": [1.5, None]}}]),
    st.builds(lambda low, size: {"type": "integer", "minimum": low, "maximum": low + size},
              st.integers(-1000, 1000), st.integers(0, 1000)),
    st.builds(lambda low, size: {"type": "string", "minLength": low, "maxLength": low + size},
              st.integers(0, 20), st.integers(0, 20)),
    st.sampled_from(["date", "date-time", "time", "email", "hostname", "ipv4", "ipv6", "uri", "uuid", "duration"])
    .map(lambda name: {"type": "string", "format": name}),
    st.lists(st.text(max_size=5), min_size=1, max_size=5, unique=True).map(lambda values: {"enum": values}),
    st.sampled_from([r"^[a-z]{2,5}$", r"^\d{3}-\d{4}$", r"^(left|right)$"])
    .map(lambda pattern: {"type": "string", "pattern": pattern, "nullable": True}),
    st.sampled_from([{"multipleOf": 0.25}, {"exclusiveMinimum": 0, "maximum": 2}]).map({"type": "number"}.__or__),
)  # fmt: skip


def _object(properties: dict[str, Any], count: int) -> dict[str, Any]:
    return {"type": "OBJECT", "properties": properties, "required": list(properties)[:count]}


SCHEMAS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.builds(_object, st.dictionaries(st.text(max_size=5), inner, max_size=4), st.integers(0, 4)),
        st.builds(
            lambda items, least: {"type": "array", "items": items, "minItems": least}, inner, st.integers(0, 3)
        ),
        st.lists(inner, min_size=1, max_size=3).map(lambda options: {"oneOf": options}),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: {"prefixItems": items, "items": False}),
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(SCHEMAS)
def test_what_a_grammar_exemplifies_validates(schema: dict[str, Any]) -> None:
    read = from_json_schema(schema, "schema")
    checked(read, "schema")
    wanted = JsonSchema(read)

    assert problem(wanted, grammar.example(grammar.grammar_of(wanted, None) or "")) is None
