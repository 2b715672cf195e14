"""PredictionService: GenerateContent and StreamGenerateContent.

Both are one stream of events read in two ways. The service resolves the model, has the request checked, counts
the prompt beside the engine's work, and shapes the answer; ``candidate.py`` follows one candidate through.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import assert_never

from geminid.abreast import all_of
from geminid.attachment import Kind
from geminid.call import Call, Stream
from geminid.gemini.request import check_streamable, to_generation
from geminid.gemini.response import Ending, Responder, Whole
from geminid.gemini.safety import policy_of
from geminid.gemini.speech import Said
from geminid.generation import Generation
from geminid.judgement import Policy, Verdict
from geminid.media.understand import Understanding
from geminid.service.cached import CachedPrompts, prefixed_by
from geminid.service.candidate import Answer, answer, prompt_tokens
from geminid.service.judges import Judges
from geminid.service.media import reader_of
from geminid.service.registry import Registry, Served
from geminid.wire.generation import GenerateContentRequest


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that was checked, understood and judged."""

    served: Served
    generation: Generation
    policy: Policy
    verdict: Verdict
    responder: Responder


class PredictionService:
    """The RPCs of google.cloud.aiplatform.PredictionService that generate."""

    def __init__(
        self, registry: Registry, understanding: Understanding, judges: Judges, caches: CachedPrompts | None = None
    ) -> None:
        self._registry = registry
        self._understanding = understanding
        self._judges = judges
        self._caches = caches

    async def generate_content(self, call: Call) -> Stream:
        """One answer, with as many candidates as were asked for: each the fold of a stream."""
        asked = await self._prepare(call)
        if asked.verdict.reason:
            yield asked.responder.blocked(asked.verdict, await prompt_tokens(asked.served, asked.generation))
            return
        generation = _averaging(asked.served, asked.generation)
        wanted = [generation.for_candidate(index) for index in range(generation.candidates)]
        answers = [answer(call, asked.served, one, await self._judges.holding(asked.policy)) for one in wanted]
        yield asked.responder.whole(await all_of([_fold(one) for one in answers]))

    async def stream_generate_content(self, call: Call) -> Stream:
        """The answer as it is written: a chunk for each run of text, then one that ends it."""
        asked = await self._prepare(call, streams=True)
        if asked.verdict.reason:
            yield asked.responder.blocked(asked.verdict, await prompt_tokens(asked.served, asked.generation))
            return
        held = await self._judges.holding(asked.policy)
        async with aclosing(answer(call, asked.served, asked.generation, held)) as items:
            async for item in items:
                match item:
                    case Said():
                        yield asked.responder.chunk(item)
                    case Ending():
                        yield asked.responder.last(item)
                    case _:
                        assert_never(item)

    async def _prepare(self, call: Call, *, streams: bool = False) -> _Asked:
        """Schemas are compiled to see whether they can be, which may take too long for the event loop."""
        request = call.request
        assert isinstance(request, GenerateContentRequest)
        served = self._registry.find(request.model, call.attempt)
        call.model = served.model.id
        prefixed = await prefixed_by(self._caches, call, request) if request.cached_content else None
        if prefixed:
            request = prefixed.request
        prefix = prefixed.prefix if prefixed else None
        told = (request, served.model.profile, served.engine.capabilities, call.tenant, prefix)
        if _has_schemas(request):
            generation = await asyncio.to_thread(to_generation, *told)
        else:
            generation = to_generation(*told)
        if streams:
            check_streamable(generation)
        policy = policy_of(request, served.model.profile)
        if generation.attachments:
            known = prefixed.media if prefixed else ()
            generation = await self._understanding.understand(generation, reader_of(call, served), known)
        call.media = generation.media_tokens()
        verdict = await self._judges.prompt(generation, policy)
        cached = prefixed.tokens if prefixed else {}
        return _Asked(served, generation, policy, verdict, _responder(call, served, generation, cached))


def _has_schemas(request: GenerateContentRequest) -> bool:
    return bool(request.tools) or bool(request.generation_config and request.generation_config.response_mime_type)


def _responder(call: Call, served: Served, generation: Generation, cached: Mapping[Kind, int]) -> Responder:
    profile = served.model.profile
    return Responder(
        served.model.id,
        profile,
        call.received,
        generation.sampling.logprobs,
        call.media,
        cached,
        0 if served.engine.capabilities.scripted else profile.implicit_cache,
    )


def _averaging(served: Served, generation: Generation) -> Generation:
    """Has the engine tell the chosen tokens' log probabilities, whose mean every unary answer tells."""
    if generation.sampling.logprobs is not None or not served.engine.capabilities.average_logprobs:
        return generation
    return replace(generation, sampling=replace(generation.sampling, logprobs=0))


async def _fold(items: Answer) -> Whole:
    said: list[Said] = []
    async with aclosing(items):
        async for item in items:
            if isinstance(item, Ending):
                return Whole(said, item)
            said.append(item)
    raise AssertionError("an answer ends with its Ending")
