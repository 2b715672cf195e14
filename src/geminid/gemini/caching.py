"""CachedContent: what may be cached and for how long, how much it is, and what it puts before a request.

Pure; called by ``service/caching.py``, which keeps caches, and by ``service/cached.py``, which uses them. Texts:
https://cloud.google.com/vertex-ai/generative-ai/docs/context-cache/context-cache-overview as the service has them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

import msgspec

from geminid.attachment import Kind, Media
from geminid.errors import InvalidArgument, PromptTooLong
from geminid.gemini import support
from geminid.gemini.profiles import Model, Profile
from geminid.gemini.tools import check_together, tools_of
from geminid.gemini.turns import system_of, turns_of, turns_to_count
from geminid.gemini.wording import unable
from geminid.generation import Generation
from geminid.wire.caching import CachedContent, CachedContentUsageMetadata
from geminid.wire.content import Content, FunctionResponse, Part
from geminid.wire.generation import GenerateContentRequest
from geminid.wire.message import Duration, FieldMask, Timestamp
from geminid.wire.tools import ToolConfig

DEFAULT_TTL = dt.timedelta(hours=1)
_DISPLAY_NAME_CHARACTERS = 128
"""As cached_content.proto of the Developer API states."""
_CACHED = ("contents", "system_instruction", "tools", "tool_config")
_IMMUTABLE = ("model", *_CACHED, "display_name", "encryption_spec")
_EXPIRATION = frozenset({"ttl", "expire_time", "expiration"})
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Minimum:
    """How many tokens a cache has at least: by the id of the model, otherwise ``tokens``.

    Google asks for 32,768 of Gemini 1.5 and for some thousands of later models, which nothing here needs.
    """

    tokens: int = 1
    by_model: Mapping[str, int] = field(default_factory=dict)

    def of(self, model: Model) -> int:
        return self.by_model.get(model.id, self.by_model.get(model.stable, self.tokens))


def check_form(cached: CachedContent) -> None:
    """What is asked of every cache, whatever its model. Raises InvalidArgument or Unimplemented."""
    if not cached.model:
        raise _fault("model", "it has no model. Add the name of the model that the cache is for and try again")
    if len(cached.display_name) > _DISPLAY_NAME_CHARACTERS:
        raise _fault(
            "display_name",
            f"it has a displayName of {len(cached.display_name)} characters but the longest supported has "
            f"{_DISPLAY_NAME_CHARACTERS}. Shorten it and try again",
        )
    if cached.encryption_spec is not None and cached.encryption_spec.kms_key_name:
        raise support.refusal("cached_content.encryption_spec")
    if not (cached.contents or cached.tools or (cached.system_instruction and cached.system_instruction.parts)):
        raise _fault("contents", "at least one contents field is required")


def prefix_of(cached: CachedContent, profile: Profile) -> Generation:
    """What is cached, as a prompt that is not asked yet. Raises whatever a request with it would be refused for.

    Schemas of functions are compiled, which may take too long for an event loop.
    """
    contents = cached.contents
    ahead = [*voiced(contents), _continuation(contents)]
    request = GenerateContentRequest(
        contents=ahead,
        system_instruction=cached.system_instruction,
        tools=cached.tools,
        tool_config=cached.tool_config,
    )
    support.check(request)
    tools = tools_of(request, profile)
    if tools:
        check_together(tools, None)
    system = system_of(cached.system_instruction, profile)
    turns_of(ahead, profile)
    return Generation(turns=turns_to_count(contents), system=system, tools=tools)


def check_size(tokens: int, minimum: int, window: int) -> None:
    """Raises InvalidArgument for a prefix that is too small to be cached or too large for the model."""
    if tokens < minimum:
        raise InvalidArgument(
            f"The cached content is of {tokens} tokens. The minimum token count to start caching is {minimum}."
        )
    if tokens > window:
        raise PromptTooLong(tokens, window)


def usage_of(prefix: Generation, tokens: int) -> CachedContentUsageMetadata:
    """How much is cached. Texts count as characters, images as pictures, with the pages of documents."""
    media = [piece for turn in prefix.turns for piece in turn.pieces if isinstance(piece, Media)]
    return CachedContentUsageMetadata(
        total_token_count=tokens,
        text_count=sum(len(text) for text in prefix.texts()),
        image_count=sum(1 if one.kind is Kind.IMAGE else one.pages for one in media),
        video_duration_seconds=round(sum(one.seconds for one in media if one.kind is Kind.VIDEO)),
        audio_duration_seconds=round(sum(one.seconds for one in media if one.kind is Kind.AUDIO)),
    )


def tokens_by_kind(prefix: Generation, texts: int) -> dict[Kind, int]:
    """In the order of their first appearance, without zeros; ``texts`` is what all texts count."""
    counts = {**prefix.media_tokens(), Kind.TEXT: texts}
    return {kind: tokens for kind, tokens in counts.items() if tokens}


# Expiration.


def expiration(cached: CachedContent, now: dt.datetime) -> dt.datetime | None:
    """When a cache is over by its own word, to the microsecond; None where it does not say.

    Raises InvalidArgument for times that are over or beyond the calendar.
    """
    if cached.ttl is not None:
        if (cached.ttl.seconds, cached.ttl.nanos) <= (0, 0):
            raise _fault("ttl", "it has a ttl that is not positive. Update the value and try again")
        try:
            return now + _span(cached.ttl)
        except OverflowError:
            raise _fault("ttl", "it has a ttl that ends after the year 9999. Update it and try again") from None
    if cached.expire_time is None:
        return None
    moment = _EPOCH + _span(cached.expire_time)
    if moment <= now:
        raise _fault("expire_time", "it has an expireTime in the past. Update the value and try again")
    return moment


def renewed(
    update: CachedContent, mask: FieldMask | None, kept: CachedContent, now: dt.datetime
) -> dt.datetime | None:
    """The expiration that an update asks for, None where it asks for nothing. Raises InvalidArgument otherwise.

    Without a mask what is set is meant; a cache that is sent back whole, with a new expiration, says nothing new.
    """
    paths = mask.paths if mask else ()
    changed = [path for path in paths if path not in _EXPIRATION and path != "*"] or [
        name
        for name in _IMMUTABLE
        if (not paths or "*" in paths) and _is_changed(getattr(update, name), getattr(kept, name))
    ]
    if changed:
        raise _fault(changed[0], f"{changed[0]} of a cache cannot be changed, only its ttl or expireTime can")
    moment = expiration(update, now)
    if moment is None and paths:
        raise _fault("ttl", "it has neither a ttl nor an expireTime. Add one of them and try again")
    return moment


def _span(time: Duration | Timestamp) -> dt.timedelta:
    return dt.timedelta(seconds=time.seconds, microseconds=time.nanos // 1000)


def _is_changed(value: object, kept: object) -> bool:
    return bool(value) and value != kept


# Use.


def with_cache(request: GenerateContentRequest, cached: CachedContent) -> GenerateContentRequest:
    """The request that has what is cached before what it asks. Raises InvalidArgument."""
    asks_own = request.tools or (request.tool_config is not None and request.tool_config != ToolConfig())
    if asks_own or (request.system_instruction and request.system_instruction.parts):
        raise InvalidArgument(
            "Tool config, tools and system instruction should not be set in the request when using cached content."
        )
    if not request.contents:
        raise unable("at least one contents field is required")
    return msgspec.structs.replace(
        request,
        contents=[*voiced(cached.contents), *voiced(request.contents)],
        system_instruction=cached.system_instruction,
        tools=cached.tools,
        tool_config=cached.tool_config,
        cached_content="",
    )


class OtherModel(InvalidArgument):
    """A cache was asked for with the model ``asked``, and is for ``cached``; both are ids."""

    def __init__(self, asked: str, cached: str) -> None:
        super().__init__("Cached content model does not match the model in the request.")
        self.asked = asked
        self.cached = cached


def check_model(asked: Model, cached: Model) -> None:
    """An alias is the version that it stands for. Raises OtherModel."""
    if asked.stable != cached.stable:
        raise OtherModel(asked.id, cached.id)


def voiced(contents: Sequence[Content]) -> list[Content]:
    """One content alone may leave out its role, which is the user's; beside others it may not."""
    match contents:
        case [Content(role="") as only]:
            return [msgspec.structs.replace(only, role="user")]
    return list(contents)


def _continuation(contents: Sequence[Content]) -> Content:
    """What a request could go on with: the responses to calls that wait for them, otherwise a text."""
    of_model = takewhile(lambda content: content.role.lower() == "model", reversed(contents))
    calls = [part.function_call for content in of_model for part in content.parts if part.function_call]
    responses = [
        Part(function_response=FunctionResponse(name=call.name, response={})) for call in calls if call.name
    ]
    return Content(role="user", parts=responses or [Part(text="?")])


def _fault(name: str, reason: str) -> InvalidArgument:
    return unable(reason, path=f"cached_content.{name}")
