"""An answer of a script as the events that will be said, made before it is asked for. Used by ``scripted.py``.

A plan is cut to what a request's limits leave, as they would cut a model's answer.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import TypeAlias

import msgspec

from geminid import marks
from geminid.engines.script import Answer, Chunk
from geminid.generation import (
    Called,
    Delta,
    Finish,
    FinishReason,
    FunctionCall,
    Logprob,
    Sampling,
    TokenLogprobs,
    Usage,
    spelled,
)

Said: TypeAlias = Delta | Called

_TOKEN = re.compile(r" ?\w+| ?[^\w\s]|\s+")
_UNTOLD = -0.125
"""The log probability of a token of which the script tells none. Sums of it are exact in binary."""

_FIXED: list[str | Chunk] = ["This", " is", " a", " scripted", " answer", "."]


def tokens_of(text: str) -> list[str]:
    """The engine's tokens, which put together are the text again."""
    return _TOKEN.findall(text)


def token_id(token: str) -> int:
    """A hash of 31 bits: the same text always has the same id, and it fits Google's int32."""
    return zlib.crc32(token.encode()) & 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class Step:
    """One event in the three forms it may be asked for, and the seconds before it.

    ``silent`` tells no probabilities, ``chosen`` those of its tokens, ``places`` have every alternative too.
    A ``whole`` step is never cut.
    """

    silent: Said
    chosen: Said
    places: tuple[TokenLogprobs, ...]
    delay: float = 0
    whole: bool = False

    def telling(self, top: int) -> Said:
        """The event with the probabilities of its tokens and of the ``top`` alternatives to each."""
        if top == 0:
            return self.chosen
        places = tuple(TokenLogprobs(place.chosen, place.top[:top]) for place in self.places)
        return msgspec.structs.replace(self.silent, logprobs=places)

    @property
    def thought(self) -> bool:
        return isinstance(self.silent, Delta) and self.silent.thought

    @property
    def text(self) -> str:
        """What it adds to the text of the answer."""
        return self.silent.text if isinstance(self.silent, Delta) and not self.silent.thought else ""

    def first_tokens(self, count: int) -> Step | None:
        """What is left of it where ``count`` tokens fit. Calls go whole or not at all."""
        if self.whole or count == 0 or not isinstance(self.silent, Delta):
            return None
        return self._shortened("".join(tokens_of(self.silent.text)[:count]))

    def first_characters(self, count: int) -> Step | None:
        return self._shortened(self.text[:count]) if count else None

    def _shortened(self, text: str) -> Step:
        return replace(_step(Chunk(text=text, thought=self.thought)), delay=self.delay)


@dataclass(frozen=True, slots=True)
class Plan:
    """An answer with everything made that can be made before it is asked for. Counts are of tokens."""

    answer: Answer
    steps: Sequence[Step]
    finish: Finish
    text: str
    thoughts: int
    output: int

    @property
    def calls(self) -> bool:
        """Whether anything is called."""
        return any(isinstance(chunk, Chunk) and chunk.call for chunk in self.answer.chunks)

    @classmethod
    def of(cls, answer: Answer) -> Plan:
        """For an answer that conforms: what it says where nothing was asked for."""
        steps = tuple(map(_step, _FIXED if answer.conform else answer.chunks))
        once = cls._of(answer, steps, Finish(FinishReason[answer.finish], message=answer.finish_message))
        times = answer.repeat
        return replace(
            once,
            steps=steps * times,
            text=once.text * times,
            thoughts=once.thoughts * times,
            output=once.output * times,
        )

    @classmethod
    def _of(cls, answer: Answer, steps: Sequence[Step], finish: Finish) -> Plan:
        text = "".join(step.text for step in steps)
        thoughts = sum(step.silent.tokens for step in steps if step.thought)
        return cls(answer, steps, finish, text, thoughts, sum(step.silent.tokens for step in steps) - thoughts)

    def within(self, sampling: Sampling) -> Plan:
        """What the limits leave of it: itself, where they cut nothing."""
        plan, limit = self, sampling.max_output_tokens
        if limit is not None and self.thoughts + self.output > limit:
            plan = self._of(self.answer, _first_tokens(self.steps, limit), Finish(FinishReason.MAX_TOKENS))
        if sampling.stop_sequences and (end := marks.first(plan.text, sampling.stop_sequences)) is not None:
            plan = self._of(self.answer, _first_characters(plan.steps, end), Finish(FinishReason.STOP))
        return plan

    def usage(self, prompt: int) -> Usage:
        told = self.answer.usage
        return Usage(
            prompt=prompt if told.prompt is None else told.prompt,
            output=self.output if told.output is None else told.output,
            cached=told.cached,
            thoughts=self.thoughts if told.thoughts is None else told.thoughts,
        )


def _step(chunk: str | Chunk) -> Step:
    chunk = Chunk(text=chunk) if isinstance(chunk, str) else chunk
    said, text = _said(chunk)
    places = _places(chunk) or _untold(text)
    chosen = msgspec.structs.replace(said, logprobs=tuple(TokenLogprobs(place.chosen) for place in places))
    return Step(said, chosen, places, chunk.delay_ms / 1000, whole=chunk.tokens is not None)


def _said(chunk: Chunk) -> tuple[Said, str]:
    """The event, and the text that the model wrote for it."""
    if chunk.call:
        # TOML has dates, JSON has none.
        call = FunctionCall(chunk.call.name, msgspec.to_builtins(chunk.call.args), chunk.call.id)
        text = spelled(call)
        return Called(call, _count(chunk, text)), text
    text = chunk.text or ""
    return Delta(text, tokens=_count(chunk, text), thought=chunk.thought), text


def _count(chunk: Chunk, text: str) -> int:
    return len(tokens_of(text)) if chunk.tokens is None else chunk.tokens


def _places(chunk: Chunk) -> tuple[TokenLogprobs, ...]:
    """What the script tells of a text, which is one token then."""
    text = chunk.text or ""
    value = chunk.top.get(text) if chunk.logprob is None else chunk.logprob
    if value is None:
        return ()
    best_first = sorted((chunk.top or {text: value}).items(), key=lambda item: -item[1])
    top = tuple(Logprob(token, logprob, token_id(token)) for token, logprob in best_first)
    return (TokenLogprobs(Logprob(text, value, token_id(text)), top),)


def _untold(text: str) -> tuple[TokenLogprobs, ...]:
    chosen = [Logprob(token, _UNTOLD, token_id(token)) for token in tokens_of(text)]
    return tuple(TokenLogprobs(one, (one,)) for one in chosen)


def _first_tokens(steps: Sequence[Step], limit: int) -> list[Step]:
    kept: list[Step] = []
    for step in steps:
        if step.silent.tokens > limit:
            head = step.first_tokens(limit)
            return [*kept, head] if head else kept
        kept.append(step)
        limit -= step.silent.tokens
    return kept


def _first_characters(steps: Sequence[Step], end: int) -> list[Step]:
    """The thoughts, and the text as far as that; never the calls, which come after it."""
    kept: list[Step] = []
    for step, last in zip(steps, accumulate(len(step.text) for step in steps), strict=True):
        if last > end:
            head = step.first_characters(len(step.text) - last + end)
            return [*kept, head] if head else kept
        kept.append(step)
    return kept
