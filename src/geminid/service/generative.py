"""PredictionService: GenerateContent and StreamGenerateContent.

Both are one stream of events read in two ways. The service resolves the model, has the request checked, counts
the prompt beside the engine's work, and shapes the answer; ``candidate.py`` follows one candidate through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import assert_never

from geminid.call import Call, Stream
from geminid.gemini.request import check_streamable, to_generation
from geminid.gemini.response import Ending, Responder, Whole
from geminid.gemini.speech import Said
from geminid.generation import Generation
from geminid.service.candidate import Answer, answer
from geminid.service.registry import Registry, Served
from geminid.wire.generation import GenerateContentRequest


class PredictionService:
    """The RPCs of google.cloud.aiplatform.PredictionService that generate."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def generate_content(self, call: Call) -> Stream:
        """One answer, with as many candidates as were asked for: each the fold of a stream."""
        served, generation = await self._prepare(call)
        responder = _responder(call, served, generation)
        generation = _averaging(served, generation)
        wanted = [generation.for_candidate(index) for index in range(generation.candidates)]
        yield responder.whole(await _all([_fold(answer(call, served, one)) for one in wanted]))

    async def stream_generate_content(self, call: Call) -> Stream:
        """The answer as it is written: a chunk for each run of text, then one that ends it."""
        served, generation = await self._prepare(call)
        check_streamable(generation)
        responder = _responder(call, served, generation)
        async with aclosing(answer(call, served, generation)) as items:
            async for item in items:
                match item:
                    case Said():
                        yield responder.chunk(item)
                    case Ending():
                        yield responder.last(item)
                    case _:
                        assert_never(item)

    async def _prepare(self, call: Call) -> tuple[Served, Generation]:
        """Schemas are compiled to see whether they can be, which may take too long for the event loop."""
        request = call.request
        assert isinstance(request, GenerateContentRequest)
        served = self._registry.find(request.model)
        call.model = served.model.id
        told = (request, served.model.profile, served.engine.capabilities)
        if _has_schemas(request):
            return served, await asyncio.to_thread(to_generation, *told)
        return served, to_generation(*told)


def _has_schemas(request: GenerateContentRequest) -> bool:
    return bool(request.tools) or bool(request.generation_config and request.generation_config.response_mime_type)


def _responder(call: Call, served: Served, generation: Generation) -> Responder:
    return Responder(served.model.id, served.model.profile, call.received, generation.sampling.logprobs)


def _averaging(served: Served, generation: Generation) -> Generation:
    """Has the engine tell the chosen tokens' log probabilities, whose mean every unary answer tells."""
    if generation.sampling.logprobs is not None or not served.engine.capabilities.average_logprobs:
        return generation
    return replace(generation, sampling=replace(generation.sampling, logprobs=0))


async def _all(answers: Sequence[Coroutine[None, None, Whole]]) -> list[Whole]:
    """Runs them side by side; the first that fails, or a caller that leaves, ends the others."""
    if len(answers) == 1:
        return [await answers[0]]
    tasks = [asyncio.ensure_future(one) for one in answers]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _fold(items: Answer) -> Whole:
    said: list[Said] = []
    async with aclosing(items):
        async for item in items:
            if isinstance(item, Ending):
                return Whole(said, item)
            said.append(item)
    raise AssertionError("an answer ends with its Ending")
