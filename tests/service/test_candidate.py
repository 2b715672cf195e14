"""What holds of an answer whatever the engine does: the promises of a request are kept, or broken with a word."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeAlias

import msgspec
import pytest

from geminid.call import Call
from geminid.engines.base import Capabilities
from geminid.engines.scripted import Scripted
from geminid.errors import Unimplemented
from geminid.generation import (
    Called,
    Delta,
    Event,
    Finish,
    FinishReason,
    FunctionCall,
    Generation,
)
from geminid.service.generative import PredictionService
from geminid.wire import json
from geminid.wire.generation import Candidate, GenerateContentRequest, GenerateContentResponse

SCHEMA = {"type": "OBJECT", "properties": {"a": {"type": "INTEGER"}}, "required": ["a"]}
AS_JSON = {"generationConfig": {"responseMimeType": "application/json", "responseSchema": SCHEMA}}
TOOL = {"tools": {"functionDeclarations": {"name": "f", "parameters": SCHEMA}}}
ANY = TOOL | {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}


class Careless(Scripted):
    """A model server that takes no notice of what it does not know."""

    def __init__(self, *events: Event) -> None:
        super().__init__()
        self._events = events

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(context_tokens=1000)

    async def generate(self, generation: Generation) -> AsyncGenerator[Event, None]:
        for event in self._events:
            yield event


Answer: TypeAlias = Callable[..., Awaitable[Candidate]]


@pytest.fixture
def answer(service_of: Callable[..., PredictionService]) -> Answer:
    """Asks an engine; keywords are fields of the request."""

    async def answer(engine: Careless, **fields: Any) -> Candidate:
        body = {"contents": {"parts": {"text": "Hello"}}, **fields}
        request = json.decode(GenerateContentRequest, msgspec.json.encode(body))
        request.model = "publishers/google/models/gemini-2.0-flash"
        call = Call("x.X", request, dt.datetime.now(dt.UTC), "test")
        (whole,) = [one async for one in service_of(engine).generate_content(call)]
        assert isinstance(whole, GenerateContentResponse)
        return whole.candidates[0]

    return answer


def said(text: str, reason: FinishReason = FinishReason.STOP) -> Careless:
    return Careless(Delta(text), Finish(reason))


async def test_an_answer_that_validates_passes(answer: Answer) -> None:
    candidate = await answer(said('{"a": 1}'), **AS_JSON)

    assert candidate.content
    assert candidate.content.parts[0].text == '{"a": 1}'


@pytest.mark.parametrize("text", ['{"a": "one"}', "Sure! Here is your JSON:", "{}"])
async def test_an_answer_that_does_not_validate_is_an_error_that_names_the_field(
    text: str, answer: Answer
) -> None:
    with pytest.raises(
        Unimplemented, match=r"`generation_config\.response_schema` is not supported by the model server"
    ):
        await answer(said(text), **AS_JSON)


async def test_an_answer_that_ran_out_of_tokens_is_told_as_such(answer: Answer) -> None:
    candidate = await answer(said('{"a":', FinishReason.MAX_TOKENS), **AS_JSON)

    assert candidate.finish_reason
    assert candidate.finish_reason.name == "MAX_TOKENS"


async def test_mode_any_without_a_call_is_an_error_that_names_the_field(answer: Answer) -> None:
    with pytest.raises(Unimplemented, match=r"`tool_config\.function_calling_config\.mode`"):
        await answer(said("I would rather talk."), **ANY)


@pytest.mark.parametrize(
    "call",
    [FunctionCall("g", {"a": 1}), FunctionCall("f", {"a": "one"})],
    ids=["unknown function", "bad arguments"],
)
async def test_a_call_that_may_not_be_made_is_malformed(call: FunctionCall, answer: Answer) -> None:
    candidate = await answer(Careless(Called(call), Finish(FinishReason.STOP)), **ANY)

    assert candidate.content
    assert candidate.content.parts == []
    assert candidate.finish_reason
    assert candidate.finish_reason.name == "MALFORMED_FUNCTION_CALL"
    assert (candidate.finish_message or "").startswith("Malformed function call: ")


async def test_a_call_that_may_be_made_is_made(answer: Answer) -> None:
    candidate = await answer(Careless(Called(FunctionCall("f", {"a": 1})), Finish(FinishReason.STOP)), **ANY)

    assert candidate.content
    call = candidate.content.parts[0].function_call
    assert call
    assert (call.name, call.args) == ("f", {"a": 1})
