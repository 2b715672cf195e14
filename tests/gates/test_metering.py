from __future__ import annotations

import asyncio
import datetime as dt
import time
from contextlib import aclosing

import pytest

from geminid.call import Call, Principal, Stream
from geminid.errors import Code, Unavailable
from geminid.gates.observe import Observe
from geminid.generation import FinishReason, Usage
from geminid.storage.records import UsageRecord
from geminid.wire.generation import (
    BlockedReason,
    GenerateContentRequest,
    GenerateContentResponse,
    Modality,
    ModalityTokenCount,
    PromptFeedback,
    UsageMetadata,
)
from geminid.wire.message import Message
from geminid.wire.tokens import CountTokensRequest, CountTokensResponse

RECEIVED = dt.datetime(2026, 11, 22, 10, 0, tzinfo=dt.UTC)


def a_call(request: Message | None = None, rpc: str = "GenerateContent") -> Call:
    return Call(
        f"google.cloud.aiplatform.v1.PredictionService.{rpc}",
        request or GenerateContentRequest(),
        RECEIVED,
        "test",
        resource="projects/p/locations/l/publishers/google/models/gemini-2.5-flash",
        principal=Principal("me@p.iam.gserviceaccount.com", "p", "service_account"),
        started=time.monotonic(),
    )


def usage() -> UsageMetadata:
    return UsageMetadata(
        prompt_token_count=270,
        candidates_token_count=30,
        total_token_count=305,
        cached_content_token_count=100,
        thoughts_token_count=5,
        prompt_tokens_details=[
            ModalityTokenCount(modality=Modality.IMAGE, token_count=258),
            ModalityTokenCount(modality=Modality.TEXT, token_count=12),
        ],
    )


async def answers(call: Call) -> Stream:
    call.model = "gemini-2.5-flash"
    call.first_token = time.monotonic()
    yield GenerateContentResponse()
    call.finish = FinishReason.STOP
    call.usage = Usage(299, 30)
    yield GenerateContentResponse(usage_metadata=usage())


async def fails(call: Call) -> Stream:
    yield GenerateContentResponse(usage_metadata=UsageMetadata())
    call.usage = Usage(20, 3, 4, 1)
    raise Unavailable("gone")


async def hangs(call: Call) -> Stream:
    yield GenerateContentResponse()
    await asyncio.Event().wait()


async def blocked(call: Call) -> Stream:
    yield GenerateContentResponse(
        prompt_feedback=PromptFeedback(block_reason=BlockedReason.SAFETY),
        usage_metadata=UsageMetadata(prompt_token_count=7, total_token_count=7),
    )


async def counts(call: Call) -> Stream:
    yield CountTokensResponse(total_tokens=12)


async def breaks(call: Call) -> Stream:
    yield GenerateContentResponse()
    raise ValueError


@pytest.fixture
def records() -> list[UsageRecord]:
    return []


@pytest.fixture
def metering(records: list[UsageRecord]) -> Observe:
    return Observe(records.append)


async def drain(stream: Stream) -> None:
    async for _ in stream:
        pass


async def test_a_call_gives_one_record(metering: Observe, records: list[UsageRecord]) -> None:
    await drain(metering(a_call(), answers))

    (record,) = records
    assert (record.time, record.project, record.principal) == (RECEIVED, "p", "me@p.iam.gserviceaccount.com")
    assert (record.model, record.method) == ("gemini-2.5-flash", "GenerateContent")
    assert (record.code, record.finish) == ("OK", "STOP")
    assert record.first_token_seconds is not None
    assert 0 <= record.first_token_seconds <= record.seconds < 10


async def test_it_counts_what_the_client_was_told(metering: Observe, records: list[UsageRecord]) -> None:
    await drain(metering(a_call(), answers))

    (record,) = records
    assert record.prompt == {"IMAGE": 258, "TEXT": 12}
    assert record.output == {"TEXT": 30}
    assert (record.cached, record.thoughts) == ({"": 100}, 5)


async def test_the_record_is_there_before_the_stream_is_known_to_have_ended(
    metering: Observe, records: list[UsageRecord]
) -> None:
    stream = metering(a_call(), answers)
    await anext(stream)
    await anext(stream)

    with pytest.raises(StopAsyncIteration):
        await anext(stream)

    assert len(records) == 1


async def test_a_failure_has_its_code_and_what_was_processed(
    metering: Observe, records: list[UsageRecord]
) -> None:
    with pytest.raises(Unavailable):
        await drain(metering(a_call(), fails))

    (record,) = records
    assert (record.code, record.finish) == ("UNAVAILABLE", "")
    assert (record.prompt, record.output, record.cached, record.thoughts) == (
        {"TEXT": 20},
        {"TEXT": 3},
        {"TEXT": 4},
        1,
    )


async def test_a_stream_that_is_left_is_cancelled(metering: Observe, records: list[UsageRecord]) -> None:
    async with aclosing(metering(a_call(), hangs)) as stream:
        await anext(stream)

    assert [(record.code, record.prompt) for record in records] == [("CANCELLED", {})]


async def test_a_defect_is_internal(metering: Observe, records: list[UsageRecord]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any text
        await drain(metering(a_call(), breaks))

    assert [record.code for record in records] == ["INTERNAL"]


async def test_a_prompt_that_is_blocked_says_why(metering: Observe, records: list[UsageRecord]) -> None:
    await drain(metering(a_call(), blocked))

    (record,) = records
    assert (record.code, record.finish, record.prompt) == ("OK", "SAFETY", {"TEXT": 7})


async def test_methods_that_generate_nothing_use_nothing(metering: Observe, records: list[UsageRecord]) -> None:
    await drain(metering(a_call(CountTokensRequest(), "CountTokens"), counts))

    (record,) = records
    assert (record.method, record.prompt, record.output) == ("CountTokens", {}, {})


async def test_labels_are_recorded(metering: Observe, records: list[UsageRecord]) -> None:
    await drain(metering(a_call(GenerateContentRequest(labels={"team": "research"})), answers))

    assert records[0].labels == {"team": "research"}


async def test_labels_that_are_refused_are_not(metering: Observe, records: list[UsageRecord]) -> None:
    with pytest.raises(Unavailable):
        await drain(metering(a_call(GenerateContentRequest(labels={"Team\0": "x"})), fails))

    assert records[0].labels == {}


async def test_no_two_records_have_one_id(records: list[UsageRecord]) -> None:
    gates = [Observe(records.append) for _ in range(2)]

    for _ in range(50):
        for gate in gates:
            await drain(gate(a_call(), counts))

    assert len({record.id for record in records}) == 100


async def test_what_a_path_names_is_kept_as_it_can_be(metering: Observe, records: list[UsageRecord]) -> None:
    call = a_call()
    call.resource = "projects/a\0\ud800b/locations/l/publishers/google/models/m"

    await drain(metering(call, counts))

    assert records[0].project == "a\\x00\\ud800b"


async def test_a_call_of_nobody_leaves_no_record(metering: Observe, records: list[UsageRecord]) -> None:
    call = a_call()
    call.principal = None

    with pytest.raises(Unavailable):
        await drain(metering(call, fails))

    assert records == []
    assert metering.ended == {Code.UNAVAILABLE: 1}


async def test_what_was_cached_is_told_by_modality(metering: Observe, records: list[UsageRecord]) -> None:
    told = usage()
    told.cache_tokens_details = [
        ModalityTokenCount(modality=Modality.IMAGE, token_count=88),
        ModalityTokenCount(modality=Modality.TEXT, token_count=12),
    ]

    async def caches(call: Call) -> Stream:
        yield GenerateContentResponse(usage_metadata=told)

    await drain(metering(a_call(), caches))

    assert records[0].cached == {"IMAGE": 88, "TEXT": 12}


async def test_without_a_project_in_the_path_it_is_that_of_the_caller(
    metering: Observe, records: list[UsageRecord]
) -> None:
    call = a_call()
    call.resource = "models/gemini-2.5-flash"

    await drain(metering(call, counts))

    assert records[0].project == "p"
