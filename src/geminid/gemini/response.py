"""Events -> GenerateContentResponse: the chunks of a stream, and the one answer that they fold into.

The shapes are those of recorded answers: every chunk has ``candidates[0].content.parts[0].text`` (clients index
it blindly), finishReason and the full usageMetadata come with the last chunk only, and modelVersion, createTime
and responseId are the same on all chunks.
"""

from __future__ import annotations

import base64
import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from geminid.gemini.profiles import Profile
from geminid.generation import FinishReason as Reason
from geminid.generation import Usage
from geminid.wire.content import Content, Part
from geminid.wire.generation import (
    Candidate,
    FinishReason,
    GenerateContentResponse,
    Modality,
    ModalityTokenCount,
    TrafficType,
    UsageMetadata,
)
from geminid.wire.message import Timestamp

_REASONS = {reason: FinishReason[reason.name] for reason in Reason}


def new_response_id() -> str:
    """22 characters of URL-safe base64, the form of Google's event ids."""
    return base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Ending:
    """How one candidate ended. The prompt of ``usage`` is what the answer reports: its texts added up."""

    reason: Reason
    usage: Usage
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """One candidate, complete."""

    text: str
    ending: Ending


@dataclass(slots=True)
class Responder:
    """Writes the chunks of one answer. ``model_version`` echoes the id that was asked for, as Vertex does."""

    model_version: str
    profile: Profile
    received: dt.datetime
    response_id: str = field(default_factory=new_response_id)
    _create_time: Timestamp = field(init=False)
    _running_usage: UsageMetadata | None = field(init=False)

    def __post_init__(self) -> None:
        seconds, micros = divmod(int(self.received.timestamp() * 1_000_000), 1_000_000)
        self._create_time = Timestamp(seconds, micros * 1_000)
        self._running_usage = (
            UsageMetadata(traffic_type=TrafficType.ON_DEMAND) if self.profile.traffic_type else None
        )

    def text(self, text: str, candidate: int = 0) -> GenerateContentResponse:
        """A chunk in mid-stream."""
        content = Content(role="model", parts=[Part(text=text)])
        return self._response([Candidate(index=candidate, content=content)], self._running_usage)

    def last(self, ending: Ending) -> GenerateContentResponse:
        """The chunk that ends a stream; its text is empty, since all was said."""
        return self._response([_finished([Part(text="")], ending)], self._usage(ending.usage))

    def whole(self, candidates: Sequence[Whole]) -> GenerateContentResponse:
        """The one answer of a unary call. A candidate without any text has a role and no parts."""
        finished = [
            _finished([Part(text=one.text)] if one.text else [], one.ending, index)
            for index, one in enumerate(candidates)
        ]
        return self._response(finished, self._usage(_together([one.ending.usage for one in candidates])))

    def _response(self, candidates: list[Candidate], usage: UsageMetadata | None) -> GenerateContentResponse:
        return GenerateContentResponse(
            candidates=candidates,
            usage_metadata=usage,
            model_version=self.model_version,
            create_time=self._create_time,
            response_id=self.response_id,
        )

    def _usage(self, used: Usage) -> UsageMetadata:
        usage = UsageMetadata(
            prompt_token_count=used.prompt,
            candidates_token_count=used.output,
            total_token_count=used.prompt + used.output + used.thoughts,
            thoughts_token_count=used.thoughts,
        )
        if self.profile.traffic_type:
            usage.traffic_type = TrafficType.ON_DEMAND
            usage.prompt_tokens_details = _text_tokens(used.prompt)
            usage.candidates_tokens_details = _text_tokens(used.output)
        return usage


def _finished(parts: list[Part], ending: Ending, index: int = 0) -> Candidate:
    return Candidate(
        index=index,
        content=Content(role="model", parts=parts),
        finish_reason=_REASONS[ending.reason],
        finish_message=ending.message,
    )


def _together(usages: Sequence[Usage]) -> Usage:
    """The usage of several candidates: what was generated is added up, the prompt is counted once."""
    first, *others = usages
    return replace(sum(others, start=first), prompt=first.prompt, cached=first.cached)


def _text_tokens(count: int) -> list[ModalityTokenCount]:
    return [ModalityTokenCount(modality=Modality.TEXT, token_count=count)] if count else []
