"""One candidate from the engine's first event to its ending, with its prompt counted and its promises kept.

Called by ``generative.py``. An engine that keeps to schemas keeps to them by itself; here its answer is held
against what was asked once more, since model servers have been seen to pass over what they do not know.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never

from geminid.call import Call
from geminid.engines.base import Engine
from geminid.errors import ApiError, PromptTooLong, Unimplemented
from geminid.gemini import constraint, tools
from geminid.gemini.response import Ending
from geminid.gemini.speech import Said, Speech
from geminid.generation import Called, Calling, Delta, Event, Finish, FinishReason, Generation, Usage
from geminid.service.holding import Holding, ticking
from geminid.service.registry import Served

Answer: TypeAlias = AsyncGenerator[Said | Ending, None]


async def answer(call: Call, served: Served, generation: Generation, held: Holding) -> Answer:
    """Runs the engine: what is said, as far as ``held`` lets it go, then one ``Ending``.

    It waits for the call's turn at the engine, and holds it until the engine is done. Leaving early stops the
    engine.
    """
    counting = await _start_counting(served, generation)
    course = _Course(call, Speech(generation))
    try:
        async with call.turn, aclosing(_events(served.engine, generation, held)) as events:
            course.begun = True
            async for event in events:
                heard = None if event is None else course.hear(event)
                if held.passes and heard is not None:
                    yield heard
                else:
                    for said in await held.take(heard, due=event is None):
                        yield said
                if course.speech.stopped or held.reason:
                    break
        for said in await held.end(course.speech.calls):
            yield said
        end = course.end(held.reason)
        if not (held.reason or served.engine.capabilities.scripted):
            end = _judged(generation, course.speech, end)
        prompt = await counting
        if prompt is not None:
            prompt += sum(call.media.values())
        usage = course.usage or course.speech.usage(prompt or 0)
        call.finish = end.reason
        course.tell(usage.prompt)
        yield _ending(end, course.speech, usage if prompt is None else replace(usage, prompt=prompt), held)
    finally:
        if course.begun and not course.complete:  # the client left, or the engine failed
            course.tell(_so_far(counting) + sum(call.media.values()))
        counting.cancel()


def _events(engine: Engine, generation: Generation, held: Holding) -> AsyncGenerator[Event | None, None]:
    """Those of the engine; None where something that is held has waited for long enough."""
    events = engine.generate(generation)
    return ticking(events, held) if held.watches else events


@dataclass(slots=True)
class _Course:
    """What an engine's events come to."""

    call: Call
    speech: Speech
    usage: Usage | None = None
    begun: bool = False
    complete: bool = False
    _finish: Finish | None = None

    def hear(self, event: Event) -> Said | None:
        match event:
            case Delta() | Called():
                if self.call.first_token is None:
                    self.call.first_token = time.monotonic()
                return self.speech.hear(event)
            case Finish():
                self._finish = event
                return self.speech.end()
            case Usage():
                self.usage = event
                return None
            case _:
                assert_never(event)

    def tell(self, prompt: int) -> None:
        """Adds what was processed to that of the call's other candidates."""
        usage = self.usage or self.speech.usage(prompt)
        self.call.usage = usage + self.call.usage if self.call.usage else usage
        self.complete = True

    def end(self, withheld: FinishReason | None) -> Finish:
        if withheld is not None:
            return Finish(withheld)
        if self.speech.stopped:
            return Finish(FinishReason.STOP)
        assert self._finish is not None, "the engine contract: a stream ends with Finish or raises"
        return self._finish


def _ending(end: Finish, speech: Speech, usage: Usage, held: Holding) -> Ending:
    malformed = end.reason is FinishReason.MALFORMED_FUNCTION_CALL
    return Ending(
        end.reason,
        usage,
        end.message,
        () if malformed else tuple(speech.calls),
        () if malformed else speech.called,
        speech.average,
        held.ratings,
        held.citations(),
    )


def _judged(generation: Generation, speech: Speech, end: Finish) -> Finish:
    """Whether a complete answer is what was asked for. A call that is not is the model's failure, and ends so.

    Raises Unimplemented where the text is not: that server does not constrain what its model says.
    """
    if generation.tools:
        for call in speech.calls:
            if problem := tools.problem(call, generation.tools):
                return Finish(FinishReason.MALFORMED_FUNCTION_CALL, message=f"Malformed function call: {problem}")
    if end.reason is not FinishReason.STOP or speech.calls or generation.sampling.stop_sequences:
        return end
    if generation.tools and generation.tools.calling is Calling.ANY:
        raise _ignored("tool_config.function_calling_config.mode", "it made no call")
    if generation.constraint and (problem := constraint.problem(generation.constraint, speech.text)):
        raise _ignored("generation_config.response_schema", problem)
    return end


def _ignored(path: str, problem: str) -> Unimplemented:
    return Unimplemented(
        f"`{path}` is not supported by the model server behind this model: {problem}. "
        "Remove the field or choose another model."
    )


async def prompt_tokens(served: Served, generation: Generation) -> int:
    """What a prompt counts that is not answered; 0 where the engine cannot count."""
    texts = await _count(served.engine, generation.texts())
    return (texts or 0) + sum(generation.media_tokens().values())


async def _start_counting(served: Served, generation: Generation) -> asyncio.Task[int | None]:
    """Counts the prompt beside the generation, or before it when the prompt may be too long.

    A token is at least one byte, so a prompt with fewer bytes than the window has tokens needs no waiting.
    """
    texts, described = generation.texts(), generation.descriptions()
    window = min(served.model.profile.input_tokens, served.engine.capabilities.context_tokens)
    counting = asyncio.create_task(_count(served.engine, texts))
    if sum(len(text.encode()) for text in (*texts, *described)) >= window:
        tokens = await counting
        if tokens is not None and described:
            tokens += await _count(served.engine, described) or 0
        if tokens is not None and tokens > window:
            raise PromptTooLong(tokens, window)
    return counting


def _so_far(counting: asyncio.Task[int | None]) -> int:
    """What a count came to, if it came to anything."""
    if not counting.done() or counting.cancelled() or counting.exception() is not None:
        return 0
    return counting.result() or 0


async def _count(engine: Engine, texts: list[str]) -> int | None:
    """The sum over the texts: no template, no role overhead. None where the engine cannot count them."""
    try:
        return sum(await engine.count_tokens(texts))
    except ApiError:
        return None
