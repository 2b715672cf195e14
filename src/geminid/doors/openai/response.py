"""GenerateContentResponse -> chat completion, whole or in chunks, as JSON.

A chunk has a choice, a role and content that is never null, since samples concatenate it unseen. Knows no HTTP;
called by ``replies.py``.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from geminid.doors.openai.completion import (
    CalledFunction,
    Choice,
    Chunk,
    ChunkChoice,
    Completion,
    Logprobs,
    Message,
    TokenLogprob,
    ToolCall,
    TopLogprob,
    Usage,
)
from geminid.wire.content import FunctionCall, Part
from geminid.wire.generation import (
    Candidate,
    FinishReason,
    GenerateContentResponse,
    LogprobsCandidate,
    LogprobsResult,
    UsageMetadata,
)
from geminid.wire.message import Bytes

_CONTENT_FILTER = "content_filter"
_FINISH = {
    FinishReason.STOP: "stop",
    FinishReason.MAX_TOKENS: "length",
    FinishReason.SAFETY: _CONTENT_FILTER,
    FinishReason.RECITATION: _CONTENT_FILTER,
    FinishReason.BLOCKLIST: _CONTENT_FILTER,
    FinishReason.PROHIBITED_CONTENT: _CONTENT_FILTER,
    FinishReason.SPII: _CONTENT_FILTER,
    FinishReason.MODEL_ARMOR: _CONTENT_FILTER,
}
"""OpenAI has no word for the other reasons, OTHER and MALFORMED_FUNCTION_CALL; they are ``stop``."""

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class _Spoken:
    """Where one candidate is in its answer: inside thoughts or not, and how many calls it has made."""

    thinking: bool = False
    calls: int = 0


@dataclass(slots=True)
class Completions:
    """Writes one answer. ``model`` is repeated as it was asked for.

    ``created`` is in seconds since 1970 and gives way to the answer's own time. ``include_usage`` moves the usage
    of a stream from its last chunk into one of its own, as OpenAI has it; never both, or clients that add up the
    chunks would count it twice. Thoughts are put between tags named ``thought_tag``, or stand bare without one.
    Without ``parallel_calls`` the first call is told and no other, since Gemini cannot be asked for one alone.
    """

    model: str
    created: int
    include_usage: bool = False
    thought_tag: str = ""
    parallel_calls: bool = True
    _id: str = ""
    _usage: Usage | None = None
    _spoken: dict[int, _Spoken] = field(default_factory=dict)

    def whole(self, answer: GenerateContentResponse) -> bytes:
        """The completion. A blocked prompt is one choice without content, like a blocked answer."""
        self._identify(answer)
        choices = [self._choice(candidate) for candidate in answer.candidates]
        blocked = Choice(finish_reason=_CONTENT_FILTER, message=Message(content=None))
        completion = Completion(
            choices=choices or [blocked],
            created=self.created,
            id=self._id,
            model=self.model,
            usage=_usage(answer.usage_metadata or UsageMetadata()),
        )
        return _encode(completion)

    def chunk(self, answer: GenerateContentResponse) -> bytes:
        """One chunk, or nothing when there is nothing to tell."""
        self._identify(answer)
        usage = self._take_usage(answer.usage_metadata)
        choices = [self._chunk_choice(candidate) for candidate in answer.candidates]
        if not choices and answer.prompt_feedback:
            choices = [ChunkChoice(finish_reason=_CONTENT_FILTER, delta=Message(content=""))]
        elif not choices:
            if not usage:
                return b""
            choices = [ChunkChoice(delta=Message(content=""))]
        return self._chunk(choices, usage)

    def usage_chunk(self) -> bytes:
        """OpenAI's last chunk, without choices; nothing when it was not asked for."""
        return self._chunk([], self._usage) if self.include_usage and self._usage else b""

    def _identify(self, answer: GenerateContentResponse) -> None:
        if not self._id:
            self._id = answer.response_id
            if answer.create_time is not None:
                self.created = answer.create_time.seconds

    def _chunk(self, choices: list[ChunkChoice], usage: Usage | UnsetType | None) -> bytes:
        return _encode(Chunk(choices=choices, created=self.created, id=self._id, model=self.model, usage=usage))

    def _take_usage(self, counts: UsageMetadata | None) -> Usage | UnsetType | None:
        """What a chunk says of usage. Before the last one, counts are absent or hold a traffic type alone."""
        if counts is not None and counts.total_token_count:
            self._usage = _usage(counts)
            if not self.include_usage:
                return self._usage
        return None if self.include_usage else UNSET

    def _choice(self, candidate: Candidate) -> Choice:
        message = self._message(candidate)
        finish = self._finish(candidate) or "stop"
        if not message.content and finish in (_CONTENT_FILTER, "tool_calls"):
            message.content = None
        logprobs = _logprobs(candidate.logprobs_result)
        return Choice(finish_reason=finish, index=candidate.index, logprobs=logprobs, message=message)

    def _chunk_choice(self, candidate: Candidate) -> ChunkChoice:
        delta = self._message(candidate)
        if delta.tool_calls:
            first = self._spoken[candidate.index].calls - len(delta.tool_calls)
            for index, call in enumerate(delta.tool_calls, first):
                call.index = index
        return ChunkChoice(
            delta=delta,
            finish_reason=self._finish(candidate),
            index=candidate.index,
            logprobs=_logprobs(candidate.logprobs_result),
        )

    def _finish(self, candidate: Candidate) -> str | None:
        if candidate.finish_reason is None:
            return None
        if candidate.finish_reason is FinishReason.STOP and self._spoken[candidate.index].calls:
            return "tool_calls"
        return _FINISH.get(candidate.finish_reason, "stop")

    def _message(self, candidate: Candidate) -> Message:
        """The parts of one candidate. Those that chat completions have no form for are left out."""
        spoken = self._spoken.setdefault(candidate.index, _Spoken())
        parts = candidate.content.parts if candidate.content else []
        texts = ""
        calls: list[ToolCall] = []
        for part in parts:
            if part.text is not None:
                texts += self._turn(spoken, thinking=part.thought) + part.text
            elif part.function_call is not None and (self.parallel_calls or not (calls or spoken.calls)):
                calls.append(_tool_call(part, part.function_call))
        if candidate.finish_reason is not None:
            texts += self._turn(spoken, thinking=False)
        spoken.calls += len(calls)
        return Message(content=texts, extra_content=_extra_of_texts(parts), tool_calls=calls or UNSET)

    def _turn(self, spoken: _Spoken, *, thinking: bool) -> str:
        """The tag between thoughts and answer, where one passes into the other."""
        if not self.thought_tag or spoken.thinking == thinking:
            return ""
        spoken.thinking = thinking
        return f"<{self.thought_tag}>" if thinking else f"</{self.thought_tag}>"


def _tool_call(part: Part, call: FunctionCall) -> ToolCall:
    """Ids are Google's or, in their form, made up."""
    return ToolCall(
        extra_content=_extra(part, thought=False),
        function=CalledFunction(arguments=_encode(call.args or {}).decode(), name=call.name),
        id=call.id or f"function-call-{secrets.randbelow(9 * 10**18) + 10**18}",
    )


def _extra_of_texts(parts: list[Part]) -> dict[str, Any] | UnsetType:
    """For a message of thoughts alone, as chunks of a stream are, and for the signature of its last text."""
    texts = [part for part in parts if part.text is not None]
    if not texts:
        return UNSET
    return _extra(texts[-1], thought=all(part.thought for part in texts))


def _extra(part: Part, *, thought: bool) -> dict[str, Any] | UnsetType:
    google: dict[str, Any] = {"thought": True} if thought else {}
    if part.thought_signature:
        google["thought_signature"] = Bytes.json(part.thought_signature)
    return {"google": google} if google else UNSET


def _usage(counts: UsageMetadata) -> Usage:
    usage = Usage(
        completion_tokens=counts.candidates_token_count,
        prompt_tokens=counts.prompt_token_count,
        total_tokens=counts.total_token_count,
    )
    if counts.thoughts_token_count:
        usage.completion_tokens_details = {"reasoning_tokens": counts.thoughts_token_count}
    if counts.cached_content_token_count:
        usage.prompt_tokens_details = {"cached_tokens": counts.cached_content_token_count}
    if counts.traffic_type:
        usage.extra_properties = {"google": {"traffic_type": counts.traffic_type}}
    return usage


def _logprobs(result: LogprobsResult | None) -> Logprobs | None:
    if result is None:
        return None
    content = []
    for place, chosen in enumerate(result.chosen_candidates):
        top = result.top_candidates[place].candidates if place < len(result.top_candidates) else []
        content.append(TokenLogprob(*_logprob(chosen), top_logprobs=[TopLogprob(*_logprob(one)) for one in top]))
    return Logprobs(content=content)


def _logprob(candidate: LogprobsCandidate) -> tuple[list[int], float, str]:
    token = candidate.token or ""
    return list(token.encode()), candidate.log_probability or 0.0, token
