"""What is done with each field of a request: the one table behind refusals and COVERAGE.md.

A field that is read has an effect; one that is accepted is checked for its type and changes nothing yet; any
other is refused by name as UNIMPLEMENTED, so that nothing a client asks for is dropped in silence.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET

from geminid.errors import BadRequest, FieldViolation, Unimplemented
from geminid.wire.content import Content, Part
from geminid.wire.generation import (
    Candidate,
    GenerateContentRequest,
    GenerateContentResponse,
    GenerationConfig,
    ModalityTokenCount,
    ThinkingConfig,
    UsageMetadata,
)
from geminid.wire.message import FieldSpec, Kind, Message, describe


class Support(enum.Enum):
    WORKS = "works"
    ACCEPTED = "accepted"
    REFUSED = "refused"


_WORKS: dict[type[Message], set[str]] = {
    GenerateContentRequest: {"contents", "model", "generation_config", "system_instruction"},
    Content: {"role", "parts"},
    Part: {"text"},
    GenerationConfig: {
        "temperature", "top_p", "top_k", "max_output_tokens", "stop_sequences", "seed",
        "presence_penalty", "frequency_penalty", "candidate_count", "response_mime_type",
        "response_modalities", "thinking_config",
    },
}  # fmt: skip

_ACCEPTED: dict[type[Message], dict[str, str]] = {
    GenerateContentRequest: {
        "safety_settings": "checked for their form; no rater is built in yet",
        "labels": "kept for usage records to come",
    },
    Part: {"thought_signature": "an echo of an earlier answer, not needed here"},
}

_ONLY: dict[tuple[type[Message], str], tuple[Any, str]] = {
    (GenerationConfig, "response_mime_type"): ("text/plain", "only text/plain"),
    (GenerationConfig, "response_modalities"): (["TEXT"], "only TEXT"),
}


FILLED: dict[type[Message], set[str]] = {
    GenerateContentResponse: {"candidates", "usage_metadata", "model_version", "create_time", "response_id"},
    Candidate: {"index", "content", "finish_reason"},
    Content: {"role", "parts"},
    Part: {"text"},
    UsageMetadata: {
        "prompt_token_count", "candidates_token_count", "total_token_count", "traffic_type",
        "prompt_tokens_details", "candidates_tokens_details",
    },
    ModalityTokenCount: {"modality", "token_count"},
}  # fmt: skip
"""The fields of an answer that are filled. All others are absent."""


_NOTES: dict[tuple[type[Message], str], str] = {
    (GenerationConfig, "candidate_count"): "1 when streaming",
    (ThinkingConfig, "thinking_budget"): "but 0, which asks for none",
    (ThinkingConfig, "include_thoughts"): "but false",
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
        if _asks_something(getattr(message, name)):
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


def _asks_something(value: Any) -> bool:
    """Zero values and empty messages ask for nothing, nor do lists of such messages, as ``"tools": {}``."""
    if isinstance(value, Message):
        return bool(value != type(value)())
    if isinstance(value, list):
        return any(not isinstance(item, Message) or _asks_something(item) for item in value)
    return value is not UNSET and bool(value)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What to look at in one message class, worked out once."""

    refused: tuple[str, ...]
    only: tuple[tuple[str, Any], ...]
    children: tuple[str, ...]


@functools.cache
def _plan(cls: type[Message]) -> _Plan:
    specs = describe(cls).fields
    states = {spec.name: support_of(cls, spec)[0] for spec in specs}
    return _Plan(
        refused=tuple(name for name, state in states.items() if state is Support.REFUSED),
        only=tuple((name, only) for (message, name), (only, _) in _ONLY.items() if message is cls),
        children=tuple(
            spec.name
            for spec in specs
            if spec.kind is Kind.MESSAGE and not spec.map and states[spec.name] is Support.WORKS
        ),
    )
