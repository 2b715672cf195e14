"""Who answers when one cannot."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncGenerator, Callable

import pytest

from geminid.call import Call, Handler
from geminid.errors import ApiError, Internal, ResourceExhausted, Unavailable
from geminid.gates.alternatives import Alternatives
from geminid.generation import Usage
from geminid.wire.generation import GenerateContentRequest, GenerateContentResponse
from geminid.wire.message import Message

SAID = [GenerateContentResponse(response_id=one) for one in "ab"]


def call() -> Call:
    return Call("PredictionService.GenerateContent", GenerateContentRequest(), dt.datetime.now(dt.UTC), "test")


def engines(*outcomes: Callable[[], ApiError] | int) -> Handler:
    """Each attempt says so many messages, or fails; one that fails has counted its prompt before."""

    async def answer(call: Call) -> AsyncGenerator[Message, None]:
        outcome = outcomes[call.attempt]
        if not isinstance(outcome, int):
            call.usage = Usage(3, 0)
            raise outcome()
        for message in SAID[:outcome]:
            yield message

    return answer


def busy() -> ApiError:
    return ResourceExhausted("busy")


def gone() -> ApiError:
    return Unavailable("gone")


async def test_the_next_one_answers_where_one_is_busy_or_gone() -> None:
    gate, asked = Alternatives(lambda _: ["a", "b", "c"]), call()

    got = [message async for message in gate(asked, engines(busy, gone, 2))]

    assert got == SAID
    assert gate.passed_over == {("a", "RESOURCE_EXHAUSTED"): 1, ("b", "UNAVAILABLE"): 1}
    assert asked.usage is None


async def test_the_last_one_has_the_last_word() -> None:
    gate = Alternatives(lambda _: ["a", "b"])

    with pytest.raises(Unavailable, match="gone"):
        [message async for message in gate(call(), engines(busy, gone))]


async def test_other_errors_are_the_answer() -> None:
    gate = Alternatives(lambda _: ["a", "b"])

    with pytest.raises(Internal):
        [message async for message in gate(call(), engines(lambda: Internal("broken"), 1))]


async def test_what_has_begun_is_not_begun_again() -> None:
    async def breaks_off(call: Call) -> AsyncGenerator[Message, None]:
        yield SAID[0]
        raise Unavailable("gone")

    gate = Alternatives(lambda _: ["a", "b"])
    stream = gate(call(), breaks_off)

    assert await anext(stream) == SAID[0]
    with pytest.raises(Unavailable):
        await anext(stream)
    assert not gate.passed_over
