"""A deterministic engine: it says what a script tells it to, for the tests of those who build on geminid.

It is not a model and needs none. Answers, their pace, token probabilities, usage and failures come from a file
(``script.py``); without one it says one fixed sentence. Built by ``app.py`` for ``--engine scripted``.

A token is a word, a number or a single other character, with the space before it; a longer run of white space
is one token. ``maxOutputTokens`` and stop sequences cut the script's text as they would cut a model's.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from geminid import errors
from geminid.engines.base import Capabilities, Health, State
from geminid.engines.script import Answer, Chunk, Failure, Script, ScriptError
from geminid.generation import (
    Delta,
    Event,
    Finish,
    FinishReason,
    Generation,
    Logprob,
    Sampling,
    Token,
    TokenLogprobs,
    Usage,
)

__all__ = ["Script", "ScriptError", "Scripted"]

_TOKEN = re.compile(r" ?\w+| ?[^\w\s]|\s+")
_BREATH = 64
"""Events between two turns of the event loop: a script without delays can be cancelled and starves nobody."""

_FIXED = Answer(chunks=["This", " is", " a", " scripted", " answer", "."])


class Scripted:
    """The engine. Answers with ``when`` are tried first, in order; the others take turns, the last one stays."""

    def __init__(self, script: Script | None = None) -> None:
        script = script or Script()
        plans = [(answer.when, _Plan.of(answer)) for answer in script.answers]
        self._on_request = [(when, plan) for when, plan in plans if when is not None]
        self._in_turn = [plan for when, plan in plans if when is None] or [_Plan.of(_FIXED)]
        self._turn = 0
        self._active = 0
        self._context_tokens = script.context_tokens

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(context_tokens=self._context_tokens)

    @property
    def active(self) -> int:
        """How many generations are running now: 0 again as soon as a cancelled call has let go."""
        return self._active

    async def start(self) -> None:
        pass

    async def wait_ready(self) -> None:
        pass

    async def health(self) -> Health:
        return Health(State.READY)

    async def aclose(self) -> None:
        pass

    async def generate(self, generation: Generation) -> AsyncGenerator[Event, None]:
        self._active += 1
        try:
            plan, prompt = self._choose(generation), self._prompt_tokens(generation)
            answer = plan.answer
            steps, reason = _cut(plan, generation.sampling)
            fail = answer.fail if answer.fail and answer.fail.after_chunks <= len(steps) else None
            if answer.first_delay_ms:
                await asyncio.sleep(answer.first_delay_ms / 1000)
            for index, step in enumerate(steps[: fail.after_chunks] if fail else steps):
                if step.delay:
                    await asyncio.sleep(step.delay)
                elif index % _BREATH == 0:
                    await asyncio.sleep(0)
                yield step.delta
            if fail:
                raise _error(fail)
            if answer.hang and steps is plan.steps:
                await asyncio.Event().wait()
            yield Finish(reason)
            yield plan.usage(prompt, steps)
        finally:
            self._active -= 1

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [_count(text) for text in texts]

    async def tokenize(self, texts: Sequence[str]) -> list[list[Token]]:
        """A token's id is a hash of its text: the same text always has the same ids."""
        return [
            [Token(zlib.crc32(piece.encode()), piece.encode()) for piece in _TOKEN.findall(text)] for text in texts
        ]

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        raise errors.Unimplemented("The scripted engine has no embeddings.")

    def _choose(self, generation: Generation) -> _Plan:
        asked = "\n".join(piece.text for piece in generation.turns[-1].pieces) if generation.turns else ""
        for when, plan in self._on_request:
            if when in asked:
                return plan
        plan = self._in_turn[self._turn]
        self._turn = min(self._turn + 1, len(self._in_turn) - 1)
        return plan

    def _prompt_tokens(self, generation: Generation) -> int:
        tokens = sum(map(_count, generation.texts()))
        if tokens > self._context_tokens:
            raise errors.PromptTooLong(tokens, self._context_tokens)
        return tokens


@dataclass(frozen=True, slots=True)
class _Step:
    """One event and the seconds before it."""

    delta: Delta
    delay: float = 0
    whole: bool = False


@dataclass(frozen=True, slots=True)
class _Plan:
    """An answer with everything made that can be made before it is asked for."""

    answer: Answer
    steps: tuple[_Step, ...]
    text: str
    tokens: int

    @classmethod
    def of(cls, answer: Answer) -> _Plan:
        steps = tuple(map(_step, answer.chunks)) * answer.repeat
        text = "".join(step.delta.text for step in steps)
        return cls(answer, steps, text, _tokens(steps))

    def usage(self, prompt: int, steps: Sequence[_Step]) -> Usage:
        told = self.answer.usage
        return Usage(
            prompt=prompt if told.prompt is None else told.prompt,
            output=self._output(steps) if told.output is None else told.output,
            cached=told.cached,
            thoughts=told.thoughts,
        )

    def _output(self, steps: Sequence[_Step]) -> int:
        return self.tokens if steps is self.steps else _tokens(steps)


def _step(chunk: str | Chunk) -> _Step:
    if isinstance(chunk, str):
        return _Step(Delta(chunk, tokens=_count(chunk)))
    tokens = _count(chunk.text) if chunk.tokens is None else chunk.tokens
    delta = Delta(chunk.text, tokens=tokens, logprobs=_logprobs(chunk))
    return _Step(delta, chunk.delay_ms / 1000, whole=chunk.tokens is not None)


def _logprobs(chunk: Chunk) -> tuple[TokenLogprobs, ...]:
    value = chunk.top.get(chunk.text) if chunk.logprob is None else chunk.logprob
    if value is None:
        return ()
    best_first = sorted(chunk.top.items(), key=lambda item: -item[1])
    top = tuple(Logprob(token, logprob) for token, logprob in best_first)
    return (TokenLogprobs(Logprob(chunk.text, value), top),)


def _cut(plan: _Plan, sampling: Sampling) -> tuple[Sequence[_Step], FinishReason]:
    """The steps that the limits leave, and why they end."""
    steps: Sequence[_Step] = plan.steps
    text, reason = plan.text, FinishReason[plan.answer.finish]
    limit = sampling.max_output_tokens
    if limit is not None and plan.tokens > limit:
        steps, reason = _first_tokens(steps, limit), FinishReason.MAX_TOKENS
        text = "".join(step.delta.text for step in steps)
    if sampling.stop_sequences and (end := _stop(text, sampling.stop_sequences)) is not None:
        return _first_characters(steps, end), FinishReason.STOP
    return steps, reason


def _stop(text: str, sequences: Sequence[str]) -> int | None:
    """Where the text ends before the stop sequence that is complete first; of two such, the longer one."""
    found = [(start + len(stop), start) for stop in sequences if (start := text.find(stop)) >= 0]
    return min(found)[1] if found else None


def _first_tokens(steps: Sequence[_Step], limit: int) -> list[_Step]:
    kept: list[_Step] = []
    for step in steps:
        if step.delta.tokens > limit:
            pieces = [] if step.whole else _TOKEN.findall(step.delta.text)[:limit]
            return [*kept, _shortened(step, "".join(pieces))] if pieces else kept
        kept.append(step)
        limit -= step.delta.tokens
    return kept


def _first_characters(steps: Sequence[_Step], end: int) -> list[_Step]:
    kept: list[_Step] = []
    for step, last in zip(steps, accumulate(len(step.delta.text) for step in steps), strict=True):
        if last > end:
            head = step.delta.text[: end - last]
            return [*kept, _shortened(step, head)] if head else kept
        kept.append(step)
    return kept


def _shortened(step: _Step, text: str) -> _Step:
    return _Step(Delta(text, tokens=_count(text)), step.delay)


def _tokens(steps: Sequence[_Step]) -> int:
    return sum(step.delta.tokens for step in steps)


def _count(text: str) -> int:
    return len(_TOKEN.findall(text))


def _error(failure: Failure) -> errors.ApiError:
    kind = errors.by_code(errors.Code[failure.code])
    return kind(failure.message or _MESSAGES.get(kind.code, f"The script says {failure.code}."))


_MESSAGES = {
    errors.Code.UNAVAILABLE: errors.OVERLOADED,
    errors.Code.INTERNAL: errors.INTERNAL,
    errors.Code.DEADLINE_EXCEEDED: errors.EXPIRED,
    errors.Code.RESOURCE_EXHAUSTED: "Resource exhausted. Please try again later.",
}
