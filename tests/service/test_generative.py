"""PredictionService in front of a scripted engine, without a door."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any, TypeAlias

import msgspec
import pytest

from geminid.call import Call
from geminid.engines.script import Script
from geminid.engines.scripted import Scripted
from geminid.errors import InvalidArgument, NotFound, PromptTooLong, Unavailable, Unimplemented
from geminid.generation import Event, FinishReason, Generation, Sampling
from geminid.service.generative import PredictionService
from geminid.wire import json
from geminid.wire.generation import GenerateContentRequest, GenerateContentResponse

MODEL = "projects/p/locations/l/publishers/google/models/gemini-2.0-flash"


def scripted(*answers: dict[str, Any], context_tokens: int = 1000) -> Scripted:
    return Scripted(msgspec.convert({"answers": answers, "context_tokens": context_tokens}, Script))


ServiceOf: TypeAlias = Callable[..., PredictionService]


def a_call(text: str = "Hello", model: str = MODEL, **config: Any) -> Call:
    body = {"contents": {"parts": {"text": text}}, "generationConfig": config}
    request = json.decode(GenerateContentRequest, msgspec.json.encode(body))
    request.model = model
    return Call("google.cloud.aiplatform.v1.PredictionService.X", request, dt.datetime.now(dt.UTC), "test")


async def streamed(service: PredictionService, call: Call) -> list[GenerateContentResponse]:
    return [chunk async for chunk in service.stream_generate_content(call)]  # type: ignore[misc]


def texts(chunks: Sequence[GenerateContentResponse]) -> list[str | None]:
    return [chunk.candidates[0].content.parts[0].text for chunk in chunks]  # type: ignore[union-attr]


async def test_a_stream_has_a_chunk_for_each_text_and_one_that_ends_it(service_of: ServiceOf) -> None:
    chunks = await streamed(service_of(scripted({"chunks": ["a", "b", "c"]})), a_call())

    assert texts(chunks) == ["a", "b", "c", ""]
    assert [chunk.candidates[0].finish_reason is not None for chunk in chunks] == [False, False, False, True]


async def test_unary_is_the_fold_of_the_stream(service_of: ServiceOf) -> None:
    service = service_of(scripted({"chunks": ["a", "b", "c"]}))

    (whole,) = [answer async for answer in service.generate_content(a_call())]

    (*_, last) = await streamed(service, a_call())
    assert isinstance(whole, GenerateContentResponse)
    assert texts([whole]) == ["abc"]
    assert whole.usage_metadata == last.usage_metadata


async def test_the_prompt_is_counted_as_its_texts_whatever_the_engine_processed(service_of: ServiceOf) -> None:
    engine = scripted({"chunks": ["a"], "usage": {"prompt": 40, "output": 3}})
    call = a_call("one two three")

    (*_, last) = await streamed(service_of(engine), call)

    assert last.usage_metadata
    assert (last.usage_metadata.prompt_token_count, last.usage_metadata.candidates_token_count) == (3, 3)
    assert call.usage
    assert call.usage.prompt == 40


class WithoutTokenizer(Scripted):
    """An engine whose server cannot count."""

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        raise Unimplemented("no tokenizer")


async def test_without_a_tokenizer_the_engines_own_count_is_given(service_of: ServiceOf) -> None:
    engine = WithoutTokenizer(msgspec.convert({"answers": [{"chunks": ["a"], "usage": {"prompt": 40}}]}, Script))

    (*_, last) = await streamed(service_of(engine), a_call())

    assert last.usage_metadata
    assert last.usage_metadata.prompt_token_count == 40


async def test_a_prompt_longer_than_the_engines_window_is_refused_before_it_works(service_of: ServiceOf) -> None:
    engine = scripted({"chunks": ["a"]}, context_tokens=10)

    with pytest.raises(PromptTooLong) as error:
        await streamed(service_of(engine), a_call("word " * 11))

    assert (error.value.tokens, error.value.limit) == (12, 10)


async def test_an_id_may_have_an_engine_of_its_own(service_of: ServiceOf) -> None:
    own = scripted({"chunks": ["own"]})
    service = service_of(scripted({"chunks": ["other"]}), **{"gemini-2.0-flash-001": own})

    assert texts(await streamed(service, a_call()))[0] == "own"
    assert texts(await streamed(service, a_call(model=MODEL.replace("2.0", "2.5"))))[0] == "other"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("publishers/google/models/gpt-4", "Publisher Model `publishers/google/models/gpt-4` was not found"),
        ("publishers/meta/models/llama", "Publisher Model `publishers/meta/models/llama` not found."),
        ("projects/p/locations/l/endpoints/123", "Endpoint `projects/p/locations/l/endpoints/123` not found."),
    ],
)  # fmt: skip
async def test_other_names_are_not_found(name: str, words: str, service_of: ServiceOf) -> None:
    with pytest.raises(NotFound) as error:
        await streamed(service_of(scripted()), a_call(model=name))
    assert words in error.value.message


async def test_a_failure_in_mid_stream_comes_after_what_was_said(service_of: ServiceOf) -> None:
    engine = scripted({"chunks": ["a", "b"], "fail": {"code": "UNAVAILABLE", "after_chunks": 1}})
    stream = service_of(engine).stream_generate_content(a_call())

    first = await anext(stream)

    assert isinstance(first, GenerateContentResponse)
    assert texts([first]) == ["a"]
    with pytest.raises(Unavailable):
        await anext(stream)


async def test_leaving_a_stream_stops_the_engine(service_of: ServiceOf) -> None:
    engine = scripted({"chunks": ["a"], "hang": True})

    async with aclosing(service_of(engine).stream_generate_content(a_call())) as stream:
        await anext(stream)
        assert engine.active == 1

    assert engine.active == 0


async def test_a_call_knows_how_it_ended(service_of: ServiceOf) -> None:
    call = a_call(stopSequences=["b"])

    await streamed(service_of(scripted({"chunks": ["a", "b", "c"]})), call)

    assert (call.model, call.finish) == ("gemini-2.0-flash", FinishReason.STOP)
    assert call.first_token is not None


class NeverStops(Scripted):
    """An engine that takes no notice of stop sequences."""

    async def generate(self, generation: Generation) -> AsyncGenerator[Event, None]:
        plain = Generation(generation.turns, generation.system)
        async with aclosing(super().generate(plain)) as events:
            async for event in events:
                yield event


async def test_stop_sequences_hold_on_an_engine_that_ignores_them(service_of: ServiceOf) -> None:
    engine = NeverStops(msgspec.convert({"answers": [{"chunks": ["say S", "TO", "P it"]}]}, Script))

    chunks = await streamed(service_of(engine), a_call(stopSequences=["STOP"]))

    assert texts(chunks) == ["say ", ""]
    assert engine.active == 0
    assert chunks[-1].usage_metadata
    assert chunks[-1].usage_metadata.candidates_token_count == 5


async def test_many_streams_at_once(service_of: ServiceOf) -> None:
    service = service_of(scripted({"chunks": [{"text": "a", "delay_ms": 1}] * 20}))

    answers = await asyncio.gather(*(streamed(service, a_call()) for _ in range(200)))

    assert all(len(chunks) == 21 for chunks in answers)


async def test_candidates_are_asked_for_side_by_side(service_of: ServiceOf) -> None:
    service = service_of(scripted({"chunks": ["a"]}, {"chunks": ["b b"]}, {"chunks": ["c"]}))
    call = a_call("one two", candidateCount=3)

    (answer,) = [answer async for answer in service.generate_content(call)]

    assert isinstance(answer, GenerateContentResponse)
    said = [candidate.content.parts[0].text for candidate in answer.candidates if candidate.content]
    assert said == ["a", "b b", "c"]
    assert [candidate.index for candidate in answer.candidates] == [0, 1, 2]
    assert answer.usage_metadata
    assert (answer.usage_metadata.prompt_token_count, answer.usage_metadata.candidates_token_count) == (2, 4)
    assert call.usage
    assert call.usage.output == 4


async def test_a_candidate_that_fails_ends_the_others(service_of: ServiceOf) -> None:
    engine = scripted({"chunks": ["a"], "hang": True}, {"fail": {"code": "UNAVAILABLE"}})

    with pytest.raises(Unavailable):
        _ = [answer async for answer in service_of(engine).generate_content(a_call(candidateCount=2))]

    assert engine.active == 0


async def test_candidates_have_seeds_of_their_own() -> None:
    generation = Generation((), sampling=Sampling(seed=5), candidates=8)

    seeds = {generation.for_candidate(index).sampling.seed for index in range(8)}

    assert len(seeds) == 8
    assert generation.for_candidate(0).sampling.seed == 5


async def test_several_candidates_cannot_be_streamed(service_of: ServiceOf) -> None:
    with pytest.raises(InvalidArgument, match="streamGenerateContent does not support"):
        await streamed(service_of(scripted()), a_call(candidateCount=2))
