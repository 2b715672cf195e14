"""A second replica asked beside one that is slow to begin."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from geminid.engines.pool import Policy, Pool
from geminid.generation import Delta, Generation, Text, Turn

QUESTION = Generation((Turn("user", (Text("Hello"),)),))

Hedging = Callable[..., Awaitable[tuple[Pool, list[Any]]]]


@pytest.fixture
def hedging(pool_of: Any, quick: Policy) -> Hedging:
    """A pool over so many servers that waits for ``seconds``, and gives up on nobody meanwhile."""
    patient = replace(quick, first_event_seconds=30, check_seconds=30)
    return lambda number, seconds=0.1: pool_of(number, replace(patient, hedge_seconds=seconds))


async def working(servers: list[Any], number: int) -> list[Any]:
    """Those that answer a call, once they are so many."""
    async with asyncio.timeout(30):
        while sum(server.active for server in servers) != number:  # noqa: ASYNC110 - servers have no event for it
            await asyncio.sleep(0.01)
    return [server for server in servers if server.active]


async def answer_of(pool: Pool) -> str:
    return "".join([event.text async for event in pool.generate(QUESTION) if isinstance(event, Delta)])


async def test_who_begins_in_time_is_asked_alone(hedging: Hedging) -> None:
    pool, servers = await hedging(2, seconds=5)

    assert await answer_of(pool)

    assert sum(server.asked for server in servers) == 1


@pytest.mark.parametrize("earlier", [0, 1])
async def test_the_earlier_answer_stands_and_the_other_replica_stops(hedging: Hedging, earlier: int) -> None:
    """Of the two, one was asked first, and either may be the one."""
    pool, servers = await hedging(2)
    for server in servers:
        server.becomes("hung")
    asking = asyncio.create_task(answer_of(pool))
    await working(servers, 2)

    servers[earlier].becomes("ok")

    assert await asking == "".join(f" {word}" for word in range(10))

    await working(servers, 0)
    assert [server.asked for server in servers] == [1, 1]


async def test_where_both_fail_a_third_is_asked(hedging: Hedging) -> None:
    pool, servers = await hedging(3)
    for server in servers:
        server.pause = 2
    asking = asyncio.create_task(answer_of(pool))
    both = await working(servers, 2)
    for server in servers:
        server.pause = 0.005

    for server in both:
        server.becomes("dead")

    assert await asking

    assert [server.asked for server in servers] == [1, 1, 1]


async def test_who_leaves_meanwhile_leaves_nothing_behind(hedging: Hedging) -> None:
    pool, servers = await hedging(2)
    for server in servers:
        server.becomes("hung")
    asking = asyncio.create_task(answer_of(pool))
    await working(servers, 2)

    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    await working(servers, 0)
    assert [replica.calls for replica in pool.replicas] == [0, 0]
