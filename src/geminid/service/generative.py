"""PredictionService: GenerateContent and StreamGenerateContent.

Both are one stream of events read in two ways. The service resolves the model, has the request checked, counts
the prompt beside the engine's work, cuts at stop sequences, and shapes the answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import TypeAlias, assert_never

from geminid.call import Call, Stream
from geminid.engines.base import Engine
from geminid.errors import ApiError, PromptTooLong
from geminid.gemini.request import check_streamable, to_generation
from geminid.gemini.response import Ending, Responder, Whole
from geminid.gemini.stops import StopFilter
from geminid.generation import Delta, Finish, FinishReason, Generation, Usage
from geminid.service.registry import Registry, Served
from geminid.wire.generation import GenerateContentRequest

_Answer: TypeAlias = AsyncGenerator[str | Ending, None]


class PredictionService:
    """The RPCs of google.cloud.aiplatform.PredictionService that generate."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def generate_content(self, call: Call) -> Stream:
        """One answer, with as many candidates as were asked for: each the fold of a stream."""
        served, generation = self._prepare(call)
        responder = Responder(served.model.id, served.model.profile, call.received)
        wanted = [generation.for_candidate(index) for index in range(generation.candidates)]
        yield responder.whole(await _all([_fold(_answer(call, served, one)) for one in wanted]))

    async def stream_generate_content(self, call: Call) -> Stream:
        """The answer as it is written: a chunk for each run of text, then one that ends it."""
        served, generation = self._prepare(call)
        check_streamable(generation)
        responder = Responder(served.model.id, served.model.profile, call.received)
        async with aclosing(_answer(call, served, generation)) as answer:
            async for item in answer:
                match item:
                    case str():
                        yield responder.text(item)
                    case Ending():
                        yield responder.last(item)
                    case _:
                        assert_never(item)

    def _prepare(self, call: Call) -> tuple[Served, Generation]:
        request = call.request
        assert isinstance(request, GenerateContentRequest)
        served = self._registry.find(request.model)
        call.model = served.model.id
        return served, to_generation(request, served.model.profile)


async def _all(answers: Sequence[Coroutine[None, None, Whole]]) -> list[Whole]:
    """Runs them side by side; the first that fails, or a caller that leaves, ends the others."""
    if len(answers) == 1:
        return [await answers[0]]
    tasks = [asyncio.ensure_future(answer) for answer in answers]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _fold(answer: _Answer) -> Whole:
    texts: list[str] = []
    async with aclosing(answer):
        async for item in answer:
            if isinstance(item, Ending):
                return Whole("".join(texts), item)
            texts.append(item)
    raise AssertionError("an answer ends with its Ending")


async def _answer(call: Call, served: Served, generation: Generation) -> _Answer:
    """Runs the engine: non-empty texts, then one ``Ending``. Leaving early stops the engine."""
    counting = await _start_counting(served, generation)
    try:
        end, usage, output = None, None, 0
        stops = StopFilter(generation.sampling.stop_sequences)
        async with aclosing(served.engine.generate(generation)) as events:
            async for event in events:
                match event:
                    case Delta():
                        if call.first_token is None:
                            call.first_token = time.monotonic()
                        output += event.tokens
                        text, stopped = stops.feed(event.text)
                        if text:
                            yield text
                        if stopped:
                            end = Finish(FinishReason.STOP)
                            break
                    case Finish():
                        end = event
                        if text := stops.flush():
                            yield text
                    case Usage():
                        usage = event
                    case _:
                        assert_never(event)
        assert end is not None, "the engine contract: a stream ends with Finish or raises"
        prompt = await counting
        call.finish = end.reason
        usage = usage or Usage(prompt or 0, output)
        call.usage = usage + call.usage if call.usage else usage
        reported = usage if prompt is None else replace(usage, prompt=prompt)
        yield Ending(end.reason, reported, end.message)
    finally:
        counting.cancel()


async def _start_counting(served: Served, generation: Generation) -> asyncio.Task[int | None]:
    """Counts the prompt beside the generation, or before it when the prompt may be too long.

    A token is at least one byte, so a prompt with fewer bytes than the window has tokens needs no waiting.
    """
    texts = generation.texts()
    window = min(served.model.profile.input_tokens, served.engine.capabilities.context_tokens)
    counting = asyncio.create_task(_count(served.engine, texts))
    if sum(len(text.encode()) for text in texts) >= window:
        tokens = await counting
        if tokens is not None and tokens > window:
            raise PromptTooLong(tokens, window)
    return counting


async def _count(engine: Engine, texts: list[str]) -> int | None:
    """The sum over the texts: no template, no role overhead. None where the engine cannot count them."""
    try:
        return sum(await engine.count_tokens(texts))
    except ApiError:
        return None
