"""ChatRequest -> GenerateContentRequest: the parameters, tools, and Google's extension.

It translates and refuses what has no meaning in Gemini's messages; what a model takes and what geminid serves is
the service's to say. The table of parameters:
https://cloud.google.com/vertex-ai/generative-ai/docs/migrate/openai/overview
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from geminid.doors.openai.chat import (
    AllowedTools,
    ChatRequest,
    Function,
    FunctionName,
    NamedToolChoice,
    check_depth,
    refusal,
)
from geminid.doors.openai.messages import Transcript
from geminid.wire.conform import conform
from geminid.wire.content import Content
from geminid.wire.generation import GenerateContentRequest, GenerationConfig, ThinkingConfig
from geminid.wire.output import ResponseModality
from geminid.wire.tools import (
    FunctionCallingConfig,
    FunctionCallingMode,
    FunctionDeclaration,
    GoogleSearch,
    Tool,
    ToolConfig,
)

_THINKING_BUDGETS = {"none": 0, "minimal": 1_024, "low": 1_024, "medium": 8_192, "high": 24_576}
"""Tokens for each ``reasoning_effort`` (https://ai.google.dev/gemini-api/docs/openai#thinking)."""

_MIME_TYPES = {"text": "text/plain", "json_object": "application/json", "json_schema": "application/json"}

_MODES = {
    "none": FunctionCallingMode.NONE,
    "auto": FunctionCallingMode.AUTO,
    "required": FunctionCallingMode.ANY,
    "validated": FunctionCallingMode.VALIDATED,
}

_OF_REQUEST = {
    "safety_settings": "safety_settings", "safetySettings": "safety_settings",
    "cached_content": "cached_content", "cachedContent": "cached_content",
    "tools": "tools",
}  # fmt: skip
_OF_CONFIG = {
    "thinking_config": "thinking_config", "thinkingConfig": "thinking_config",
    "media_resolution": "media_resolution", "mediaResolution": "media_resolution",
}  # fmt: skip
"""The fields of the extension by both spellings, and where they belong. Others are passed over."""


def to_request(chat: ChatRequest, version: str) -> GenerateContentRequest:
    """The same request in Gemini's words, without the model. Raises InvalidArgument that names the field."""
    transcript = Transcript(chat.messages)
    extension = _extension(chat.extension, version)
    return GenerateContentRequest(
        contents=transcript.contents,
        system_instruction=Content(parts=transcript.system) if transcript.system else None,
        generation_config=_config(chat, extension.generation_config or GenerationConfig()),
        tools=[*_tools(chat), *extension.tools],
        tool_config=_tool_config(chat),
        safety_settings=extension.safety_settings,
        cached_content=extension.cached_content,
    )


def thought_tag(chat: ChatRequest) -> str:
    """The name of the tag that thoughts are put in; empty for none, which is the default."""
    marker = chat.extension.get("thought_tag_marker", "")
    if not isinstance(marker, str):
        raise refusal("google.thought_tag_marker", "Expected `str`")
    return marker


def _extension(google: dict[str, Any], version: str) -> GenerateContentRequest:
    """Google's fields go through the codec of Gemini's messages, and are refused in its words."""
    if not google:
        return GenerateContentRequest()
    check_depth(google, "google")
    plain = {name: google[key] for key, name in _OF_REQUEST.items() if key in google}
    config = {name: google[key] for key, name in _OF_CONFIG.items() if key in google}
    return conform(GenerateContentRequest, plain | {"generation_config": config}, version)


def _config(chat: ChatRequest, extension: GenerationConfig) -> GenerationConfig:
    stop = [chat.stop] if isinstance(chat.stop, str) else chat.stop
    limit = chat.max_tokens if chat.max_completion_tokens is None else chat.max_completion_tokens
    config = GenerationConfig(
        temperature=chat.temperature,
        top_p=chat.top_p,
        candidate_count=chat.n,
        max_output_tokens=limit,
        stop_sequences=stop or [],
        presence_penalty=chat.presence_penalty,
        frequency_penalty=chat.frequency_penalty,
        seed=chat.seed,
        response_logprobs=chat.logprobs or None,
        logprobs=chat.top_logprobs if chat.logprobs else None,
        response_modalities=list(_modalities(chat)),
        thinking_config=_thinking(chat, extension.thinking_config),
        media_resolution=extension.media_resolution,
    )
    _set_format(config, chat)
    return config


def _set_format(config: GenerationConfig, chat: ChatRequest) -> None:
    """A type that OpenAI does not know is a MIME type."""
    if (asked := chat.response_format) is None:
        return
    config.response_mime_type = _MIME_TYPES.get(asked.type, asked.type)
    if asked.type == "json_object":
        config.response_json_schema = {"type": "object"}
    if asked.type == "json_schema":
        if asked.json_schema is None or asked.json_schema.schema is None:
            raise refusal("response_format.json_schema.schema", "The schema is missing")
        check_depth(asked.json_schema.schema, "response_format.json_schema.schema")
        config.response_json_schema = asked.json_schema.schema


def _modalities(chat: ChatRequest) -> Iterator[ResponseModality]:
    for index, modality in enumerate(chat.modalities or ()):
        try:
            yield ResponseModality[modality.upper()]
        except KeyError:
            raise refusal(f"modalities[{index}]", "Expected text, image or audio") from None


def _thinking(chat: ChatRequest, config: ThinkingConfig | None) -> ThinkingConfig | None:
    effort = chat.reasoning_effort
    if effort is None:
        return config
    if config is not None:
        raise refusal("reasoning_effort", "It cannot be given together with `thinking_config`")
    if effort not in _THINKING_BUDGETS:
        raise refusal("reasoning_effort", "Expected none, minimal, low, medium or high")
    return ThinkingConfig(thinking_budget=_THINKING_BUDGETS[effort])


def _tools(chat: ChatRequest) -> Iterator[Tool]:
    declarations = [
        _declaration(function, f"functions[{index}]") for index, function in enumerate(chat.functions or ())
    ]
    for index, tool in enumerate(chat.tools or ()):
        if tool.function is None or tool.type != "function":
            raise refusal(f"tools[{index}]", "Only tools of type function are known")
        declarations.append(_declaration(tool.function, f"tools[{index}].function"))
    if declarations:
        yield Tool(function_declarations=declarations)
    if chat.web_search_options is not None:
        yield Tool(google_search=GoogleSearch())


def _declaration(function: Function, path: str) -> FunctionDeclaration:
    declaration = FunctionDeclaration(name=function.name, description=function.description or "")
    if function.parameters is not None:
        check_depth(function.parameters, f"{path}.parameters")
        declaration.parameters_json_schema = function.parameters
    return declaration


def _tool_config(chat: ChatRequest) -> ToolConfig | None:
    path, choice = "tool_choice", chat.tool_choice
    if choice is None:
        path, choice = "function_call", _as_tool_choice(chat.function_call)
    config = FunctionCallingConfig(
        stream_function_call_arguments=bool(chat.extension.get("stream_function_call_arguments"))
    )
    match choice:
        case NamedToolChoice(type="function", function=FunctionName(name=name)):
            config.mode = FunctionCallingMode.ANY
            config.allowed_function_names = [name]
        case NamedToolChoice(type="allowed_tools", allowed_tools=AllowedTools(mode=mode, tools=tools)):
            required = mode == "required"
            config.mode = FunctionCallingMode.ANY if required else FunctionCallingMode.VALIDATED
            config.allowed_function_names = [tool.function.name for tool in tools if tool.function]
        case str() if choice in _MODES:
            config.mode = _MODES[choice]
        case str() | NamedToolChoice():
            raise refusal(path, "Expected none, auto, required, validated, or a function")
    return ToolConfig(function_calling_config=config) if config != FunctionCallingConfig() else None


def _as_tool_choice(choice: str | FunctionName | None) -> str | NamedToolChoice | None:
    """The deprecated ``function_call`` names a function without the wrapping."""
    return NamedToolChoice(function=choice) if isinstance(choice, FunctionName) else choice
