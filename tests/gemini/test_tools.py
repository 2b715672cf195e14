"""Tools and toolConfig: what may be called, how it must be declared, and which calls may be made."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from geminid.errors import InvalidArgument
from geminid.gemini.profiles import Catalogue
from geminid.gemini.tools import check_together, functions_of, problem, tools_of
from geminid.generation import Calling, FunctionCall, Tools
from geminid.wire import json
from geminid.wire.generation import GenerateContentRequest

ZONE = {"type": "OBJECT", "properties": {"zone": {"type": "STRING"}}, "required": ["zone"]}
CLOCK = {"name": "clock", "description": "Tells the time.", "parameters": ZONE}
DICE = {"name": "dice"}


def tools(
    *functions: dict[str, Any], model: str = "gemini-1.5-flash", config: dict[str, Any] | None = None
) -> Tools | None:
    found = Catalogue().find(model)
    assert found
    body: dict[str, Any] = {"tools": [{"functionDeclarations": functions}]} if functions else {}
    if config is not None:
        body["toolConfig"] = {"functionCallingConfig": config}
    return tools_of(json.decode(GenerateContentRequest, msgspec.json.encode(body)), found.profile)


def some(*functions: dict[str, Any], **config: Any) -> Tools:
    found = tools(*functions, config=config)
    assert found
    return found


def refused(*functions: dict[str, Any], model: str = "gemini-1.5-flash", **config: Any) -> str:
    with pytest.raises(InvalidArgument) as error:
        tools(*functions, model=model, config=config or None)
    return error.value.message


def test_functions_come_in_the_order_of_their_declaration() -> None:
    declared = some(CLOCK, DICE)

    assert [function.name for function in declared.functions] == ["clock", "dice"]
    assert declared.functions[0].description == "Tells the time."
    assert declared.calling is Calling.AUTO
    assert declared.callable == declared.functions


def test_the_functions_of_all_tools_count() -> None:
    body = {"tools": [{"functionDeclarations": [CLOCK]}, {"functionDeclarations": [DICE]}, {}]}
    request = json.decode(GenerateContentRequest, msgspec.json.encode(body))

    names = [function.name for function in functions_of(request.tools, alphabetical=False)]

    assert names == ["clock", "dice"]


def test_parameters_are_a_json_schema() -> None:
    parameters = some(CLOCK).functions[0].parameters

    assert parameters["type"] == "object"
    assert parameters["properties"]["zone"]["type"] == "string"
    assert parameters["required"] == ["zone"]


def test_parameters_may_be_declared_as_a_json_schema() -> None:
    given = {"type": "object", "properties": {"sides": {"type": "integer", "minimum": 2}}}

    parameters = some({"name": "dice", "parametersJsonSchema": given}).functions[0].parameters

    assert parameters["properties"]["sides"]["minimum"] == 2


def test_a_json_schema_without_a_type_is_that_of_an_object() -> None:
    assert some({"name": "dice", "parametersJsonSchema": {}}).functions[0].parameters["type"] == "object"


@pytest.mark.parametrize("function", [DICE, DICE | {"parametersJsonSchema": None}])
def test_a_function_without_parameters_takes_none(function: dict[str, Any]) -> None:
    parameters = some(function).functions[0].parameters

    assert parameters == {"type": "object", "properties": {}, "additionalProperties": False}


def test_what_a_function_gives_may_be_described() -> None:
    assert some(DICE | {"response": {"type": "INTEGER"}}, CLOCK | {"responseJsonSchema": {"type": "string"}})


@pytest.mark.parametrize("name", ["a", "_", "get_Weather-2.x:y", "a" * 64])
def test_names(name: str) -> None:
    assert some({"name": name}).allowed == {name}


@pytest.mark.parametrize("name", ["", "1st", "a b", "é", "a" * 65, "-a", "a\n"])
def test_names_that_are_none(name: str) -> None:
    assert refused(CLOCK, {"name": name}) == (
        "The GenerateContentRequest proto is invalid:\n"
        "  * tools[0].function_declarations[1].name: [FIELD_INVALID] Invalid function name. Must start with a "
        "letter or an underscore. Must be a-z, A-Z, 0-9, or contain underscores (_), dots (.), colons (:), or "
        "dashes (-), with a maximum length of 64."
    )


def test_a_name_is_declared_once() -> None:
    assert refused(CLOCK, DICE, CLOCK) == "Duplicate function declaration found: clock"


def test_there_are_at_most_512_functions() -> None:
    many = [{"name": f"f{number}"} for number in range(513)]

    assert tools(*many[:512])
    assert refused(*many) == (
        "The GenerateContentRequest proto is invalid:\n"
        "  * tools[0].function_declarations: [FIELD_INVALID] At most 512 function declarations can be specified."
    )


LEARN_MORE = ". Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling"


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ({"parameters": {}}, "`f` functionDeclaration `parameters` schema didn't specify the schema type field"),
        (
            {"parameters": {"type": "OBJECT", "properties": {"a": {"type": "OBJECT", "properties": {"b": {}}}}}},
            "`f` functionDeclaration `parameters.a.b` schema didn't specify the schema type field",
        ),
        (
            {"parameters": {"type": "OBJECT", "properties": {"a": {"type": "ARRAY", "items": {}}}}},
            "`f` functionDeclaration `parameters.a.items` schema didn't specify the schema type field",
        ),
        ({"parameters": {"type": "STRING"}}, "`f` functionDeclaration parameters schema should be of type OBJECT"),
        (
            {"parametersJsonSchema": {"type": "array"}},
            "`f` functionDeclaration parameters schema should be of type OBJECT",
        ),
        (
            {"parameters": ZONE, "parametersJsonSchema": {"type": "object"}},
            "`f` functionDeclaration has both parameters and parametersJsonSchema. Remove one of them and try "
            "again",
        ),
    ],
)
def test_parameters_that_are_none(function: dict[str, Any], reason: str) -> None:
    assert refused({"name": "f"} | function) == f"Unable to submit request because {reason}{LEARN_MORE}"


def test_a_schema_that_no_grammar_keeps_to() -> None:
    bad = {"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}}

    words = refused({"name": "f", "parametersJsonSchema": bad})

    assert "`tools[0].function_declarations[0].parameters_json_schema.properties[a]" in words


def test_parameters_have_a_size_together() -> None:
    text = {"type": "STRING", "description": "x" * 60_000}
    big = [
        {"name": f"f{number}", "parameters": {"type": "OBJECT", "properties": {"a": text}}} for number in "12345"
    ]

    assert tools(*big[:4])
    assert "the parameters of all functions have more than 262144 bytes of JSON" in refused(*big)


def test_functions_may_be_too_many_for_one_grammar() -> None:
    dates = {f"p{number}": {"type": "STRING", "format": "date-time"} for number in range(60)}
    parameters = {"type": "OBJECT", "properties": dates}

    check_together(some(*({"name": f"f{number}", "parameters": parameters} for number in range(2))), None)
    many = some(*({"name": f"f{number}", "parameters": parameters} for number in range(90)))
    with pytest.raises(InvalidArgument, match="the function declarations are too complex together"):
        check_together(many, None)


@pytest.mark.parametrize(
    ("mode", "calling"),
    [
        ("MODE_UNSPECIFIED", Calling.AUTO),
        ("AUTO", Calling.AUTO),
        ("ANY", Calling.ANY),
        ("VALIDATED", Calling.VALIDATED),
    ],
)
def test_modes(mode: str, calling: Calling) -> None:
    assert some(CLOCK, mode=mode).calling is calling


def test_with_mode_none_nothing_may_be_called() -> None:
    assert tools(CLOCK, config={"mode": "NONE"}) is None
    assert tools(config={"mode": "NONE"}) is None
    assert tools(config={}) is None


@pytest.mark.parametrize("mode", ["ANY", "VALIDATED"])
def test_some_names_may_be_chosen(mode: str) -> None:
    chosen = some(CLOCK, DICE, mode=mode, allowedFunctionNames=["dice"])

    assert len(chosen.functions) == 2
    assert [function.name for function in chosen.callable] == ["dice"]


@pytest.mark.parametrize("mode", ["AUTO", "NONE", "MODE_UNSPECIFIED"])
def test_names_are_chosen_where_calls_are_wanted(mode: str) -> None:
    assert refused(CLOCK, mode=mode, allowedFunctionNames=["clock"]).startswith(
        "Unable to submit request because it has allowedFunctionNames, which need the function calling mode ANY or"
    )


def test_names_are_chosen_from_those_declared() -> None:
    assert refused(CLOCK, mode="ANY", allowedFunctionNames=["clock", "dice"]) == (
        "allowed_function_names should be a subset of the provided function_declarations"
    )


@pytest.mark.parametrize("mode", ["AUTO", "ANY", "VALIDATED"])
def test_a_mode_wants_functions(mode: str) -> None:
    assert refused(mode=mode) == "Function calling config is set without function_declarations."


def test_a_model_that_cannot_call() -> None:
    words = refused(DICE, model="gemini-1.0-pro-vision-001")

    assert words == "Function calling is not enabled for this model"


@pytest.mark.parametrize("mode", ["AUTO", "ANY", "VALIDATED"])
def test_a_sound_call_may_be_made(mode: str) -> None:
    assert problem(FunctionCall("clock", {"zone": "UTC"}), some(CLOCK, mode=mode)) is None


@pytest.mark.parametrize("mode", ["AUTO", "ANY", "VALIDATED"])
def test_a_function_nobody_declared_may_not_be_called(mode: str) -> None:
    assert problem(FunctionCall("rm", {}), some(CLOCK, mode=mode)) == "`rm` is not a function that may be called"


def test_a_function_that_was_not_chosen_may_not_be_called() -> None:
    chosen = some(CLOCK, DICE, mode="ANY", allowedFunctionNames=["dice"])

    assert problem(FunctionCall("clock", {"zone": "UTC"}), chosen)


@pytest.mark.parametrize(("mode", "passes"), [("AUTO", True), ("ANY", False), ("VALIDATED", False)])
@pytest.mark.parametrize("args", [{}, {"zone": 3}])
def test_arguments_validate_where_that_was_asked_for(mode: str, passes: bool, args: dict[str, Any]) -> None:
    assert (problem(FunctionCall("clock", args), some(CLOCK, mode=mode)) is None) is passes
