"""When a call takes its turn at the engine, and when it gives it back."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any

import msgspec
import pytest

from geminid.call import Call, Stream
from geminid.engines.script import Script
from geminid.engines.scripted import Scripted
from geminid.errors import OVERLOADED, ApiError, Unavailable
from geminid.generation import Event, Generation
from geminid.wire import json
from geminid.wire.generation import GenerateContentRequest

MODEL = "projects/p/locations/l/publishers/google/models/gemini-2.0-flash"


class Turns(AbstractAsyncContextManager[None]):
    """Counts those who have a turn, and may refuse."""

    def __init__(self, refusal: ApiError | None = None) -> None:
        self.refusal = refusal
        self.entered = self.held = 0

    async def __aenter__(self) -> None:
        if self.refusal:
            raise self.refusal
        self.entered += 1
        self.held += 1

    async def __aexit__(self, *_: object) -> None:
        self.held -= 1


class Watched(Scripted):
    """Knows how many turns were held when it was asked."""

    def __init__(self, turns: Turns, *answers: dict[str, Any]) -> None:
        super().__init__(msgspec.convert({"answers": answers, "context_tokens": 100}, Script))
        self.turns = turns
        self.held: list[int] = []

    async def generate(self, generation: Generation) -> AsyncGenerator[Event, None]:
        self.held.append(self.turns.held)
        async with aclosing(super().generate(generation)) as events:
            async for event in events:
                yield event


def a_call(turns: Turns, text: str = "Hello", **config: Any) -> Call:
    body = {"contents": {"parts": {"text": text}}, "generationConfig": config}
    request = json.decode(GenerateContentRequest, msgspec.json.encode(body))
    request.model = MODEL
    method = "google.cloud.aiplatform.v1.PredictionService.X"
    return Call(method, request, dt.datetime.now(dt.UTC), "test", turn=turns)


async def read(stream: Stream) -> None:
    async with aclosing(stream):
        async for _ in stream:
            pass


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.mark.parametrize("candidates", [1, 3])
async def test_each_answer_is_written_in_a_turn(service_of: Any, turns: Turns, candidates: int) -> None:
    engine = Watched(turns, {"chunks": ["a"]})

    await read(service_of(engine).generate_content(a_call(turns, candidateCount=candidates)))

    assert engine.held[0] >= 1
    assert (len(engine.held), turns.entered, turns.held) == (candidates, candidates, 0)


@pytest.mark.parametrize(
    ("text", "config"),
    [("Hello", {"temperature": 9}), ("word " * 200, {}), ("Hello", {"responseSchema": {"type": "OBJECT"}})],
    ids=["out of range", "too long", "no mime type"],
)
async def test_what_is_refused_as_invalid_takes_no_turn(
    service_of: Any, turns: Turns, text: str, config: dict[str, Any]
) -> None:
    engine = Watched(turns, {"chunks": ["a"]})

    with pytest.raises(ApiError):
        await read(service_of(engine).generate_content(a_call(turns, text, **config)))

    assert (engine.held, turns.entered) == ([], 0)


async def test_a_turn_ends_with_the_engine_and_not_with_the_answer(service_of: Any, turns: Turns) -> None:
    engine = Watched(turns, {"chunks": ["a ", "b"]})

    stream = service_of(engine).stream_generate_content(a_call(turns))
    async with aclosing(stream):
        held = [turns.held async for _ in stream]

    assert held == [1, 1, 0]


async def test_a_turn_ends_when_the_engine_fails_or_the_client_leaves(service_of: Any, turns: Turns) -> None:
    failing = Watched(turns, {"chunks": ["a"], "fail": {"code": "UNAVAILABLE", "after_chunks": 1}})
    with pytest.raises(Unavailable):
        await read(service_of(failing).generate_content(a_call(turns)))
    assert turns.held == 0

    endless = Watched(turns, {"chunks": ["a"], "hang": True})
    async with aclosing(service_of(endless).stream_generate_content(a_call(turns))) as stream:
        await anext(stream)
        assert turns.held == 1
    assert turns.held == 0


async def test_a_call_whose_turn_does_not_come_used_nothing(service_of: Any) -> None:
    turns = Turns(Unavailable(OVERLOADED))
    engine, call = Watched(turns, {"chunks": ["a"]}), a_call(turns)

    with pytest.raises(Unavailable, match=OVERLOADED):
        await read(service_of(engine).generate_content(call))

    assert (engine.held, call.usage) == ([], None)
