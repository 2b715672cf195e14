from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from geminid.call import Call, Principal, Stream, chain
from geminid.errors import (
    ApiError,
    Help,
    InvalidArgument,
    QuotaFailure,
    QuotaViolation,
    ResourceExhausted,
    RetryInfo,
    Unavailable,
)
from geminid.gates.local_buckets import LocalBuckets
from geminid.gates.quotas import Limits, Quotas, Rule, limits_of
from geminid.generation import Usage
from geminid.wire.content import Content, Part
from geminid.wire.generation import GenerateContentRequest, GenerateContentResponse

VERTEX = "google.cloud.aiplatform.v1.PredictionService.GenerateContent"
DEVELOPER = "google.ai.generativelanguage.v1beta.GenerativeService.GenerateContent"
REQUESTS_TEXT = (
    "Quota exceeded for aiplatform.googleapis.com/generate_content_requests_per_minute_per_project_per_base_model "
    "with base model: gemini-1.5-flash. Please submit a quota increase request. "
    "https://cloud.google.com/vertex-ai/docs/generative-ai/quotas-genai."
)
DEVELOPER_TEXT = (
    "You exceeded your current quota, please check your plan and billing details. For more information on this "
    "error, head to: https://ai.google.dev/gemini-api/docs/rate-limits. \n* Quota exceeded for metric: "
    "generativelanguage.googleapis.com/generate_content_paid_tier_requests, limit: 60, model: gemini-1.5-flash\n"
    "Please retry in 1s."
)


def a_call(text: str = "x" * 40, project: str = "p", method: str = VERTEX) -> Call:
    request = GenerateContentRequest(contents=[Content(parts=[Part(text=text)])])
    resource = f"projects/{project}/locations/l/publishers/google/models/gemini-1.5-flash-002"
    return Call(method, request, dt.datetime.now(dt.UTC), "test", resource=resource)


class World:
    """The gate with a clock that is moved by hand, before a handler that says what a call used."""

    def __init__(self) -> None:
        self.now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        self.usage: Usage | None = Usage(10, 0)
        self.error: ApiError | None = None
        self.messages = 1
        self.buckets = LocalBuckets()
        self.gates: list[Quotas] = []

    def limited(self, *rules: Rule, burst_seconds: float = 1.0, **limits: int) -> Quotas:
        gate = Quotas(
            rules or [Rule(Limits(**limits))],
            self.buckets,
            lambda call: "gemini-1.5-flash",
            burst_seconds=burst_seconds,
            clock=lambda: self.now,
        )
        self.gates.append(gate)
        return gate

    def wait(self, seconds: float) -> None:
        self.now += dt.timedelta(seconds=seconds)

    async def answers(self, call: Call) -> Stream:
        for _ in range(self.messages):
            yield GenerateContentResponse()
        if self.error:
            raise self.error
        call.usage = self.usage

    async def ask(self, gate: Quotas, call: Call) -> None:
        """Reads the whole answer, and returns when it is settled."""
        try:
            async with aclosing(chain([gate], self.answers)(call)) as stream:
                async for _ in stream:
                    pass
        finally:
            await gate.aclose()

    async def passes(self, gate: Quotas, call: Call) -> bool:
        try:
            await self.ask(gate, call)
        except ResourceExhausted:
            return False
        return True


@pytest.fixture
async def world() -> AsyncIterator[World]:
    here = World()
    yield here
    for gate in here.gates:
        await gate.aclose()


async def refusal(world: World, gate: Quotas, call: Call) -> ResourceExhausted:
    with pytest.raises(ResourceExhausted) as caught:
        await world.ask(gate, call)
    return caught.value


async def test_the_text_is_that_of_vertex_with_the_time_to_retry(world: World) -> None:
    gate = world.limited(requests_per_minute=60)
    await world.ask(gate, a_call())
    world.wait(0.25)

    error = await refusal(world, gate, a_call())

    assert error.message == REQUESTS_TEXT
    assert error.details == (RetryInfo(0.75),)
    assert error.details[0].fields() == {"retryDelay": "0.75s"}


async def test_the_developer_api_tells_what_was_exceeded(world: World) -> None:
    gate = world.limited(requests_per_minute=60)
    await world.ask(gate, a_call(method=DEVELOPER))

    error = await refusal(world, gate, a_call(method=DEVELOPER))

    metric = "generativelanguage.googleapis.com/generate_content_paid_tier_requests"
    quota_id = "GenerateRequestsPerMinutePerProjectPerModel"
    dimensions = {"location": "global", "model": "gemini-1.5-flash"}
    assert error.message == DEVELOPER_TEXT
    assert error.details == (
        QuotaFailure([QuotaViolation(metric, quota_id, 60, dimensions)]),
        Help("Learn more about Gemini API quotas", "https://ai.google.dev/gemini-api/docs/rate-limits"),
        RetryInfo(1.0),
    )


@pytest.mark.parametrize("every", [0.001, 0.01, 0.0317])
async def test_of_a_flood_as_many_pass_as_the_limit_says(world: World, every: float) -> None:
    gate = world.limited(requests_per_minute=600)

    passed = 0
    for _ in range(round(60 / every)):
        passed += await world.passes(gate, a_call())
        world.wait(every)

    assert passed == pytest.approx(600, rel=0.02)


async def test_servers_that_share_buckets_share_the_limit(world: World) -> None:
    gates = [world.limited(requests_per_minute=600) for _ in range(4)]

    passed = 0
    for number in range(6000):
        passed += await world.passes(gates[number % 4], a_call())
        world.wait(0.01)

    assert passed == pytest.approx(600, rel=0.02)


async def test_who_waits_as_long_as_it_was_told_passes(world: World) -> None:
    gate = world.limited(requests_per_minute=7)
    await world.ask(gate, a_call())

    error = await refusal(world, gate, a_call())
    (retry,) = error.details
    assert isinstance(retry, RetryInfo)
    world.wait(retry.seconds)

    assert await world.passes(gate, a_call())


async def test_projects_do_not_share_a_limit(world: World) -> None:
    gate = world.limited(requests_per_minute=1)

    assert await world.passes(gate, a_call(project="p"))
    assert await world.passes(gate, a_call(project="q"))
    assert not await world.passes(gate, a_call(project="p"))


async def test_the_project_is_the_callers_where_the_resource_names_none(world: World) -> None:
    gate = world.limited(requests_per_minute=1)

    for project, passes in (("p", True), ("q", True), ("p", False)):
        call = a_call()
        call.resource, call.principal = "models/m", Principal("key", project)
        assert await world.passes(gate, call) is passes


async def test_tokens_are_charged_before_and_settled_after(world: World) -> None:
    gate = world.limited(tokens_per_minute=6000)  # 100 a second
    world.usage = Usage(10, 390)

    await world.ask(gate, a_call())
    world.wait(3)
    error = await refusal(world, gate, a_call())

    assert "generate_content_input_tokens_per_minute_per_base_model" in error.message
    assert error.details == (RetryInfo(0.1),)
    world.wait(0.1)
    assert await world.passes(gate, a_call())


async def test_the_estimate_is_given_back_where_it_was_too_much(world: World) -> None:
    gate = world.limited(tokens_per_minute=6000)
    world.usage = Usage(1, 1)

    for _ in range(10):
        await world.ask(gate, a_call("x" * 320))


async def test_what_failed_before_it_began_costs_nothing(world: World) -> None:
    gate = world.limited(tokens_per_minute=6000)
    world.messages, world.error = 0, InvalidArgument("no")

    for _ in range(20):
        with pytest.raises(InvalidArgument):
            await world.ask(gate, a_call("x" * 320))


async def test_who_leaves_pays_for_what_was_said(world: World) -> None:
    gate = world.limited(tokens_per_minute=6000)
    world.messages = 1000

    async with aclosing(chain([gate], world.answers)(a_call())) as stream:
        for _ in range(500):
            await anext(stream)
    await gate.aclose()

    error = await refusal(world, gate, a_call())
    assert error.details == (RetryInfo(4.2),)


async def test_a_prompt_beyond_the_burst_passes_and_is_owed(world: World) -> None:
    gate = world.limited(tokens_per_minute=6000)
    world.usage = Usage(1000, 0)

    await world.ask(gate, a_call("x" * 4000))
    error = await refusal(world, gate, a_call())

    assert error.details == (RetryInfo(9.1),)


async def test_who_has_no_tokens_left_is_not_charged_for_the_request(world: World) -> None:
    gate = world.limited(tokens_per_minute=60, requests_per_minute=60)
    world.usage = Usage(10, 0)
    await world.ask(gate, a_call())
    world.wait(9)

    for _ in range(5):
        error = await refusal(world, gate, a_call())
        assert "tokens_per_minute" in error.message


async def test_so_many_at_once_and_no_more() -> None:
    end = asyncio.Event()

    async def hangs(call: Call) -> Stream:
        yield GenerateContentResponse()
        await end.wait()

    gate = Quotas([Rule(Limits(concurrent_requests=2))], LocalBuckets(), lambda call: "m")
    handler = chain([gate], hangs)
    streams = [handler(a_call()) for _ in range(2)]
    for stream in streams:
        await anext(stream)

    with pytest.raises(ResourceExhausted, match="error-code-429") as caught:
        await anext(handler(a_call()))
    await anext(other := handler(a_call(project="q")))
    await streams[0].aclose()
    await anext(next_one := handler(a_call()))

    assert caught.value.details == (RetryInfo(1),)
    for stream in (streams[1], other, next_one):
        await stream.aclose()
    for stream in [handler(a_call()), handler(a_call())]:
        await anext(stream)
        await stream.aclose()


async def test_buckets_out_of_reach_fail_a_call_before_it_begins_and_never_after(world: World) -> None:
    class Gone(LocalBuckets):
        async def settle(
            self, key: str, amount: float, *, per_minute: float, burst: float, now: dt.datetime
        ) -> None:
            raise Unavailable("gone")

    world.buckets = Gone()
    gate = world.limited(tokens_per_minute=60)

    assert await world.passes(gate, a_call())


async def test_without_limits_everything_passes(world: World) -> None:
    gate = world.limited(Rule(Limits(requests_per_minute=1), project="other"))

    assert all([await world.passes(gate, a_call()) for _ in range(100)])
    assert len(world.buckets) == 0


ANY = Rule(Limits(600, 1_000_000, 10))
PRO = Rule(Limits(requests_per_minute=60), model="gemini-1.5-pro")
BATCH = Rule(Limits(tokens_per_minute=5), project="batch")
BATCH_PRO = Rule(Limits(requests_per_minute=1), project="batch", model="gemini-1.5-pro")


@pytest.mark.parametrize(
    ("project", "model", "limits"),
    [
        ("p", "gemini-1.5-flash", Limits(600, 1_000_000, 10)),
        ("p", "gemini-1.5-pro", Limits(60, 1_000_000, 10)),
        ("batch", "gemini-1.5-flash", Limits(600, 5, 10)),
        ("batch", "gemini-1.5-pro", Limits(1, 5, 10)),
    ],
)
def test_each_limit_comes_from_the_last_rule_that_has_it(project: str, model: str, limits: Limits) -> None:
    assert limits_of([ANY, PRO, BATCH, BATCH_PRO], project, model) == limits


async def test_a_model_that_is_not_known_is_refused_as_by_the_service() -> None:
    def unknown(call: Call) -> str:
        raise InvalidArgument("which model?")

    gate = Quotas([ANY], LocalBuckets(), unknown)

    with pytest.raises(InvalidArgument, match="which model"):
        await anext(chain([gate], World().answers)(a_call()))
