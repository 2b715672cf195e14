from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from geminid import grammar
from geminid.errors import BadRequest, InvalidArgument
from geminid.gemini.schema import SchemaWithoutType, checked, from_json_schema, from_schema
from geminid.generation import JsonSchema
from geminid.wire import json
from geminid.wire.tools import Schema, Type

GOOGLE, VALUE = "generation_config.response_schema", "generation_config.response_json_schema"


def google(*, alphabetical: bool = False, **words: Any) -> dict[str, Any]:
    """What a Schema, given by its fields in JSON, comes to."""
    schema = json.decode(Schema, msgspec.json.encode(words))
    return from_schema(schema, GOOGLE, alphabetical=alphabetical)


def value(schema: Any) -> dict[str, Any]:
    return from_json_schema(schema, VALUE)


def refused(act: Callable[[], object]) -> tuple[str, str]:
    """The path and the reason of a refusal, which its message has too."""
    with pytest.raises(InvalidArgument) as raised:
        act()
    (detail,) = raised.value.details
    assert isinstance(detail, BadRequest)
    (violation,) = detail.violations
    head, _, reason = violation.description.partition(" cannot be honoured: ")
    assert head == f"Unable to submit request because the schema at `{violation.field}`"
    assert raised.value.message == violation.description
    return violation.field, reason.removesuffix(". Update the schema and try again.")


def chain(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth - 1):
        schema = {"type": "array", "items": schema}
    return schema


def objects(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


# Google's Schema


def test_an_object_has_its_declared_properties_and_no_others() -> None:
    read = google(type="OBJECT", properties={"b": {"type": "string"}, "a": {"type": "INTEGER"}}, required=["a"])

    assert read == {
        "type": "object",
        "properties": {"b": {"type": "string"}, "a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert list(read["properties"]) == ["b", "a"]


def test_an_object_without_properties_is_any_object() -> None:
    assert google(type="OBJECT") == {"type": "object"}


@pytest.mark.parametrize(
    ("ordering", "alphabetical", "names"),
    [
        ([], False, "cab"),
        ([], True, "abc"),
        (["b"], False, "bca"),
        (["c"], True, "cab"),
        (["b", "a", "c"], True, "bac"),
    ],
)
def test_properties_are_ordered(ordering: list[str], alphabetical: bool, names: str) -> None:
    properties = {name: {"type": "STRING"} for name in "cab"}

    read = google(type="OBJECT", properties=properties, propertyOrdering=ordering, alphabetical=alphabetical)

    assert "".join(read["properties"]) == names


def test_property_ordering_names_properties_only() -> None:
    path, reason = refused(lambda: google(type="OBJECT", properties={}, propertyOrdering=["x"]))
    assert (path, reason) == (f"{GOOGLE}.property_ordering", "it orders properties, and there are none")

    inner = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}, "propertyOrdering": ["x"]}
    path, reason = refused(lambda: google(type="ARRAY", items=inner))
    assert (path, reason) == (f"{GOOGLE}.items.property_ordering", "`x` is not among the properties")


def test_required_names_properties_only() -> None:
    path, reason = refused(lambda: google(type="OBJECT", properties={"a": {"type": "STRING"}}, required=["b"]))

    assert (path, reason) == (f"{GOOGLE}.required", "`b` is not among the properties")


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ({"properties": {"a": {"type": "STRING"}}}, "object"),
        ({"items": {"type": "STRING"}}, "array"),
        ({"enum": ["a"]}, "string"),
    ],
)
def test_a_type_is_seen_by_its_marks(words: dict[str, Any], kind: str) -> None:
    assert google(**words)["type"] == kind


@pytest.mark.parametrize(
    ("words", "tail"),
    [
        ({}, ""),
        ({"description": "x"}, ""),
        ({"type": "OBJECT", "properties": {"a": {}}}, ".properties[a]"),
        ({"type": "ARRAY", "items": {"title": "x"}}, ".items"),
        ({"anyOf": [{"type": "STRING"}, {"description": "x"}]}, ".any_of[1]"),
    ],
)
def test_a_schema_without_a_type_is_refused_in_googles_words(words: dict[str, Any], tail: str) -> None:
    with pytest.raises(SchemaWithoutType) as raised:
        google(**words)

    assert raised.value.path == GOOGLE + tail
    assert raised.value.message == (
        "Unable to submit request because one or more response schemas didn't specify the schema type field. "
        "Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/control-generated-output"
    )


def test_an_enum_has_values_of_its_type() -> None:
    assert google(type="STRING", format="enum", enum=["1", "b"]) == {"type": "string", "enum": ["1", "b"]}
    assert google(type="INTEGER", enum=["1", "2"])["enum"] == [1, 2]
    assert google(type="NUMBER", enum=["1.5", "2"])["enum"] == [1.5, 2]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"type": "STRING", "enum": ["a", ""]}, "a value is empty"),
        ({"type": "STRING", "enum": ["a", "a"]}, "a value occurs twice"),
        ({"type": "INTEGER", "enum": ["1_0"]}, "`1_0` is no INTEGER"),
        ({"type": "BOOLEAN", "enum": ["true"]}, "an enum has strings or numbers, and the type is BOOLEAN"),
    ],
)
def test_an_enum_that_google_refuses_is_refused(words: dict[str, Any], reason: str) -> None:
    assert refused(lambda: google(**words)) == (f"{GOOGLE}.enum", reason)


@pytest.mark.parametrize(
    ("words", "read"),
    [
        ({"type": "STRING"}, {"type": ["string", "null"]}),
        ({"type": "STRING", "enum": ["a"]}, {"type": ["string", "null"], "enum": ["a", None]}),
        (
            {"title": "t", "anyOf": [{"type": "STRING"}]},
            {"title": "t", "anyOf": [{"type": "string"}, {"type": "null"}]},
        ),
    ],
)
def test_a_nullable_schema_takes_null(words: dict[str, Any], read: dict[str, Any]) -> None:
    assert google(nullable=True, **words) == read


def test_a_nullable_reference_takes_null() -> None:
    read = google(ref="#/defs/A", nullable=True, title="t", defs={"A": {"type": "STRING"}})

    assert read == {
        "title": "t",
        "anyOf": [{"$ref": "#/$defs/A"}, {"type": "null"}],
        "$defs": {"A": {"type": "string"}},
    }


def test_integer_formats_are_bounds() -> None:
    assert google(type="INTEGER", format="int32", minimum=0) == {
        "type": "integer",
        "minimum": 0,
        "maximum": 2**31 - 1,
    }
    assert google(type="INTEGER", format="int64")["maximum"] == 2**63 - 1
    assert google(type="NUMBER", format="double") == {"type": "number"}


@pytest.mark.parametrize(
    "name", ["date", "date-time", "time", "duration", "email", "hostname", "ipv4", "uri", "uuid"]
)
def test_string_formats_are_kept(name: str) -> None:
    assert google(type="STRING", format=name)["format"] == name


@pytest.mark.parametrize(
    ("kind", "name"),
    [("STRING", "byte"), ("STRING", "password"), ("STRING", "iri"), ("STRING", "int64"), ("INTEGER", "date")],
)
def test_other_formats_are_refused(kind: str, name: str) -> None:
    path, reason = refused(lambda: google(type=kind, format=name))

    assert path == f"{GOOGLE}.format"
    assert reason == f"`{name}` is no supported format of the type {kind.lower()}"


def test_bounds_and_texts_are_kept_and_examples_are_not() -> None:
    words = {"minLength": "1", "maxLength": 5, "pattern": "a", "title": "t", "description": "d"}

    read = google(type="STRING", example="a", default="b", **words)

    assert read == {"type": "string", **words, "minLength": 1}


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"type": "ARRAY", "minItems": 3, "maxItems": 2}, "min_items"),
        ({"type": "STRING", "minLength": -1}, "min_length"),
        ({"type": "STRING", "minLength": 10_001}, "min_length"),
        ({"type": "ARRAY", "minItems": 10**7}, "min_items"),
        ({"type": "OBJECT", "minProperties": 1001}, "min_properties"),
        ({"type": "NUMBER", "minimum": 2, "maximum": 1}, "minimum"),
        ({"type": "NUMBER", "maximum": 1e300}, "maximum"),
        ({"type": "STRING", "pattern": "a" * 1001}, "pattern"),
    ],
)
def test_bounds_that_cannot_be_kept_to_are_refused(words: dict[str, Any], field: str) -> None:
    assert refused(lambda: google(**words))[0] == f"{GOOGLE}.{field}"


@pytest.mark.parametrize("bound", [float("nan"), float("inf")])
def test_a_bound_is_a_number(bound: float) -> None:
    path, _ = refused(lambda: from_schema(Schema(type=Type.NUMBER, minimum=bound), GOOGLE))

    assert path == f"{GOOGLE}.minimum"


def test_a_maximum_that_no_answer_reaches_is_none() -> None:
    assert google(type="ARRAY", maxItems=10**12) == {"type": "array"}


def test_references_lead_to_definitions() -> None:
    node = {"type": "OBJECT", "properties": {"next": {"ref": "#/defs/Node"}}}

    read = google(ref="#/defs/Node", defs={"Node": node, "Unused": {"type": "STRING"}})

    assert read == {"$ref": "#/$defs/Node", "$defs": {"Node": read["$defs"]["Node"]}}
    assert read["$defs"]["Node"]["properties"] == {"next": {"$ref": "#/$defs/Node"}}


def test_the_type_beside_any_of_gives_way_to_its_options() -> None:
    options = [{"type": "INTEGER"}, {"type": "STRING"}]

    assert google(type="OBJECT", anyOf=options) == {"anyOf": [{"type": "integer"}, {"type": "string"}]}


def test_options_may_leave_the_type_to_what_is_around_them() -> None:
    properties = {name: {"type": "STRING"} for name in "ab"}

    read = google(type="OBJECT", properties=properties, anyOf=[{"required": ["a"]}, {"required": ["b"]}])

    assert read["anyOf"] == [{"required": ["a"]}, {"required": ["b"]}]
    assert read["additionalProperties"] is False


def test_additional_properties_are_a_json_schema() -> None:
    assert google(type="OBJECT", additionalProperties=True)["additionalProperties"] == {}
    assert google(type="OBJECT", additionalProperties=False)["additionalProperties"] is False

    path, _ = refused(lambda: google(type="OBJECT", additionalProperties={"type": "STRING", "minLength": 0.5}))
    assert path == f"{GOOGLE}.additional_properties.minLength"


def test_additional_properties_may_be_spelled_with_the_fields_of_schema() -> None:
    country = {
        "type": "OBJECT",
        "properties": {"a": {"type": "STRING", "max_length": 5}},
        "property_ordering": ["a"],
    }

    read = google(type="OBJECT", additionalProperties=country)

    assert read["additionalProperties"]["properties"] == {"a": {"type": "string", "maxLength": 5}}


def test_a_message_of_any_depth_is_refused() -> None:
    schema = Schema(type=Type.STRING)
    for _ in range(2_000):
        schema = Schema(type=Type.ARRAY, items=schema)

    assert "nested" in refused(lambda: from_schema(schema, GOOGLE))[1]


# JSON Schema


def test_true_and_an_empty_schema_are_any_json() -> None:
    assert value(True) == value({}) == {}


@pytest.mark.parametrize("schema", [False, None, 5, "string", []])
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    assert refused(lambda: value(schema)) == (VALUE, "it is no object")


def test_annotations_are_dropped_but_for_texts() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:x", "$comment": "c", "$anchor": "a",
        "title": "t", "description": "d", "default": 1, "examples": [1], "example": 1, "readOnly": True,
        "writeOnly": True, "deprecated": True, "discriminator": {"propertyName": "kind"}, "x-anything": 1,
        "x-guidance": {"lenient": True}, "minItems": None,
    }  # fmt: skip

    assert value(schema) == {"title": "t", "description": "d"}


def test_types_are_taken_in_any_case_and_whole_floats_are_integers() -> None:
    schema = {"type": ["STRING", "Null"], "minLength": 2.0}

    assert value(schema) == {"type": ["string", "null"], "minLength": 2}
    assert str(value({"enum": [1.0, 1.5, {"a": [2.0]}], "type": "NUMBER"})["enum"]) == "[1, 1.5, {'a': [2]}]"


def test_unevaluated_items_are_the_items_after_those_of_a_tuple() -> None:
    pair = {"type": "array", "prefixItems": [{"type": "number"}] * 2, "unevaluatedItems": False}

    assert value(pair)["items"] is False
    assert value(pair | {"items": {"type": "string"}})["items"] == {"type": "string"}
    path, _ = refused(lambda: value({"prefixItems": [{}], "unevaluatedItems": False, "allOf": [{"items": {}}]}))
    assert path == f"{VALUE}.unevaluatedItems"


@pytest.mark.parametrize(
    "keyword",
    [
        "not", "if", "then", "else", "uniqueItems", "contains", "minContains", "patternProperties",
        "propertyNames", "dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties",
        "unevaluatedItems", "additionalItems", "$dynamicRef",
        "$recursiveRef", "id", "strict",
    ],
)  # fmt: skip
def test_other_keywords_are_refused_by_name(keyword: str) -> None:
    path, reason = refused(lambda: value(objects(a={keyword: True})))

    assert (path, reason) == (f"{VALUE}.properties[a].{keyword}", "the keyword is not supported")


@pytest.mark.parametrize(
    ("schema", "tail"),
    [
        ({"type": "text"}, ".type"),
        ({"type": []}, ".type"),
        ({"enum": []}, ".enum"),
        ({"anyOf": []}, ".anyOf"),
        ({"anyOf": [{}], "oneOf": [{}]}, ".oneOf"),
        ({"items": 5}, ".items"),
        ({"properties": []}, ".properties"),
        ({"properties": {"a": 5}}, ".properties[a]"),
        ({"required": "a"}, ".required"),
        ({"title": 5}, ".title"),
        ({"pattern": 5}, ".pattern"),
        ({"format": "iri"}, ".format"),
        ({"type": "string", "minLength": True}, ".minLength"),
        ({"exclusiveMinimum": True}, ".exclusiveMinimum"),
        ({"multipleOf": 0}, ".multipleOf"),
        ({"multipleOf": 999_983}, ".multipleOf"),
        ({"nullable": "yes"}, ".nullable"),
        ({"items": {"$id": "urn:x"}}, ".items.$id"),
    ],
)
def test_malformed_keywords_are_refused(schema: dict[str, Any], tail: str) -> None:
    assert refused(lambda: value(schema))[0] == VALUE + tail


def test_one_of_is_read_as_any_of() -> None:
    assert value({"oneOf": [{"type": "string"}, {"const": None}]}) == {
        "anyOf": [{"type": "string"}, {"const": None}]
    }


def test_objects_are_closed_unless_they_say_otherwise() -> None:
    opened = objects(a={}) | {"additionalProperties": True, "required": ["b"]}

    read = value(objects(inner=objects(), opened=opened))

    assert read["additionalProperties"] is False
    assert read["properties"]["inner"]["additionalProperties"] is False
    assert read["properties"]["opened"]["additionalProperties"] == {}
    assert refused(lambda: value(objects(a={}) | {"required": ["b"]}))[0] == f"{VALUE}.required"


def test_objects_put_together_of_several_stay_open() -> None:
    schema = {
        "allOf": [{"$ref": "#/definitions/Base"}, objects(b={"type": "string"}) | {"required": ["a", "b"]}],
        "definitions": {"Base": objects(a={"type": "string"})},
    }

    read = value(schema)

    assert "additionalProperties" not in msgspec.json.encode(read).decode()
    assert read["$defs"] == {"Base": objects(a={"type": "string"})}


def test_an_all_of_around_one_reference_leaves_objects_closed() -> None:
    schema = {"allOf": [{"$ref": "#/$defs/A"}], "description": "d", "$defs": {"A": objects(a={})}}

    assert value(schema)["$defs"]["A"]["additionalProperties"] is False


def test_references_may_name_any_place_in_the_schema() -> None:
    schema = objects(
        a=objects(x={"type": "string"}), b={"$ref": "#/properties/a"}, c={"$ref": "#/properties/a/properties/x"}
    )

    read = value(schema)

    assert read["properties"]["b"] == {"$ref": "#/$defs/a"}
    assert read["$defs"]["a"] == read["properties"]["a"]
    assert read["$defs"]["ref:1"] == {"type": "string"}


def test_definitions_with_odd_names_are_found() -> None:
    read = value({"$ref": "#/$defs/List%5BA~1b~0%5D", "$defs": {"List[A/b~]": {"type": "string"}}})

    assert read == {"$ref": "#/$defs/ref:0", "$defs": {"ref:0": {"type": "string"}}}
    checked(read, VALUE)


@pytest.mark.parametrize(
    "reference",
    ["http://127.0.0.1:9/x", "file:///etc/passwd", "other.json#/a", "#anchor", "", "#/$defs/none", "#/a/9"],
)
def test_references_lead_nowhere_else(reference: str) -> None:
    assert refused(lambda: value(objects(a={"$ref": reference})))[0] == f"{VALUE}.properties[a].$ref"


@pytest.mark.parametrize(
    ("schema", "tail"),
    [
        ({"$ref": "#"}, ""),
        (objects(child={"$ref": "#"}) | {"required": ["child"]}, ""),
        ({"type": "array", "items": {"$ref": "#"}, "minItems": 1}, ""),
        (objects(a={"$ref": "#/$defs/a"}) | {"$defs": {"a": {"$ref": "#/$defs/a"}}}, ".$defs[a]"),
        ({"anyOf": [{"$ref": "#/$defs/a"}, {"type": "null"}], "$defs": {"a": {"$ref": "#/$defs/a"}}}, ".$defs[a]"),
    ],
)
def test_references_that_never_come_to_a_value_are_refused(schema: dict[str, Any], tail: str) -> None:
    path, reason = refused(lambda: value(schema))

    assert path == VALUE + tail
    assert reason == "its references lead back to it for ever, and nothing satisfies it"


def test_recursion_with_an_end_is_kept() -> None:
    tree = objects(children={"type": "array", "items": {"$ref": "#"}}, next={"$ref": "#", "nullable": True})

    checked(value(tree | {"required": ["children", "next"]}), VALUE)


# Limits


def test_depth_is_limited() -> None:
    checked(value(chain(32)), VALUE)

    assert refused(lambda: value(chain(33)))[1] == "it is nested more than 32 deep"


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (chain(2_000), "it is nested too deep"),
        ({"const": chain(2_000)}, "it is nested too deep"),
        (objects(**{f"p{index}": {} for index in range(1_001)}), "it has more than 1000 properties"),
        ({"anyOf": [{}] * 2_000}, "it consists of more than 2000 schemas"),
        ({"enum": list(range(100_000))}, "it has 588900 bytes of JSON, and 131072 are supported"),
        ({"enum": list(range(501))}, "it has 501 values, and 500 are supported"),
        ({"description": "x" * 2**17}, "it has 131090 bytes of JSON, and 131072 are supported"),
        ({"title": "\ud800"}, "it has half of a surrogate pair, which no text has"),
    ],
)  # fmt: skip
def test_what_is_too_large_is_refused_at_once(schema: dict[str, Any], reason: str) -> None:
    started = time.process_time()

    assert refused(lambda: value(schema))[1] == reason
    assert time.process_time() - started < 0.5


def test_a_thousand_properties_compile() -> None:
    checked(value(objects(**{f"p{index}": {"type": "string"} for index in range(1_000)})), VALUE)


def test_long_names_are_clipped() -> None:
    path, _ = refused(lambda: value(objects(**{"n" * 10_000: {"not": {}}})))

    assert len(path) < 200


# Compiling


@pytest.mark.parametrize("pattern", ["(a+)+$", "(.*a){50}", "^+[a-z]$", r"^\d{3}-\w+$", r"^[\p{L}\s'-]{1,50}$"])
def test_patterns_that_run_in_linear_time_are_kept(pattern: str) -> None:
    checked(value({"type": "string", "pattern": pattern}), VALUE)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(?<=x)*", "look-around, including look-ahead and look-behind, is not supported"),
        ("a(?=b)", "look-around, including look-ahead and look-behind, is not supported"),
        (r"(a)\1", "backreferences are not supported"),
        ("(a", "unclosed group"),
        ("(" * 400 + ")" * 400, "exceed the maximum number of nested parentheses/brackets (250)"),
        ("(a{1,1000}){1,1000}", "the pattern takes too much memory, by itself or together with the others"),
    ],
)
def test_other_patterns_are_refused(pattern: str, reason: str) -> None:
    read = google(type="OBJECT", properties={"a": {"type": "STRING", "pattern": pattern}})

    assert refused(lambda: checked(read, GOOGLE)) == (f"{GOOGLE}.properties[a].pattern", reason)


@pytest.mark.parametrize(
    ("schema", "tail"),
    [
        ({"type": "number", "multipleOf": 1e-300}, ".multipleOf"),
        ({"type": "array", "items": {"type": "string", "pattern": "^a$", "minLength": 5}, "minItems": 1},
         ".items.pattern"),
        ({"const": 10**400}, ".const"),
        ({"anyOf": [{"type": "null"}, objects(a={}, b={}) | {"minProperties": 2}]}, ".anyOf[1].minProperties"),
        ({"type": "array", "prefixItems": [{}, {"$ref": "#/$defs/A"}], "minItems": 2,
          "$defs": {"A": {"type": "string", "enum": [1]}}}, ".$defs[A].enum"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, ""),
    ],
)  # fmt: skip
def test_what_cannot_be_compiled_is_refused_at_its_place(schema: dict[str, Any], tail: str) -> None:
    read = value(schema)

    path, reason = refused(lambda: checked(read, VALUE))

    assert path == VALUE + tail
    assert reason
    assert "\n" not in reason


def test_the_place_is_found_among_many() -> None:
    good = {f"p{index}": {"type": "string"} for index in range(990)}
    read = value(objects(**good, bad=objects(a={}, b={}) | {"minProperties": 2}))

    assert refused(lambda: checked(read, VALUE))[0] == f"{VALUE}.properties[bad].minProperties"


def test_choices_that_multiply_are_refused_in_time() -> None:
    pair = [{"anyOf": [objects(**{f"a{index}": {}}), objects(**{f"b{index}": {}})]} for index in range(20)]
    read = value({"allOf": pair})
    started = time.process_time()

    place, reason = refused(lambda: checked(read, VALUE))

    assert place == VALUE
    assert reason.startswith("its combinations of schemas come to ")
    assert time.process_time() - started < 2


def test_many_different_schemas_are_checked_one_by_one() -> None:
    for index in range(300):
        checked(value(objects(**{f"p{index}": {"type": "string"}})), VALUE)

    bad = value({"type": "string", "minLength": 5, "enum": ["a"]})
    for _ in range(2):
        assert refused(lambda: checked(bad, VALUE))[0] == f"{VALUE}.enum"


def test_what_a_client_says_to_the_grammar_does_not_reach_it() -> None:
    read = value(
        objects(a={"type": "string", "x-guidance": {"lenient": True}}) | {"x-guidance": {"lenient": True}}
    )

    assert "lenient" not in (grammar.grammar_of(JsonSchema(read), None) or "")


def test_unions_within_unions_are_refused_before_they_are_multiplied_out() -> None:
    """Thirty of these need more memory than machines have."""
    nested: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}}}
    for _ in range(30):
        either = [{"required": ["a"]}, {"required": ["b"]}]
        nested = {"type": "object", "properties": {"a": nested, "b": {"type": "string"}}, "anyOf": either}

    with pytest.raises(InvalidArgument, match="its combinations of schemas come to 11811160056"):
        checked(from_json_schema(nested, "p"), "p")


def test_many_nullable_properties_are_no_combinations() -> None:
    properties = {f"p{index}": {"anyOf": [{"type": "string"}, {"type": "null"}]} for index in range(600)}

    checked(from_json_schema({"type": "object", "properties": properties}, "p"), "p")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (
            {"type": "object", "propertyNames": {"type": "string"}, "additionalProperties": {"type": "integer"}},
            {"type": "object", "additionalProperties": {"type": "integer"}},
        ),
        (
            {
                "type": "object",
                "propertyNames": {"type": "string", "enum": ["a", "b"]},
                "additionalProperties": {"type": "integer"},
                "required": ["a"],
            },
            objects(a={"type": "integer"}, b={"type": "integer"}) | {"required": ["a"]},
        ),
        (
            {"type": "array", "items": [{"type": "string"}, {"type": "integer"}], "additionalItems": False},
            {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False},
        ),
        (
            {"type": "string", "format": "starts_with", "pattern": "^x.*$"},
            {"type": "string", "pattern": "^x.*$"},
        ),
        (
            {"type": "string", "contentEncoding": "base64", "pattern": "^[a-z]*$"},
            {"type": "string", "pattern": "^[a-z]*$"},
        ),
        ({"type": "string", "format": "binary"}, {"type": "string"}),
    ],
    ids=["any names", "names of a list", "tuples of old drafts", "formats beside patterns", "encodings", "bytes"],
)
def test_what_zod_and_pydantic_write_is_understood(theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    read = value(theirs)

    assert {key: read[key] for key in ours} == ours
    assert "propertyNames" not in read
