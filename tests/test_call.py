from __future__ import annotations

import datetime as dt

from geminid.call import Call, Gate, Handler, Stream, chain
from geminid.wire.generation import GenerateContentRequest, GenerateContentResponse


def a_call() -> Call:
    method = "google.cloud.aiplatform.v1.PredictionService.GenerateContent"
    return Call(method, GenerateContentRequest(), dt.datetime.now(dt.UTC), "test")


async def service(call: Call) -> Stream:
    yield GenerateContentResponse(model_version=call.model)


def noting(name: str) -> Gate:
    """A gate that adds its name to the call on the way in."""

    async def gate(call: Call, proceed: Handler) -> Stream:
        call.model += name
        async for message in proceed(call):
            yield message

    return gate


async def test_gates_run_in_reading_order() -> None:
    handler = chain([noting("a"), noting("b"), noting("c")], service)

    assert [message async for message in handler(a_call())] == [GenerateContentResponse(model_version="abc")]


def test_a_call_knows_its_bare_method() -> None:
    assert a_call().rpc == "GenerateContent"
