from __future__ import annotations

import asyncio
import datetime as dt
from contextlib import aclosing

import pytest

from geminid.call import Call, Stream
from geminid.errors import Code, Unavailable
from geminid.gates.observe import Observe
from geminid.wire.generation import GenerateContentRequest, GenerateContentResponse


def a_call() -> Call:
    method = "google.cloud.aiplatform.v1.PredictionService.GenerateContent"
    return Call(method, GenerateContentRequest(), dt.datetime.now(dt.UTC), "test")


async def answers(call: Call) -> Stream:
    yield GenerateContentResponse()


async def fails(call: Call) -> Stream:
    yield GenerateContentResponse()
    raise Unavailable("gone")


async def hangs(call: Call) -> Stream:
    yield GenerateContentResponse()
    await asyncio.Event().wait()


async def test_a_call_that_ends_well_counts_as_ok() -> None:
    observe = Observe()

    async for _ in observe(a_call(), answers):
        assert observe.running == 1

    assert (observe.running, observe.ended) == (0, {Code.OK: 1})


async def test_a_failure_counts_by_its_code() -> None:
    observe = Observe()

    with pytest.raises(Unavailable):
        _ = [message async for message in observe(a_call(), fails)]

    assert (observe.running, observe.ended) == (0, {Code.UNAVAILABLE: 1})


async def test_a_stream_that_is_left_counts_as_cancelled() -> None:
    observe = Observe()

    async with aclosing(observe(a_call(), hangs)) as stream:
        await anext(stream)

    assert (observe.running, observe.ended) == (0, {Code.CANCELLED: 1})
