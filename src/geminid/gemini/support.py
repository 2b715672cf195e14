"""What is done with each field of a request: the one table behind refusals and COVERAGE.md.

A field that is read has an effect; one that is accepted is checked for its type and changes nothing yet; any
other is refused by name as UNIMPLEMENTED, so that nothing a client asks for is dropped in silence.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from geminid.errors import BadRequest, FieldViolation, Unimplemented
from geminid.wire.content import (
    Blob,
    Content,
    FileData,
    FunctionCall,
    FunctionResponse,
    Part,
    PartMediaResolution,
    VideoMetadata,
)
from geminid.wire.generation import (
    Candidate,
    GenerateContentRequest,
    GenerateContentResponse,
    GenerationConfig,
    LogprobsCandidate,
    LogprobsResult,
    ModalityTokenCount,
    PromptFeedback,
    ThinkingConfig,
    TopCandidates,
    UsageMetadata,
)
from geminid.wire.grounding import Citation, CitationMetadata, Date
from geminid.wire.message import FieldSpec, Message, describe
from geminid.wire.safety import SafetyRating, SafetySetting
from geminid.wire.tools import FunctionCallingConfig, FunctionDeclaration, Schema, Tool, ToolConfig


class Support(enum.Enum):
    WORKS = "works"
    ACCEPTED = "accepted"
    REFUSED = "refused"


_WORKS: dict[type[Message], set[str]] = {
    GenerateContentRequest: {
        "contents", "model", "generation_config", "system_instruction", "tools", "tool_config",
        "safety_settings", "cached_content", "labels",
    },
    SafetySetting: {"category", "threshold", "method"},
    Content: {"role", "parts"},
    Part: {
        "text", "inline_data", "file_data", "video_metadata", "function_call", "function_response", "thought",
        "media_resolution",
    },
    Blob: {"mime_type", "data"},
    FileData: {"mime_type", "file_uri"},
    VideoMetadata: {"start_offset", "end_offset", "fps"},
    PartMediaResolution: {"level"},
    FunctionCall: {"name", "args", "id"},
    FunctionResponse: {"name", "response", "id"},
    Tool: {"function_declarations"},
    FunctionDeclaration: {"name", "description", "parameters", "parameters_json_schema"},
    Schema: {
        "type", "items", "properties", "required", "nullable", "format", "description", "enum", "any_of",
        "min_properties", "max_properties", "minimum", "maximum", "min_length", "max_length", "pattern",
        "min_items", "max_items", "title", "property_ordering", "additional_properties", "ref", "defs",
    },
    ToolConfig: {"function_calling_config"},
    FunctionCallingConfig: {"mode", "allowed_function_names"},
    GenerationConfig: {
        "temperature", "top_p", "top_k", "max_output_tokens", "stop_sequences", "seed",
        "presence_penalty", "frequency_penalty", "candidate_count", "response_mime_type", "response_schema",
        "response_json_schema", "response_logprobs", "logprobs", "response_modalities", "thinking_config",
        "media_resolution",
    },
    ThinkingConfig: {"include_thoughts", "thinking_budget", "thinking_level"},
}  # fmt: skip

_ACCEPTED: dict[type[Message], dict[str, str]] = {
    Part: {"thought_signature": "an echo of an earlier answer, not needed here"},
    GenerationConfig: {"audio_timestamp": "transcripts have times in any case"},
    FunctionDeclaration: {
        "response": "what comes back is shown to the model as it is",
        "response_json_schema": "what comes back is shown to the model as it is",
    },
    Schema: {"example": "tells the model nothing", "default": "tells the model nothing"},
}

_ONLY: dict[tuple[type[Message], str], tuple[Any, str]] = {
    (GenerationConfig, "response_modalities"): (["TEXT"], "only TEXT"),
}

_ASKED_BY_PRESENCE: set[type[Message]] = {Tool}
"""Messages whose fields ask for something also when they are empty: ``"googleSearch": {}`` is a tool."""


FILLED: dict[type[Message], set[str]] = {
    GenerateContentResponse: {
        "candidates", "usage_metadata", "model_version", "create_time", "response_id", "prompt_feedback",
    },
    Candidate: {
        "index", "content", "finish_reason", "finish_message", "avg_logprobs", "logprobs_result",
        "safety_ratings", "citation_metadata",
    },
    PromptFeedback: {"block_reason", "safety_ratings", "block_reason_message"},
    SafetyRating: {
        "category", "probability", "blocked", "probability_score", "severity", "severity_score",
    },
    CitationMetadata: {"citations"},
    Date: {"year", "month", "day"},
    Citation: {"start_index", "end_index", "uri", "title", "license", "publication_date"},
    Content: {"role", "parts"},
    Part: {"text", "function_call", "thought"},
    FunctionCall: {"name", "args", "id"},
    LogprobsResult: {"top_candidates", "chosen_candidates"},
    TopCandidates: {"candidates"},
    LogprobsCandidate: {"token", "log_probability", "token_id"},
    UsageMetadata: {
        "prompt_token_count", "candidates_token_count", "total_token_count", "thoughts_token_count",
        "traffic_type", "prompt_tokens_details", "candidates_tokens_details", "cached_content_token_count",
        "cache_tokens_details",
    },
    ModalityTokenCount: {"modality", "token_count"},
}  # fmt: skip
"""The fields of an answer that are filled. All others are absent."""


_NOTES: dict[tuple[type[Message], str], str] = {
    (GenerateContentRequest, "system_instruction"): "its texts; the role does not matter",
    (GenerateContentRequest, "labels"): "in usage records",
    (Part, "video_metadata"): "for video and sound",
    (Part, "inline_data"): "of the user",
    (
        Part,
        "file_data",
    ): "of the user; gs://, http(s)://, YouTube, the Files API, file:// where configured",
    (Part, "thought"): "thoughts that come back are not told to the model again",
    (SafetySetting, "category"): "hate speech, dangerous content, harassment, sexually explicit",
    (GenerationConfig, "candidate_count"): "1 when streaming",
    (GenerationConfig, "response_mime_type"): "text/plain, application/json, text/x.enum",
    (GenerationConfig, "response_json_schema"): "keywords that cannot be kept to are refused by name",
    (FunctionDeclaration, "parameters_json_schema"): "keywords that cannot be kept to are refused by name",
    (GenerationConfig, "logprobs"): "as many as the engine tells, at most 20",
    (GenerationConfig, "thinking_config"): "by models that think",
}


def support_of(message: type[Message], spec: FieldSpec) -> tuple[Support, str]:
    """What is done with one field, and a note for the reader of COVERAGE.md."""
    if spec.name in _WORKS.get(message, ()):
        only = _ONLY.get((message, spec.name))
        return Support.WORKS, only[1] if only else _NOTES.get((message, spec.name), "")
    note = _ACCEPTED.get(message, {}).get(spec.name)
    return (Support.REFUSED, _NOTES.get((message, spec.name), "")) if note is None else (Support.ACCEPTED, note)


def check(request: Message) -> None:
    """Raises Unimplemented for the first fields that are set and refused, all of them named."""
    paths = list(_refused(request, ""))
    if paths:
        raise refusal(*paths)


def refusal(*paths: str) -> Unimplemented:
    """The error that names fields which geminid knows and does not serve."""
    names = ", ".join(f"`{path}`" for path in paths)
    verb = "is" if len(paths) == 1 else "are"
    violations = [FieldViolation(path, "This field is not supported by this server.") for path in paths]
    return Unimplemented(
        f"{names} {verb} not supported by this server. Remove the field and try again.",
        BadRequest(violations),
    )


def _refused(message: Message, path: str) -> Iterator[str]:
    plan = _plan(type(message))
    for name in plan.refused:
        if plan.asks(getattr(message, name)):
            yield f"{path}{name}"
    for name, only in plan.only:
        value = getattr(message, name)
        if value and value != only:
            yield f"{path}{name}"
    for name in plan.children:
        value = getattr(message, name)
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from _refused(item, f"{path}{name}[{index}].")
        elif value is not None:
            yield from _refused(value, f"{path}{name}.")


def _is_set(value: Any) -> bool:
    return value is not UNSET and (isinstance(value, Message) or bool(value))


def _asks_something(value: Any) -> bool:
    """Zero values and empty messages ask for nothing."""
    return _is_set(value) and not (isinstance(value, Message) and value == type(value)())


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to look at in one message class, worked out once."""

    refused: tuple[str, ...]
    only: tuple[tuple[str, Any], ...]
    children: tuple[str, ...]
    asks: Callable[[Any], bool]


@functools.cache
def _plan(cls: type[Message]) -> _Plan:
    specs = describe(cls).fields
    states = {spec.name: support_of(cls, spec)[0] for spec in specs}
    return _Plan(
        refused=tuple(name for name, state in states.items() if state is Support.REFUSED),
        only=tuple((name, only) for (message, name), (only, _) in _ONLY.items() if message is cls),
        children=tuple(name for name, child in _children(cls).items() if _may_refuse(child)),
        asks=_is_set if cls in _ASKED_BY_PRESENCE else _asks_something,
    )


def _children(cls: type[Message]) -> dict[str, type[Message]]:
    """The messages inside one that are read."""
    return {
        spec.name: spec.type
        for spec in describe(cls).fields
        if spec.type is not None
        and issubclass(spec.type, Message)
        and not spec.map
        and support_of(cls, spec)[0] is Support.WORKS
    }


def _may_refuse(cls: type[Message], seen: frozenset[type[Message]] = frozenset()) -> bool:
    """Whether anything in a message can be refused: in a schema nothing is, so that it need not be walked."""
    if cls in seen:
        return False
    states = (support_of(cls, spec)[0] for spec in describe(cls).fields)
    return (
        Support.REFUSED in states
        or any(message is cls for message, _ in _ONLY)
        or any(_may_refuse(child, seen | {cls}) for child in _children(cls).values())
    )
