"""What runs at the same time, counted by servers together: several ``SharedCount`` on one database."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from geminid.errors import Unavailable
from geminid.gates.at_once import LEASE, LocalCount, SharedCount
from geminid.gates.reach import Reach


@dataclass
class Database:
    """``records.Shares`` in memory, which can be away, and a clock that is moved by hand."""

    now: dt.datetime = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    away: bool = False
    asked: int = 0
    rows: dict[tuple[str, str], tuple[int, dt.datetime]] = field(default_factory=dict)

    async def hold(
        self, key: str, holder: str, wanted: int, *, limit: int, now: dt.datetime, until: dt.datetime
    ) -> int:
        await self._answer()
        others = sum(
            places
            for (of, who), (places, end) in self.rows.items()
            if (of, who != holder) == (key, True) and end > now
        )
        places = max(0, min(wanted, limit - others))
        self.rows[key, holder] = places, until
        if not places:
            del self.rows[key, holder]
        return places

    async def prolong(self, holder: str, *, now: dt.datetime, until: dt.datetime) -> None:
        await self._answer()
        rows = {key: (places, until if key[1] == holder else end) for key, (places, end) in self.rows.items()}
        self.rows = {key: row for key, row in rows.items() if row[1] > now}

    async def _answer(self) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        if self.away:
            raise Unavailable("away")

    @property
    def places(self) -> int:
        return sum(places for places, _ in self.rows.values())


class World:
    def __init__(self) -> None:
        self.database = Database()
        self.counts: list[SharedCount] = []

    def server(self, *, alone: bool = True) -> SharedCount:
        reach = Reach(clock=lambda: self.database.now.timestamp())
        count = SharedCount(self.database, reach, alone=alone, clock=lambda: self.database.now)
        self.counts.append(count)
        return count

    def wait(self, time: dt.timedelta) -> None:
        self.database.now += time


@pytest.fixture
async def world() -> AsyncIterator[World]:
    here = World()
    yield here
    for count in here.counts:
        await count.aclose()


async def enter(count: SharedCount | LocalCount, times: int = 1, limit: int = 4) -> int:
    """How many are let in of so many that come together."""
    return sum(await asyncio.gather(*(count.enter("k", limit) for _ in range(times))))


@pytest.mark.parametrize("times", [1, 3])
async def test_a_server_alone_lets_in_as_many_as_may_run(times: int) -> None:
    count = LocalCount()

    assert await enter(count, 6) == 4
    for _ in range(times):
        count.leave("k")
    assert await enter(count, 6) == times
    assert await count.enter("other", 1)


async def test_servers_let_in_no_more_together(world: World) -> None:
    one, two = world.server(), world.server()

    assert await enter(one, 3) == 3
    assert await enter(two, 3) == 1
    assert await enter(one, 1) == 0
    one.leave("k")
    await one.aclose()

    assert await enter(two, 2) == 1
    assert world.database.places == 4


async def test_those_who_come_together_are_asked_for_together(world: World) -> None:
    count = world.server()

    assert await enter(count, 100, limit=1000) == 100

    assert world.database.asked <= 3


async def test_nothing_is_left_when_all_have_left(world: World) -> None:
    count = world.server()
    await enter(count, 4)

    for _ in range(4):
        count.leave("k")
    await count.aclose()

    assert world.database.rows == {}


async def test_the_places_of_a_server_that_was_killed_come_back(world: World) -> None:
    killed, other = world.server(), world.server()
    await enter(killed, 4)

    world.wait(LEASE / 2)
    assert await enter(other) == 0
    world.wait(LEASE / 2)

    assert await enter(other, 5) == 4


async def test_a_server_that_is_there_keeps_its_places(world: World) -> None:
    busy, other = world.server(), world.server()
    await enter(busy, 4)

    for _ in range(10):
        world.wait(LEASE / 3)
        await busy.prolong()

    assert await enter(other) == 0


async def test_who_leaves_while_it_is_asked_for_holds_nothing(world: World) -> None:
    count = world.server()
    asking = asyncio.create_task(count.enter("k", 4))
    await asyncio.sleep(0)

    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking
    await count.aclose()

    assert world.database.rows == {}


async def test_a_server_counts_for_itself_while_the_database_is_away(world: World) -> None:
    count = world.server()
    world.database.away = True

    assert await enter(count, 6) == 4
    count.leave("k")

    assert await enter(count, 6) == 1


async def test_a_server_that_may_not_refuses(world: World) -> None:
    count = world.server(alone=False)
    world.database.away = True

    with pytest.raises(Unavailable):
        await count.enter("k", 4)


async def test_what_could_not_be_told_is_told_when_the_database_is_back(world: World) -> None:
    left, stays = world.server(), world.server()
    await enter(left, 2)
    await enter(stays, 1)
    world.database.away = True
    left.leave("k")
    await enter(stays, 1)
    for count in (left, stays):
        await count.aclose()
    world.wait(LEASE * 2)
    world.database.rows.clear()  # as others do who reach it

    world.database.away = False
    for count in (left, stays):
        await count.prolong()
        await count.aclose()

    assert world.database.places == 3


@pytest.mark.parametrize("seed", range(10))
async def test_no_more_run_than_may_whoever_leaves_and_whenever(world: World, seed: int) -> None:
    chance = random.Random(seed)
    servers = [world.server() for _ in range(3)]
    running = most = 0

    async def call(server: SharedCount) -> None:
        nonlocal running, most
        if not await server.enter("k", 5):
            return
        try:
            running += 1
            most = max(most, running)
            for _ in range(chance.randrange(5)):
                await asyncio.sleep(0)
        finally:
            running -= 1
            server.leave("k")

    tasks = []
    for _ in range(300):
        tasks.append(asyncio.create_task(call(chance.choice(servers))))
        if chance.random() < 0.3:
            chance.choice(tasks).cancel()
        if chance.random() < 0.5:
            await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)
    for server in servers:
        await server.aclose()

    assert 1 < most <= 5
    assert (running, world.database.rows) == (0, {})
