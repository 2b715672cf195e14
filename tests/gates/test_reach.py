"""A database that is away, asked through ``Reach``: by hand, and with a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from geminid.errors import Unavailable
from geminid.gates.local_buckets import LocalBuckets
from geminid.gates.reach import Reach
from geminid.gates.shared_buckets import SharedBuckets

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class Database(LocalBuckets):
    """Answers, refuses, or is silent; knows how often it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.away = self.silent = False
        self.asked = 0
        self.time = 0.0

    async def answer(self) -> int:
        self.asked += 1
        if self.silent:
            await asyncio.Event().wait()
        if self.away:
            raise Unavailable("away")
        return self.asked

    async def take(self, key: str, amount: float, *, per_minute: float, burst: float, now: dt.datetime) -> float:
        await self.answer()
        return await super().take(key, amount, per_minute=per_minute, burst=burst, now=now)

    async def settle(self, key: str, amount: float, *, per_minute: float, burst: float, now: dt.datetime) -> None:
        await self.answer()
        await super().settle(key, amount, per_minute=per_minute, burst=burst, now=now)


@pytest.fixture
def database() -> Database:
    return Database()


@pytest.fixture
def reach(database: Database) -> Reach:
    return Reach(seconds=0.01, clock=lambda: database.time)


async def test_what_it_answers_is_told(database: Database, reach: Reach) -> None:
    assert await reach.ask(database.answer) == 1


async def test_after_a_failure_it_is_left_alone_for_a_second(database: Database, reach: Reach) -> None:
    database.away = True
    for _ in range(5):
        with pytest.raises(Unavailable):
            await reach.ask(database.answer)
    assert database.asked == 1

    database.away, database.time = False, 1.0
    assert await reach.ask(database.answer) == 2
    assert await reach.ask(database.answer) == 3


async def test_nobody_waits_long_for_one_that_is_silent(database: Database, reach: Reach) -> None:
    database.silent = True

    async with asyncio.timeout(5):
        with pytest.raises(Unavailable):
            await reach.ask(database.answer)
        await reach.aclose()


async def test_one_finds_out_whether_it_is_back_while_the_others_go_on(database: Database) -> None:
    reach = Reach(clock=lambda: database.time)
    database.away = True
    with pytest.raises(Unavailable):
        await reach.ask(database.answer)
    database.silent, database.time = True, 1.0

    first = asyncio.create_task(reach.ask(database.answer))
    await asyncio.sleep(0)
    for _ in range(5):
        with pytest.raises(Unavailable):
            await reach.ask(database.answer)

    assert database.asked <= 2
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await reach.aclose()


async def test_who_leaves_while_it_is_asked_leaves_nothing_behind(database: Database, reach: Reach) -> None:
    database.silent = True
    asking = asyncio.create_task(reach.ask(database.answer))
    await asyncio.sleep(0)

    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    await reach.aclose()


async def take(buckets: SharedBuckets, amount: float = 1, after: float = 0, key: str = "k") -> float:
    now = NOW + dt.timedelta(seconds=after)
    return await buckets.take(key, amount, per_minute=60, burst=2, now=now)


async def test_a_server_counts_for_itself_while_the_shared_buckets_are_away(
    database: Database, reach: Reach
) -> None:
    buckets = SharedBuckets(database, LocalBuckets(), reach)
    assert await take(buckets) == 0

    database.away = True
    assert [await take(buckets) for _ in range(3)] == [0, 0, pytest.approx(1)]
    await buckets.settle("k", 1, per_minute=60, burst=2, now=NOW)
    assert await take(buckets) == pytest.approx(2)

    database.away, database.time = False, 1.0
    assert [await take(buckets) for _ in range(2)] == [0, pytest.approx(1)]


async def test_a_flood_that_is_refused_does_not_reach_the_database(database: Database, reach: Reach) -> None:
    buckets = SharedBuckets(database, None, reach)
    assert await take(buckets, 2) == 0

    assert [await take(buckets, 1, after=0.01 * number) for number in range(20)] == [
        pytest.approx(1 - 0.01 * number) for number in range(20)
    ]
    assert database.asked == 2
    assert await take(buckets, 1, after=0.3) == pytest.approx(0.7)
    assert await take(buckets, 0.4, after=0.4) == 0
    assert await take(buckets, 1, after=0.4, key="other") == 0
    assert database.asked == 5


async def test_refusals_of_many_names_take_little_memory(database: Database, reach: Reach) -> None:
    buckets = SharedBuckets(database, None, reach)

    for number in range(5000):
        await take(buckets, 2, key=str(number))
        assert await take(buckets, 1, key=str(number)) == pytest.approx(1)

    assert await take(buckets, 1, key="0") == pytest.approx(1)


async def test_without_buckets_of_its_own_nothing_passes(database: Database, reach: Reach) -> None:
    buckets = SharedBuckets(database, None, reach)
    database.away = True

    with pytest.raises(Unavailable):
        await take(buckets)
    with pytest.raises(Unavailable):
        await buckets.settle("k", 1, per_minute=60, burst=2, now=NOW)
