"""One candidate from the engine's first event to its ending, with its prompt counted and its promises kept.

Called by ``generative.py``. An engine that keeps to schemas keeps to them by itself; here its answer is held
against what was asked once more, since model servers have been seen to pass over what they do not know.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import TypeAlias, assert_never

from geminid.call import Call
from geminid.engines.base import Engine
from geminid.errors import ApiError, PromptTooLong, Unimplemented
from geminid.gemini import constraint, tools
from geminid.gemini.response import Ending
from geminid.gemini.speech import Said, Speech
from geminid.generation import Called, Calling, Delta, Finish, FinishReason, Generation, Usage
from geminid.service.registry import Served

Answer: TypeAlias = AsyncGenerator[Said | Ending, None]


async def answer(call: Call, served: Served, generation: Generation) -> Answer:
    """Runs the engine: what is said, then one ``Ending``. Leaving early stops the engine."""
    counting = await _start_counting(served, generation)
    try:
        end, usage, speech = None, None, Speech(generation)
        async with aclosing(served.engine.generate(generation)) as events:
            async for event in events:
                match event:
                    case Delta() | Called():
                        if call.first_token is None:
                            call.first_token = time.monotonic()
                        if said := speech.hear(event):
                            yield said
                        if speech.stopped:
                            end = Finish(FinishReason.STOP)
                            break
                    case Finish():
                        end = event
                        if said := speech.end():
                            yield said
                    case Usage():
                        usage = event
                    case _:
                        assert_never(event)
        assert end is not None, "the engine contract: a stream ends with Finish or raises"
        if not served.engine.capabilities.scripted:
            end = _judged(generation, speech, end)
        prompt = await counting
        if prompt is not None:
            prompt += sum(generation.media_tokens().values())
        call.finish = end.reason
        usage = usage or speech.usage(prompt or 0)
        call.usage = usage + call.usage if call.usage else usage
        yield _ending(end, speech, usage if prompt is None else replace(usage, prompt=prompt))
    finally:
        counting.cancel()


def _ending(end: Finish, speech: Speech, usage: Usage) -> Ending:
    if end.reason is FinishReason.MALFORMED_FUNCTION_CALL:
        return Ending(end.reason, usage, end.message, average=speech.average)
    return Ending(end.reason, usage, end.message, tuple(speech.calls), speech.called, speech.average)


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


async def _count(engine: Engine, texts: list[str]) -> int | None:
    """The sum over the texts: no template, no role overhead. None where the engine cannot count them."""
    try:
        return sum(await engine.count_tokens(texts))
    except ApiError:
        return None
