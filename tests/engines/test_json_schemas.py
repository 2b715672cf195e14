from __future__ import annotations

from typing import Any

import pytest

from geminid.engines import json_schemas
from geminid.engines.json_schemas import NOTHING, Unreadable, both


def test_a_reference_leads_by_names_and_places() -> None:
    wanted = {"type": "integer"}
    root = {"$defs": {"a/b c~": {"anyOf": [{}, wanted]}}}

    assert json_schemas.target(root, "#/$defs/a~1b%20c~0/anyOf/1") is wanted
    assert json_schemas.target(root, "#") is root


@pytest.mark.parametrize(
    "reference", ["#/$defs/b", "#name", "https://example.com/s", "#/anyOf/x", "#/anyOf/0/type/x"]
)
def test_a_reference_to_anything_else_is_not_followed(reference: str) -> None:
    with pytest.raises(Unreadable):
        json_schemas.target({"anyOf": [{"type": "null"}]}, reference)


def test_each_circle_of_references_has_a_recursive_schema() -> None:
    plain: dict[str, Any] = {"type": "null"}
    pair: dict[str, Any] = {"items": {"$ref": "#/$defs/other"}}
    root = {
        "$ref": "#/$defs/pair",
        "$defs": {"pair": pair, "other": {"items": {"$ref": "#/$defs/pair"}}, "plain": plain},
    }

    assert json_schemas.recursive(root) == {id(pair)}
    assert json_schemas.recursive({"items": {"$ref": "#/$defs/plain"}, "$defs": {"plain": plain}}) == frozenset()


def test_a_property_may_be_called_like_a_keyword() -> None:
    root = {"properties": {"$ref": {"type": "string"}, "items": {"$ref": "#/properties/$ref"}}}

    assert json_schemas.recursive(root) == frozenset()


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ({}, {"type": "null"}, {"type": "null"}),
        (True, {"type": "null", "title": "Nothing"}, {"type": "null"}),
        (False, {"type": "null"}, {**NOTHING, "type": "null"}),
        ({"minimum": 1, "maxLength": 5}, {"minimum": 2, "maxLength": 7}, {"minimum": 2, "maxLength": 5}),
        ({"type": ["null", "number"]}, {"type": ["integer", "null"]}, {"type": ["null", "integer"]}),
        ({"type": "string"}, {"type": "null"}, {"type": []}),
        ({"enum": ["a", 1, True]}, {"const": 1}, {"enum": [1]}),
        ({"required": ["a", "b"]}, {"required": ["c", "a"]}, {"required": ["a", "b", "c"]}),
        ({"items": {}}, {"items": {"type": "null"}}, {"items": {"type": "null"}}),
        ({"$ref": "#/a"}, {"$ref": "#/b"}, {"$ref": "#/a", "allOf": [{"$ref": "#/b"}]}),
        ({"anyOf": [True, False]}, {"anyOf": [{"maximum": 1}]}, {"anyOf": [{"maximum": 1}, False]}),
    ],
)
def test_two_schemas_say_together(one: Any, other: Any, together: dict[str, Any]) -> None:
    assert both(one, other) == together


def test_properties_of_both_come_in_order_and_keep_to_what_the_other_says_of_them() -> None:
    one = {"properties": {"a": {"minimum": 1}, "b": {"type": "null"}}, "additionalProperties": {"type": "string"}}
    other = {"properties": {"c": {"minLength": 1}, "a": {"maximum": 9}}}

    assert both(one, other)["properties"] == {
        "a": {"allOf": [{"minimum": 1}, {"maximum": 9}]},
        "b": {"type": "null"},
        "c": {"allOf": [{"type": "string"}, {"minLength": 1}]},
    }


def test_elements_keep_to_what_the_other_says_of_them() -> None:
    one = {"prefixItems": [{"minimum": 1}], "items": {"maximum": 5}}
    other = {"prefixItems": [{"maximum": 9}, {"minimum": 2}]}

    assert both(one, other) == {
        "prefixItems": [{"allOf": [{"minimum": 1}, {"maximum": 9}]}, {"allOf": [{"maximum": 5}, {"minimum": 2}]}],
        "items": {"maximum": 5},
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"pattern": "^a"}, {"pattern": "z$"}),
        ({"patternProperties": {"^x": {}}}, {"additionalProperties": False}),
        ({}, {"not": {}}),
        ({}, {"items": [{}]}),
    ],
)
def test_what_cannot_be_said_in_one_is_not_said(one: Any, other: Any) -> None:
    with pytest.raises(Unreadable):
        both(one, other)
