"""Tools and toolConfig -> Tools: what the model may call, declared soundly; and whether a call of its is one.

Texts: https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/function-calling as the service has them.
Called by ``request.py``, by ``tokens.py``, which counts declarations, and by the service that reads the answer.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET

from geminid import grammar
from geminid.errors import InvalidArgument
from geminid.gemini import schema
from geminid.gemini.constraint import problem as mismatch
from geminid.gemini.profiles import Profile
from geminid.gemini.wording import FUNCTION_CALLING, unable
from geminid.generation import Calling, Constraint, Function, FunctionCall, JsonSchema, Tools
from geminid.wire.generation import GenerateContentRequest
from geminid.wire.tools import FunctionCallingConfig, FunctionCallingMode, FunctionDeclaration, Schema, Tool, Type

_MOST_FUNCTIONS = 512
"""The proto says 128, the service takes 512: https://github.com/google-gemini/gemini-cli/issues/19083"""

_MOST_BYTES = 256 * 1024
_MOST_WEIGHT = 20_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
_PROPERTY = re.compile(r"\.properties\[([^\]]*)\]")
_INVALID = "The GenerateContentRequest proto is invalid:"
_INVALID_NAME = (
    "[FIELD_INVALID] Invalid function name. Must start with a letter or an underscore. Must be a-z, A-Z, 0-9, or "
    "contain underscores (_), dots (.), colons (:), or dashes (-), with a maximum length of 64."
)
_NO_PROPERTIES = Schema(type=Type.OBJECT)
_NO_PARAMETERS = {"type": "object", "properties": {}, "additionalProperties": False}

_CALLING = {
    FunctionCallingMode.AUTO: Calling.AUTO,
    FunctionCallingMode.ANY: Calling.ANY,
    FunctionCallingMode.VALIDATED: Calling.VALIDATED,
}
_NO_CONFIG = FunctionCallingConfig()

_Placed: TypeAlias = tuple[str, FunctionDeclaration]
"""A declaration with its path in the request."""


def tools_of(request: GenerateContentRequest, profile: Profile) -> Tools | None:
    """None where nothing may be called. Raises InvalidArgument."""
    if not request.tools and request.tool_config is None:
        return None
    functions = functions_of(request.tools, alphabetical=profile.alphabetical)
    if functions and not profile.function_calling:
        raise InvalidArgument("Function calling is not enabled for this model")
    config = (request.tool_config and request.tool_config.function_calling_config) or _NO_CONFIG
    names = frozenset(function.name for function in functions)
    _check_config(config, names)
    if not functions or config.mode is FunctionCallingMode.NONE:
        return None
    calling = _CALLING[config.mode or FunctionCallingMode.AUTO]
    return Tools(functions, calling, frozenset(config.allowed_function_names) or names)


def functions_of(tools: Sequence[Tool], *, alphabetical: bool) -> tuple[Function, ...]:
    """All functions in the order of their declaration. Raises InvalidArgument."""
    placed = [
        (f"tools[{index}].function_declarations[{place}]", declaration)
        for index, tool in enumerate(tools)
        for place, declaration in enumerate(tool.function_declarations)
    ]
    _check_names(placed)
    functions, size, weight = [], 0, 0
    for path, declaration in placed:
        function = Function(
            declaration.name, declaration.description, _parameters(declaration, path, alphabetical)
        )
        functions.append(function)
        size += len(msgspec.json.encode(function.parameters))
        if size > _MOST_BYTES:
            raise unable(
                f"the parameters of all functions have more than {_MOST_BYTES} bytes of JSON. Declare fewer "
                "functions and try again",
                FUNCTION_CALLING,
            )
        weight += schema.weight(function.parameters)
        if weight > _MOST_WEIGHT:
            raise _too_complex()
    return tuple(functions)


def check_together(tools: Tools, constraint: Constraint | None) -> None:
    """Raises InvalidArgument for an answer of so many kinds that no engine can keep to them.

    An engine that decodes by grammar goes on without one that it cannot compile, so it is compiled here first.
    """
    try:
        _compile(grammar.grammar_of(constraint, tools) or "")
    except grammar.Unusable:
        raise _too_complex() from None


def _too_complex() -> InvalidArgument:
    return unable(
        "the function declarations are too complex together. Declare fewer or simpler functions and try again",
        FUNCTION_CALLING,
    )


@functools.lru_cache(maxsize=64)
def _compile(text: str) -> None:
    """Clients send the same tools every turn, and a set of eight takes 5 ms."""
    grammar.check(text)


def problem(call: FunctionCall, tools: Tools) -> str | None:
    """Why the model may not make this call; None if it may. AUTO lets arguments pass as they are."""
    function = next((function for function in tools.callable if function.name == call.name), None)
    if function is None:
        return f"`{call.name}` is not a function that may be called"
    if tools.calling is Calling.AUTO:
        return None
    return mismatch(JsonSchema(function.parameters), msgspec.json.encode(call.args).decode())


def _check_config(config: FunctionCallingConfig, declared: frozenset[str]) -> None:
    """NONE asks for nothing, also where there is nothing to call."""
    if not declared and config != _NO_CONFIG and config.mode is not FunctionCallingMode.NONE:
        raise InvalidArgument("Function calling config is set without function_declarations.")
    allowed = config.allowed_function_names
    if allowed and config.mode not in (FunctionCallingMode.ANY, FunctionCallingMode.VALIDATED):
        raise unable(
            "it has allowedFunctionNames, which need the function calling mode ANY or VALIDATED. Update the mode "
            "and try again",
            FUNCTION_CALLING,
        )
    if not declared.issuperset(allowed):
        raise InvalidArgument("allowed_function_names should be a subset of the provided function_declarations")


def _check_names(placed: Sequence[_Placed]) -> None:
    if len(placed) > _MOST_FUNCTIONS:
        where = placed[_MOST_FUNCTIONS][0].rpartition("[")[0]
        raise InvalidArgument(
            f"{_INVALID}\n  * {where}: [FIELD_INVALID] At most {_MOST_FUNCTIONS} function declarations can be "
            "specified."
        )
    bad = [path for path, declaration in placed if not _NAME.fullmatch(declaration.name)]
    if bad:
        raise InvalidArgument("\n".join([_INVALID, *(f"  * {path}.name: {_INVALID_NAME}" for path in bad)]))
    seen: set[str] = set()
    for _, declaration in placed:
        if declaration.name in seen:
            raise InvalidArgument(f"Duplicate function declaration found: {declaration.name}")
        seen.add(declaration.name)


def _parameters(declaration: FunctionDeclaration, path: str, alphabetical: bool) -> Mapping[str, Any]:
    """The JSON Schema of an object, however the parameters were declared."""
    given, given_as_json = declaration.parameters, declaration.parameters_json_schema
    if given_as_json in (UNSET, None):
        if given is None or given == _NO_PROPERTIES:
            return _NO_PARAMETERS
        path = f"{path}.parameters"
        parameters = _of_schema(declaration.name, given, path, alphabetical)
    elif given is None:
        path = f"{path}.parameters_json_schema"
        parameters = schema.from_json_schema(given_as_json, path)
    else:
        raise unable(
            f"`{declaration.name}` functionDeclaration has both parameters and parametersJsonSchema. Remove one "
            "of them and try again",
            FUNCTION_CALLING,
        )
    if "object" not in parameters.get("type", "object"):
        raise unable(
            f"`{declaration.name}` functionDeclaration parameters schema should be of type OBJECT",
            FUNCTION_CALLING,
        )
    parameters = parameters | {"type": "object"}
    schema.checked(parameters, path)
    return parameters


def _of_schema(name: str, given: Schema, path: str, alphabetical: bool) -> dict[str, Any]:
    try:
        return schema.from_schema(given, path, alphabetical=alphabetical)
    except schema.SchemaWithoutType as error:
        # Google names properties bare, as in `parameters.place.city`.
        where = _PROPERTY.sub(r".\1", error.path.removeprefix(path))
        raise unable(
            f"`{name}` functionDeclaration `parameters{where}` schema didn't specify the schema type field",
            FUNCTION_CALLING,
        ) from None
