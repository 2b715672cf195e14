from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from llguidance import LLMatcher, LLTokenizer

from geminid import grammar
from geminid.engines.bounded import Bounds, bounded
from geminid.generation import JsonSchema

SMALL = Bounds(text=12, key=5, items=3, properties=4, digits=4, fraction=2, depth=2)
FAR = 20_000

NODE = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#/$defs/Node"}}},
    "required": ["name", "children"],
}
TREE = {"$ref": "#/$defs/Node", "$defs": {"Node": NODE}}


def grammar_of(schema: Mapping[str, Any]) -> str:
    return str(grammar.grammar_of(JsonSchema(schema), None))


def rambled(schema: Mapping[str, Any], seed: int = 0) -> str:
    """A text of the schema by one who never ends what may go on, begins what may begin, and speaks at random."""
    matcher, chance, text = LLMatcher(LLTokenizer("byte"), grammar_of(schema)), random.Random(seed), bytearray()
    assert not matcher.is_error(), matcher.get_error()
    while not matcher.is_stopped() and len(text) < FAR:
        mask = matcher.compute_bitmask()
        allowed = [byte for byte in range(256) if mask[byte >> 3] >> (byte & 7) & 1]
        if not allowed:
            break
        begins = b'"{[' if chance.random() < 0.7 and not text[-1:].isalnum() else b""
        wanted = [byte for byte in allowed if byte in begins] or [byte for byte in allowed if byte not in b'"]}']
        text.append(chance.choice(wanted or allowed))
        assert matcher.consume_token(text[-1])
    assert matcher.is_accepting(), f"it goes on and on: {text[:200]!r}"
    return text.decode()


def is_usable(schema: Mapping[str, Any]) -> bool:
    try:
        grammar.check(grammar_of(schema))
    except grammar.Unusable:
        return False
    return True


def follows(schema: Mapping[str, Any], value: object) -> bool:
    """Whether a value may be said in the bounded schema, or in any other."""
    matcher = LLMatcher(LLTokenizer("byte"), grammar_of(schema))
    assert not matcher.is_error(), matcher.get_error()
    text = json.dumps(value, ensure_ascii=False).encode()
    return all(matcher.consume_token(byte) for byte in text) and matcher.is_accepting()


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"description": "anything"},
        {"type": "string"},
        {"type": "number", "exclusiveMinimum": 0},
        {"type": "array"},
        {"type": "object"},
        {"type": ["object", "null"], "properties": {"a": {"type": ["string", "integer"]}}},
        {"type": "array", "items": {"type": "array", "items": {}}, "minItems": 5},
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]},
        {"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1},
        {"type": "object", "properties": {"id": {"type": "integer"}}, "additionalProperties": True},
        {"type": "object", "patternProperties": {"^x.?$": {"type": "string"}}, "additionalProperties": False},
        {"properties": {"a": {}}, "required": ["a", "b"]},
        {"type": "object", "required": ["a"], "additionalProperties": {}},
        {"enum": ["of some length, but with an end", 1, None, {"a": [1]}]},
        {"type": "string", "const": "of some length, but with an end"},
        {"oneOf": [{"type": "string", "minLength": 3}, {"type": "array", "items": {"type": "number"}}]},
        {"type": "object", "properties": {"me": {"$ref": "#"}, "n": {"type": "integer"}}, "required": ["n"]},
        {"allOf": [{"$ref": "#/$defs/Node"}, {"required": ["age"]}], "$defs": {"Node": NODE}},
        TREE,
    ],
    ids=json.dumps,
)
def test_whoever_speaks_comes_to_an_end_and_has_said_what_was_asked_for(schema: dict[str, Any]) -> None:
    bound = bounded(schema, SMALL)

    for text in (grammar.example(grammar_of(bound)), *(rambled(bound, seed) for seed in range(5))):
        jsonschema.validate(json.loads(text), schema)


def test_what_has_an_end_stays_as_it_is() -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 1000},
            "size": {"enum": ["S", "L"]},
            "age": {"type": "integer", "minimum": 0, "maximum": 10**12},
            "tags": {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 1000},
        },
        "required": ["name"],
        "additionalProperties": False,
    }

    assert bounded(schema, SMALL) == schema


def test_titles_and_descriptions_are_left_out() -> None:
    assert bounded({"title": "On", "description": "Whether", "type": "boolean"}, SMALL) == {"type": "boolean"}


def test_properties_keep_their_order() -> None:
    schema = {
        "allOf": [{"$ref": "#/$defs/base"}, {"properties": {"m": {"type": "null"}}}],
        "required": ["z", "a", "m"],
        "$defs": {"base": {"type": "object", "properties": {"z": {"type": "null"}, "a": {"type": "null"}}}},
    }

    assert rambled(bounded(schema, SMALL)) == '{"z": null, "a": null, "m": null}'


def test_an_object_that_lists_properties_gets_no_others() -> None:
    bound = bounded({"type": "object", "properties": {"a": {"type": "integer"}}}, SMALL)

    assert follows(bound, {"a": 1})
    assert not follows(bound, {"a": 1, "b": 1})


@pytest.mark.parametrize(
    ("value", "may"),
    [
        ({}, True),
        ({"id": 1}, True),
        ({"id": 1, "no": False, "x": "y", "z": "y"}, True),
        ({"id": 1, "no": False, "x": "y", "z": "y", "w": "y"}, False),
        ({"id": "1"}, False),
    ],
)
def test_an_object_that_speaks_of_others_has_those_it_lists_and_then_some(value: object, may: bool) -> None:
    listed = {"id": {"type": "integer"}, "no": {"type": "boolean"}}
    schema = {"type": "object", "properties": listed, "additionalProperties": {"type": "string"}}

    assert follows(bounded(schema, SMALL), value) is may


@pytest.mark.parametrize(
    ("value", "may"), [([{"a": 1}], True), ([{"a": [1, "b", None]}], True), ([[[1]]], True), ([[[[1]]]], False)]
)
def test_any_value_has_few_levels(value: object, may: bool) -> None:
    assert follows(bounded({"type": "array"}, SMALL), value) is may


def person(*children: object) -> dict[str, object]:
    return {"name": "P", "children": list(children)}


@pytest.mark.parametrize(
    ("value", "may"),
    [(person(), True), (person(person(), person()), True), (person(person(person())), False)],
)
def test_a_tree_is_cut_where_its_array_may_be_empty(value: object, may: bool) -> None:
    assert follows(bounded(TREE, SMALL), value) is may


def test_a_list_is_cut_at_the_other_alternative() -> None:
    rest = {"anyOf": [{"$ref": "#"}, {"type": "null"}]}
    schema = {"type": "object", "properties": {"next": rest}, "required": ["next"]}

    assert rambled(bounded(schema, SMALL)) == '{"next": {"next": null}}'


def test_an_optional_property_is_cut_and_does_not_come_back_under_its_name() -> None:
    schema = {"type": "object", "properties": {"me": {"$ref": "#"}}, "additionalProperties": {"type": "null"}}
    bound = bounded(schema, SMALL)

    assert follows(bound, {"me": {}})
    assert follows(bound, {"me": {"x": None}})
    assert not follows(bound, {"me": {"me": {}}})
    assert not follows(bound, {"me": {"me": None}})


def test_types_that_recur_in_each_other_are_cut_too() -> None:
    schema = {
        "$ref": "#/definitions/Dog",
        "definitions": {
            "Dog": {"type": "object", "properties": {"owner": {"$ref": "#/definitions/Owner"}}},
            "Owner": {"type": "object", "properties": {"dog": {"$ref": "#/definitions/Dog"}}},
        },
    }

    assert rambled(bounded(schema, SMALL)) == '{"owner": {"dog": {"owner": {}}}}'


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"me": {"$ref": "#"}}, "required": ["me"]},
        {"type": "array", "items": {"$ref": "#"}, "minItems": 1},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}},
        {"allOf": [{"$ref": "#"}, {"type": "null"}]},
        {"type": "object", "required": ["a"], "additionalProperties": False},
    ],
)
def test_what_nothing_satisfies_is_left_for_the_check_to_refuse(schema: dict[str, Any]) -> None:
    with pytest.raises(grammar.Unusable):
        grammar.check(grammar_of(bounded(schema, SMALL)))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "uniqueItems": True},
        {"not": {"type": "null"}},
        {"$ref": "https://example.com/schema"},
        {"allOf": [{"pattern": "^a"}, {"pattern": "z$"}], "type": "string"},
    ],
)
def test_what_is_not_understood_stays_as_it_is(schema: dict[str, Any]) -> None:
    assert bounded(schema, SMALL) == schema


def test_alternatives_within_alternatives_do_not_multiply() -> None:
    schema: dict[str, Any] = {"type": "integer"}
    for _ in range(30):
        properties = {"a": schema, "b": {"type": "null"}}
        schema = {"type": "object", "properties": properties, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}

    bound = bounded(schema, SMALL)

    grammar.check(grammar_of(bound))
    assert len(json.dumps(bound)) < 4 * len(json.dumps(schema))


def test_types_that_all_refer_to_all_do_not_multiply() -> None:
    names = [f"T{index}" for index in range(10)]
    every = {"type": "object", "properties": {name: {"$ref": f"#/$defs/{name}"} for name in names}}
    schema = {"$ref": "#/$defs/T0", "$defs": {name: dict(every) for name in names}}

    bound = bounded(schema, Bounds(depth=5))

    assert len(json.dumps(bound)) < 5 * len(json.dumps(schema))


def test_a_schema_that_would_grow_too_large_is_given_up_soon() -> None:
    schema: dict[str, Any] = {"type": "integer"}
    for level in range(40):
        options = [{"properties": {"a": {"maximum": level + 1}}}, {"properties": {"a": {"minimum": -level}}}]
        schema = {"type": ["object", "integer"], "properties": {"a": schema}, "anyOf": options}
    began = time.process_time()

    bound = bounded(schema, SMALL)

    assert time.process_time() - began < 2
    assert bound == {"enum": []}


def test_a_schema_nests_no_deeper_for_being_bounded() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(55):
        schema = {"type": ["object", "null"], "properties": {"a": schema}}

    grammar.check(grammar_of(bounded(schema, SMALL)))


def test_a_hundred_properties_take_a_few_milliseconds() -> None:
    properties = {f"p{index}": {"type": "array", "items": {"type": "string"}} for index in range(100)}
    schema = {"type": "object", "properties": properties}

    assert min(seconds_to_bound(schema) for _ in range(3)) < 0.2  # the collector of garbage may take part in one


def seconds_to_bound(schema: dict[str, Any]) -> float:
    began = time.process_time()
    bounded(schema, SMALL)
    return time.process_time() - began


def test_many_patterns_do_not_hold_up_the_server() -> None:
    properties = {f"p{index}": {"type": "string", "pattern": f"^x{index}"} for index in range(2000)}
    began = time.process_time()

    bounded({"type": "object", "properties": properties}, SMALL)

    assert time.process_time() - began < 1


SCALARS = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "pattern": "^[a-c]{2,}$"},
        {"type": "string", "format": "date"},
        {"type": "string", "minLength": 15},
        {"type": "integer"},
        {"type": "integer", "minimum": 70_000},
        {"type": "number", "minimum": 0, "exclusiveMaximum": 0.01},
        {"type": ["boolean", "null"]},
        {"enum": ["a", 2, None]},
        {"const": {"x": 1}},
        {"$ref": "#/$defs/Node"},
        {"$ref": "#/$defs/Size", "description": "how large"},
        {},
        True,
    ]
)
NAMES = st.sampled_from(["a", "ab", "id", "né"])


def _object(properties: dict[str, Any], required: set[str], others: object) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": sorted(required)} | (
        {} if others is None else {"additionalProperties": others}
    )


def _larger(parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return (
        st.builds(
            _object, st.dictionaries(NAMES, parts, max_size=3), st.sets(NAMES, max_size=2), st.none() | parts
        )
        | st.builds(
            lambda item, least: {"type": "array", "items": item, "minItems": least}, parts, st.integers(0, 4)
        )
        | st.builds(lambda first: {"type": "array", "prefixItems": first}, st.lists(parts, min_size=1, max_size=3))
        | st.builds(lambda options: {"anyOf": options}, st.lists(parts, min_size=1, max_size=3))
        | st.builds(lambda one, other: {"allOf": [one, other]}, parts, parts)
        | st.builds(
            lambda base, name: {**base, "anyOf": [{"required": [name]}, {}]}, parts.filter(_is_object), NAMES
        )
    )


def _is_object(schema: object) -> bool:
    return isinstance(schema, dict) and schema.get("type") == "object"


SCHEMAS = st.recursive(SCALARS, _larger, max_leaves=6).filter(lambda schema: isinstance(schema, dict))


@settings(max_examples=150, deadline=None)
@given(SCHEMAS, st.integers(0, 1000))
def test_every_text_of_the_bounded_schema_is_one_of_the_given_schema(schema: dict[str, Any], seed: int) -> None:
    schema = {**schema, "$defs": {"Node": NODE, "Size": {"enum": ["S", "L"]}}}
    bound = bounded(schema, SMALL)
    assume(bound != schema and is_usable(bound))

    for text in (grammar.example(grammar_of(bound)), rambled(bound, seed)):
        jsonschema.validate(json.loads(text), schema)
