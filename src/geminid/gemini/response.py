"""Events -> GenerateContentResponse: the chunks of a stream, and the one answer that they fold into.

The shapes are those of recorded answers: every chunk of text has ``candidates[0].content.parts[0].text`` (clients
index it blindly), calls, finishReason and the full usageMetadata come with the last chunk only, and modelVersion,
createTime and responseId are the same on all chunks.
"""

from __future__ import annotations

import base64
import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from geminid.attachment import Kind
from geminid.gemini.profiles import Profile
from geminid.gemini.safety import cited, rated
from geminid.gemini.speech import Said
from geminid.gemini.tokens import modality_counts
from geminid.generation import FinishReason as Reason
from geminid.generation import FunctionCall, Logprob, TokenLogprobs, Usage
from geminid.judgement import Citation, Rating, Verdict
from geminid.judgement import Reason as Cause
from geminid.wire import content
from geminid.wire.content import Content, Part
from geminid.wire.generation import (
    BlockedReason,
    Candidate,
    FinishReason,
    GenerateContentResponse,
    LogprobsCandidate,
    LogprobsResult,
    PromptFeedback,
    TopCandidates,
    TrafficType,
    UsageMetadata,
)
from geminid.wire.message import Timestamp

_REASONS = {reason: FinishReason[reason.name] for reason in Reason}

_WITHHELD = frozenset(
    {
        Reason.SAFETY,
        Reason.RECITATION,
        Reason.BLOCKLIST,
        Reason.PROHIBITED_CONTENT,
        Reason.SPII,
        Reason.MODEL_ARMOR,
    }
)
"""Reasons for which the candidate has no content."""

_BLOCKED = {
    Cause.PROHIBITED_CONTENT: "The prompt is blocked due to prohibited contents",
    Cause.BLOCKLIST: "The prompt is blocked due to terms of a blocklist",
    Cause.SAFETY: "The prompt is blocked due to safety filters",
}
"""The first is Google's; no text is known of the others."""

_UNCOUNTED = _WITHHELD - {Reason.MODEL_ARMOR}
"""Those for which what was withheld is not in the counts either."""


def new_response_id() -> str:
    """22 characters of URL-safe base64, the form of Google's event ids."""
    return base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Ending:
    """How one candidate ended. The prompt of ``usage`` is what the answer reports: its texts added up.

    ``calls`` are what it ended in, ``logprobs`` those of their tokens; ``average`` is the mean over all tokens.
    ``ratings`` and ``citations`` are of the whole text.
    """

    reason: Reason
    usage: Usage
    message: str | None = None
    calls: tuple[FunctionCall, ...] = ()
    logprobs: tuple[TokenLogprobs, ...] = ()
    average: float | None = None
    ratings: tuple[Rating, ...] = ()
    citations: Sequence[Citation] = ()


@dataclass(frozen=True, slots=True)
class Whole:
    """One candidate, complete."""

    said: Sequence[Said]
    ending: Ending


@dataclass(slots=True)
class Responder:
    """Writes the chunks of one answer. ``model_version`` echoes the id that was asked for, as Vertex does.

    ``top_logprobs`` is how many of the most likely tokens were asked for, None where no probabilities were.
    ``media`` is what the media of the prompt counts, as ``Generation.media_tokens`` tells it, ``cached`` what
    comes from a cache, by kind. Where no cache was named, what the engine knew of the prompt is told from
    ``implicit_cache`` tokens on.
    """

    model_version: str
    profile: Profile
    received: dt.datetime
    top_logprobs: int | None = None
    media: Mapping[Kind, int] = field(default_factory=dict)
    cached: Mapping[Kind, int] = field(default_factory=dict)
    implicit_cache: int | None = None
    response_id: str = field(default_factory=new_response_id)
    _create_time: Timestamp = field(init=False)
    _running_usage: UsageMetadata | None = field(init=False)

    def __post_init__(self) -> None:
        seconds, micros = divmod(int(self.received.timestamp() * 1_000_000), 1_000_000)
        self._create_time = Timestamp(seconds, micros * 1_000)
        self._running_usage = (
            UsageMetadata(traffic_type=TrafficType.ON_DEMAND) if self.profile.traffic_type else None
        )

    def chunk(self, said: Said) -> GenerateContentResponse:
        """A chunk in mid-stream."""
        candidate = Candidate(content=Content(role="model", parts=[Part(text=said.text, thought=said.thought)]))
        if said.logprobs:
            candidate.logprobs_result = self._logprobs(said.logprobs)
        return self._response([candidate], self._running_usage)

    def last(self, ending: Ending) -> GenerateContentResponse:
        """The chunk that ends a stream: with the calls, or with an empty text, since all was said."""
        malformed = ending.reason is Reason.MALFORMED_FUNCTION_CALL
        parts = _calls(ending) or ([] if malformed else [Part(text="")])
        candidate = _finished(parts, ending)
        candidate.logprobs_result = self._logprobs(ending.logprobs)
        return self._response([candidate], self._usage(_counted(ending)))

    def whole(self, candidates: Sequence[Whole]) -> GenerateContentResponse:
        """The one answer of a unary call. A candidate without any text has a role and no parts."""
        finished = [self._whole(one, index) for index, one in enumerate(candidates)]
        return self._response(finished, self._usage(_together([_counted(one.ending) for one in candidates])))

    def blocked(self, verdict: Verdict, prompt: int) -> GenerateContentResponse:
        """The whole answer to a prompt that is blocked, of so many tokens: no candidates, and why."""
        assert verdict.reason is not None
        response = self._response([], self._usage(Usage(prompt, 0)))
        response.prompt_feedback = PromptFeedback(
            block_reason=BlockedReason[verdict.reason.name],
            safety_ratings=rated(verdict.ratings),
            block_reason_message=_BLOCKED[verdict.reason],
        )
        return response

    def _whole(self, one: Whole, index: int) -> Candidate:
        candidate = _finished([*_texts(one.said), *_calls(one.ending)], one.ending, index)
        if one.ending.reason not in _UNCOUNTED:
            candidate.avg_logprobs = one.ending.average or 0.0
        told = [place for said in one.said for place in said.logprobs]
        candidate.logprobs_result = self._logprobs([*told, *one.ending.logprobs])
        return candidate

    def _logprobs(self, places: Sequence[TokenLogprobs]) -> LogprobsResult | None:
        if self.top_logprobs is None or not places:
            return None
        top = [TopCandidates(candidates=[_logprob(one) for one in place.top]) for place in places]
        return LogprobsResult(
            top_candidates=top if self.top_logprobs else [],
            chosen_candidates=[_logprob(place.chosen) for place in places],
        )

    def _response(self, candidates: list[Candidate], usage: UsageMetadata | None) -> GenerateContentResponse:
        return GenerateContentResponse(
            candidates=candidates,
            usage_metadata=usage,
            model_version=self.model_version,
            create_time=self._create_time,
            response_id=self.response_id,
        )

    def _usage(self, used: Usage) -> UsageMetadata:
        cached = self.cached or self._implicit(used)
        usage = UsageMetadata(
            prompt_token_count=used.prompt,
            candidates_token_count=used.output,
            total_token_count=used.prompt + used.output + used.thoughts,
            cached_content_token_count=sum(cached.values()),
            thoughts_token_count=used.thoughts,
        )
        if self.profile.traffic_type:
            usage.traffic_type = TrafficType.ON_DEMAND
            usage.prompt_tokens_details = modality_counts(self._of_prompt(used.prompt))
            usage.cache_tokens_details = modality_counts(cached)
            usage.candidates_tokens_details = modality_counts({Kind.TEXT: used.output})
        return usage

    def _implicit(self, used: Usage) -> Mapping[Kind, int]:
        """The engine's count includes its template, the prompt's does not."""
        if not used.cached or self.implicit_cache is None or used.cached < self.implicit_cache:
            return {}
        return {Kind.TEXT: min(used.cached, used.prompt)}

    def _of_prompt(self, tokens: int) -> Mapping[Kind, int]:
        text = max(tokens - sum(self.media.values()), 0)
        return {**self.media, Kind.TEXT: text}


def _finished(parts: list[Part], ending: Ending, index: int = 0) -> Candidate:
    return Candidate(
        index=index,
        content=None if ending.reason in _WITHHELD else Content(role="model", parts=parts),
        finish_reason=_REASONS[ending.reason],
        finish_message=ending.message,
        safety_ratings=rated(ending.ratings),
        citation_metadata=cited(ending.citations),
    )


def _texts(said: Sequence[Said]) -> list[Part]:
    """One part for the thoughts and one for the text, as unary answers have it."""
    both = [
        Part(text="".join(one.text for one in said if one.thought is thought), thought=thought)
        for thought in (True, False)
    ]
    return [part for part in both if part.text]


def _calls(ending: Ending) -> list[Part]:
    return [
        Part(function_call=content.FunctionCall(name=call.name, args=dict(call.args), id=call.id))
        for call in ending.calls
    ]


def _logprob(one: Logprob) -> LogprobsCandidate:
    return LogprobsCandidate(token=one.token, log_probability=one.logprob, token_id=one.token_id)


def _counted(ending: Ending) -> Usage:
    return replace(ending.usage, output=0) if ending.reason in _UNCOUNTED else ending.usage


def _together(usages: Sequence[Usage]) -> Usage:
    """The usage of several candidates: what was generated is added up, the prompt is counted once."""
    first, *others = usages
    return replace(sum(others, start=first), prompt=first.prompt, cached=first.cached)
