"""Vertex AI's answers and errors in the words of the Developer API. Pure; called by ``doors/developer.py``.

Everything behind that door speaks Vertex AI's messages. An answer is copied field by field into the message that
the Developer API has in its place; what it has no field for (createTime, trafficType, scores) stays behind. The
texts of errors are those of https://ai.google.dev/gemini-api/docs/troubleshooting and of recorded answers; where
none is known, Vertex AI's stays.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from geminid.errors import (
    ApiError,
    BadRequest,
    FieldViolation,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    PromptTooLong,
)
from geminid.gemini.caching import OtherModel
from geminid.wire import caching, content, developer, developer_count, generation, grounding, safety, tokens
from geminid.wire.developer_routes import Match
from geminid.wire.message import FieldSpec, Kind, Message, WireEnum, describe

_MESSAGES: Mapping[type[Message], type[Message]] = {
    generation.GenerateContentResponse: developer.GenerateContentResponse,
    generation.PromptFeedback: developer.PromptFeedback,
    generation.UsageMetadata: developer.UsageMetadata,
    generation.Candidate: developer.Candidate,
    content.Content: developer.Content,
    content.Part: developer.Part,
    safety.SafetyRating: developer.SafetyRating,
    grounding.CitationMetadata: developer.CitationMetadata,
    grounding.Citation: developer.CitationSource,
    tokens.CountTokensResponse: developer.CountTokensResponse,
    caching.CachedContent: developer.CachedContent,
    caching.CachedContentUsageMetadata: developer.CachedContentUsageMetadata,
    caching.ListCachedContentsResponse: developer.ListCachedContentsResponse,
}

_ENUMS: Mapping[type[WireEnum], type[WireEnum]] = {
    generation.FinishReason: developer.FinishReason,
    generation.BlockedReason: developer.BlockReason,
    safety.HarmCategory: developer.HarmCategory,
}

_RENAMED: Mapping[tuple[type[Message], str], str] = {(developer.CitationMetadata, "citation_sources"): "citations"}
_PRINTED_AS_ZERO = {(developer.Candidate, "index")}
_NO_USAGE = developer.UsageMetadata()

_Convert: TypeAlias = Callable[[Any], Any]


def translate(message: Message, model_version: str) -> Message:
    """An answer of Vertex AI in the Developer API's form; other messages as they are.

    ``model_version`` is the version that an alias stands for, which is what this API tells.
    """
    answer = _translate(message)
    if isinstance(answer, developer.GenerateContentResponse):
        answer.model_version = model_version
        if answer.usage_metadata == _NO_USAGE:  # it held nothing but the traffic type
            answer.usage_metadata = None
    return answer


def _translate(message: Message) -> Message:
    source = type(message)
    target = _MESSAGES.get(source)
    if target is None:
        return message
    values = {name: convert(getattr(message, origin)) for name, origin, convert in _plan(source, target)}
    return target(**values)


@functools.cache
def _plan(source: type[Message], target: type[Message]) -> tuple[tuple[str, str, _Convert], ...]:
    """For each field that both have: its name here, its name there, and what makes one value the other."""
    theirs = {spec.name: spec for spec in describe(source).fields}
    plan = []
    for spec in describe(target).fields:
        origin = _RENAMED.get((target, spec.name), spec.name)
        if origin in theirs:
            plan.append((spec.name, origin, _converter(target, spec, theirs[origin])))
    return tuple(plan)


def _converter(target: type[Message], spec: FieldSpec, origin: FieldSpec) -> _Convert:
    if spec.type is not origin.type:
        one = _translate if spec.kind is Kind.MESSAGE else _enum
        return (lambda values: [one(value) for value in values]) if spec.repeated else _unless_none(one)
    if spec.optional and not origin.optional and (target, spec.name) not in _PRINTED_AS_ZERO:
        return lambda value: value or None
    return lambda value: value


def _unless_none(convert: _Convert) -> _Convert:
    return lambda value: None if value is None else convert(value)


def _enum(value: WireEnum) -> WireEnum | None:
    """The value of the same name; reasons that only Vertex AI has are OTHER here."""
    members = _ENUMS[type(value)].__members__
    return members.get(value.value) or members.get("OTHER")


_WORDS = tuple(
    (re.compile(vertex, re.DOTALL), words)
    for vertex, words in (
        (r".*at least one contents field is required.*", "* {request}.contents: contents is not specified"),
        (
            r".*it must include at least one parts field.*",
            "* {request}.contents[{turn}].parts: contents.parts must not be empty.",
        ),
        (
            r".*it (?:has an empty|must have a) text parameter.*",
            "* {request}.contents[{turn}].parts[{part}].data: required oneof field 'data' must have one "
            "initialized field",
        ),
        (
            r".*has a stopSequences value of [1-9].* to (?P<above>\d+) \(exclusive\).*",
            "* {request}.generation_config.stop_sequences: the number of stop_sequences must not exceed {limit}",
        ),
        (r".*Please use a valid role: user, model\..*", "Please use a valid role: user, model."),
        (
            r"(?P<feature>[A-Z][a-z ]+) is not enabled for this model",
            "{feature} is not enabled for {model}",
        ),
        (r".*Logprobs is not supported for this model\..*", "Logprobs is not enabled for {model}"),
        (
            r".*without setting response_logprobs to be true\..*",
            "logprobs may only be set when response_logprobs is true.",
        ),
        (r".*thinking is not supported by this model\..*", "Thinking is not enabled for {model}"),
        (
            r".*thinking_budget is out of range; .* from (?P<low>\d+) to (?P<high>\d+)\..*",
            "The thinking budget {budget} is invalid. Please choose a value between {low} and {high}.",
        ),
        (
            r".*it has a function(?P<data>Call|Response) without a name\..*",
            "* {request}.contents[{turn}].parts[{part}].function_{data}.name: Name cannot be empty.",
        ),
        (
            r"Tool config, tools and system instruction should not be set in the request when using cached .*",
            "CachedContent can not be used with GenerateContent request setting system_instruction, tools or "
            "tool_config.\n\nProposed fix: move those values to CachedContent from GenerateContent request.",
        ),
        (
            r"The cached content is of (?P<tokens>\d+) tokens\. The minimum .* is (?P<minimum>\d+)\.",
            "Cached content is too small. total_token_count={tokens}, min_total_token_count={minimum}",
        ),
    )
)

_NO_CACHE = re.compile(
    r"Not found: cached content metadata for .*|Cached content .* is not found\.|Cache content .* is expired\."
)


def reword(error: ApiError, match: Match, request: Message | None = None) -> ApiError:
    """The error as the Developer API words it. ``request`` is what was asked, if it got so far."""
    if isinstance(error, PromptTooLong):
        return InvalidArgument(
            f"The input token count ({error.tokens}) exceeds the maximum number of tokens allowed ({error.limit})."
        )
    if isinstance(error, NotFound) and error.message.startswith(("Publisher Model `", "Endpoint `")):
        return NotFound(
            f"{match.resource or _model_of(request)} is not found for API version {match.version}, or is not "
            f"supported for {match.method.verb}. Call ListModels to see the list of available models and their "
            "supported methods."
        )
    if isinstance(error, NotFound | InvalidArgument) and _NO_CACHE.fullmatch(error.message):
        return PermissionDenied("CachedContent not found (or permission denied)")
    if isinstance(error, OtherModel):
        return InvalidArgument(
            f"Model used by GenerateContent request (models/{error.asked}) and CachedContent "
            f"(models/{error.cached}) has to be the same."
        )
    if isinstance(error, InvalidArgument):
        return _invalid(error, match, request)
    return error


def _invalid(error: InvalidArgument, match: Match, request: Message | None) -> InvalidArgument:
    for vertex, words in _WORDS:
        found = vertex.fullmatch(error.message)
        if found:
            known = {"request": match.method.request.__name__, "model": match.resource} | found.groupdict()
            known |= _place(request) | _budget(request)
            if "above" in known:
                known["limit"] = str(int(known["above"]) - 1)
            if "data" in known:
                known["data"] = known["data"].lower()
            # A place that is not found is one in the system instruction; no text is known for that.
            return InvalidArgument(words.format(**known)) if "{turn}" not in words or "turn" in known else error
    return _with_own_types(error, match.version)


def _model_of(request: Message | None) -> str:
    """The model of a cache, which no path names."""
    if isinstance(request, caching.CreateCachedContentRequest) and request.cached_content:
        return request.cached_content.model
    return ""


def _budget(request: Message | None) -> dict[str, str]:
    """The thinking budget that was asked for."""
    if isinstance(request, generation.GenerateContentRequest) and request.generation_config:
        thinking = request.generation_config.thinking_config or generation.ThinkingConfig()
        return {"budget": str(thinking.thinking_budget)}
    return {}


def _place(request: Message | None) -> dict[str, str]:
    """Where the first content without parts or part that says nothing is."""
    if isinstance(request, developer_count.CountTokensRequest):
        request = request.generate_content_request or request
    if isinstance(request, generation.GenerateContentRequest | developer_count.CountTokensRequest):
        for turn, item in enumerate(request.contents):
            if not item.parts:
                return {"turn": str(turn)}
            for part, piece in enumerate(item.parts):
                if _says_nothing(piece, item.role.lower()):
                    return {"turn": str(turn), "part": str(part)}
    return {}


def _says_nothing(part: content.Part, role: str) -> bool:
    """A text may be empty if it is the model's; what has to do with functions has the name of one."""
    function = part.function_call or part.function_response
    if function is not None:
        return not function.name
    return part.text is None or (not part.text and role != "model")


def _with_own_types(error: InvalidArgument, version: str) -> InvalidArgument:
    """The decoder names Vertex AI's types in violations."""
    vertex, own = f"google.cloud.aiplatform.{version}.", f"google.ai.generativelanguage.{version}."
    if vertex not in error.message:
        return error
    details = [
        BadRequest([FieldViolation(at.field, at.description.replace(vertex, own)) for at in detail.violations])
        if isinstance(detail, BadRequest)
        else detail
        for detail in error.details
    ]
    return InvalidArgument(error.message.replace(vertex, own), *details)
