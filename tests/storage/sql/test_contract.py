"""What ``records.py`` promises of usage and buckets, held by both databases."""

from __future__ import annotations

import asyncio
import datetime as dt
import math
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import pytest
from msgspec.structs import replace

from geminid.storage.records import UNTOLD, Buckets, UsageRecord, UsageRecords
from geminid.storage.sql.database import Database

NOW = dt.datetime(2026, 11, 21, 12, 0, 0, 123_456, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
SECOND = dt.timedelta(seconds=1)
TICK = dt.timedelta(microseconds=1)
HOSTILE = "NUL \0, half a pair \ud800, a backslash \\0000, '; DROP TABLE buckets; --, 😀"

USAGE = UsageRecord(
    id="r1",
    time=NOW,
    project="p",
    principal="me@p.iam.gserviceaccount.com",
    model="gemini-2.0-flash",
    method="GenerateContent",
    code="OK",
    finish="STOP",
    labels={"team": "search"},
    prompt={"TEXT": 12, "IMAGE": 258},
    output={"TEXT": 7},
    cached={"IMAGE": 3},
    thoughts=5_000_000_000,
    seconds=1.25,
    first_token_seconds=0.1,
)


# Usage.


async def everything(usage: UsageRecords, **times: dt.datetime) -> list[UsageRecord]:
    return [record async for batch in usage.read(**times) for record in batch]


async def test_usage_is_read_as_it_was_added(database: Database) -> None:
    cancelled = UsageRecord("r2", NOW, HOSTILE, HOSTILE, HOSTILE, "m", "CANCELLED", labels={"k": HOSTILE})

    await database.usage_records.add([USAGE, cancelled])

    assert await everything(database.usage_records) == [USAGE, cancelled]


async def test_no_usage_is_no_usage(database: Database) -> None:
    await database.usage_records.add([])

    assert await everything(database.usage_records) == []


async def test_a_record_that_is_added_again_counts_once(database: Database) -> None:
    usage = database.usage_records
    other = replace(USAGE, id="r2", time=NOW + TICK)
    await usage.add([USAGE])

    await usage.add([other, replace(USAGE, thoughts=99), other])

    assert await everything(usage) == [USAGE, other]


async def test_servers_that_add_the_same_do_not_lock_each_other_out(database: Database) -> None:
    records = [replace(USAGE, id=f"{number:03}") for number in range(100)]

    await asyncio.gather(
        *(database.usage_records.add(records if turn % 2 else records[::-1]) for turn in range(8))
    )

    assert await everything(database.usage_records) == records


async def test_usage_is_read_of_a_time_in_its_order(database: Database) -> None:
    records = [replace(USAGE, id=f"r{9 - number}", time=NOW + number * HOUR) for number in range(4)]
    await database.usage_records.add(records[::-1])

    assert await everything(database.usage_records, since=NOW + HOUR, until=NOW + 3 * HOUR) == records[1:3]
    assert await everything(database.usage_records, until=NOW + HOUR) == records[:1]
    assert await everything(database.usage_records, since=NOW + 3 * HOUR) == records[3:]


async def test_much_usage_is_read_in_batches(database: Database) -> None:
    """Of which many are of one moment, so that a batch ends within it."""
    records = [replace(USAGE, id=f"{number:05}", time=NOW + number // 4_000 * TICK) for number in range(12_000)]
    for start in range(0, len(records), 2_000):
        await database.usage_records.add(records[start : start + 2_000])

    batches = [batch async for batch in database.usage_records.read()]

    assert [record for batch in batches for record in batch] == records
    assert max(map(len, batches)) < len(records) / 2


async def test_what_of_a_prompt_was_cached_may_not_be_told_by_modality(database: Database) -> None:
    untold = replace(USAGE, cached={UNTOLD: 3})

    await database.usage_records.add([untold])

    assert await everything(database.usage_records) == [untold]


async def test_old_usage_is_pruned_in_pieces(database: Database) -> None:
    usage = database.usage_records
    await usage.add([replace(USAGE, id=f"old{number}", time=NOW - HOUR) for number in range(5_001)])
    await usage.add([USAGE])

    assert await usage.prune(NOW) == 5_001
    assert await usage.prune(NOW) == 0
    assert await everything(usage) == [USAGE]


# Buckets.

Take: TypeAlias = Callable[..., Awaitable[float]]


@pytest.fixture
def take(database: Database) -> Take:
    """From a bucket that holds 10 and gets 1 a second, ``after`` so many seconds."""

    async def take(amount: float, after: float = 0, **other: float) -> float:
        rates = {"per_minute": 60.0, "burst": 10.0} | other
        return await database.buckets.take("k", amount, now=NOW + dt.timedelta(seconds=after), **rates)

    return take


async def test_a_bucket_starts_full_and_fills_with_time(take: Take) -> None:
    assert await take(10) == 0
    assert await take(4) == pytest.approx(4)
    assert await take(4, after=3) == pytest.approx(1)
    assert await take(4, after=4) == 0
    assert await take(1, after=4) == pytest.approx(1)


async def test_a_bucket_does_not_overflow(take: Take) -> None:
    assert await take(1) == 0
    assert await take(10, after=3600) == 0
    assert await take(1, after=3600) == pytest.approx(1)


async def test_a_refusal_takes_nothing(take: Take) -> None:
    await take(9)

    assert [await take(5) for _ in range(3)] == [pytest.approx(4)] * 3
    assert await take(1) == 0


async def test_more_than_the_bucket_holds_is_owed(take: Take) -> None:
    assert await take(25) == 0
    assert await take(25, after=15) == pytest.approx(10)
    assert await take(1, after=15.5) == pytest.approx(0.5)
    assert await take(1, after=16) == 0


@pytest.mark.parametrize("per_minute", [7, 600, 1e9, 1e-3])
async def test_who_waits_as_long_as_was_said_is_served(take: Take, per_minute: float) -> None:
    await take(10, per_minute=per_minute)
    wait = await take(3, per_minute=per_minute)

    assert await take(3, after=wait, per_minute=per_minute) == 0


async def test_a_bucket_that_does_not_fill_says_so(take: Take) -> None:
    assert await take(10, per_minute=0) == 0
    assert await take(1, per_minute=0) == math.inf


async def test_a_limit_can_be_changed(take: Take) -> None:
    assert await take(1) == 0
    assert await take(3, burst=2.0) == 0
    assert await take(3, burst=2.0, per_minute=120.0) == pytest.approx(1.5)


async def test_a_clock_that_is_behind_neither_fills_nor_empties(take: Take) -> None:
    assert await take(10) == 0
    assert await take(1, after=-60) == pytest.approx(1)
    assert await take(1, after=1) == 0
    assert await take(1, after=-60) == pytest.approx(1)


async def test_buckets_are_apart(database: Database, take: Take) -> None:
    await take(10)

    assert await database.buckets.take(HOSTILE, 10, per_minute=60, burst=10, now=NOW) == 0
    assert await database.buckets.take(HOSTILE, 10, per_minute=60, burst=10, now=NOW) == pytest.approx(10)


async def test_what_is_settled_is_taken_or_given_back(database: Database, take: Take) -> None:
    async def settle(key: str, amount: float) -> None:
        await database.buckets.settle(key, amount, per_minute=60, burst=10, now=NOW)

    await take(10)
    await settle("k", 5)
    assert await take(1) == pytest.approx(6)
    await settle("k", -6)
    assert await take(1) == 0
    await settle("k", -100)
    assert await take(10) == 0
    assert await take(1) == pytest.approx(1)
    await settle("new", 15)
    assert await database.buckets.take("new", 1, per_minute=60, burst=10, now=NOW) == pytest.approx(6)


async def test_full_buckets_are_swept_and_others_are_not(database: Database, take: Take) -> None:
    buckets = database.buckets
    for number in range(3):
        await buckets.take(f"{number} a second", 10, per_minute=60 * number, burst=10, now=NOW)
    await take(25)

    assert await buckets.sweep(NOW + 4.999 * SECOND) == 0
    assert await buckets.sweep(NOW + 5 * SECOND) == 1
    assert await buckets.sweep(NOW + 10 * SECOND) == 1
    assert await take(1, after=10) == pytest.approx(6)
    assert await buckets.sweep(NOW + 25 * SECOND) == 1
    assert await buckets.sweep(NOW + 1000 * HOUR) == 0
    assert (await database.check()).rows["buckets"] == 1


async def test_what_is_settled_puts_off_the_sweep(database: Database, take: Take) -> None:
    await take(5)
    await database.buckets.settle("k", 5, per_minute=60, burst=10, now=NOW + 3 * SECOND)

    assert await database.buckets.sweep(NOW + 9 * SECOND) == 0
    assert await database.buckets.sweep(NOW + 10 * SECOND) == 1


async def test_servers_that_share_a_bucket_take_no_more_than_is_in_it(
    database: Database, url: str, open_: Callable[[str], Awaitable[Database]]
) -> None:
    servers: list[Buckets] = [database.buckets, *[(await open_(url)).buckets for _ in range(2)]]

    waits = await asyncio.gather(
        *(servers[turn % 3].take("k", 1, per_minute=60, burst=20, now=NOW) for turn in range(90))
    )

    assert sum(wait == 0 for wait in waits) == 20


# Shares.


Hold: TypeAlias = Callable[..., Awaitable[int]]


@pytest.fixture
def hold(database: Database) -> Hold:
    """So many of four places of a key, for ten seconds from ``after`` on."""

    async def hold(holder: str, wanted: int, after: float = 0, key: str = "k", limit: int = 4) -> int:
        now = NOW + after * SECOND
        return await database.shares.hold(key, holder, wanted, limit=limit, now=now, until=now + 10 * SECOND)

    return hold


async def test_each_has_what_it_wants_as_far_as_others_leave_it(hold: Hold) -> None:
    assert await hold("a", 3) == 3
    assert await hold("b", 3) == 1
    assert await hold("a", 2) == 2
    assert await hold("b", 3) == 2
    assert await hold("a", 0) == 0
    assert await hold("b", 9) == 4
    assert await hold("b", 9, key=HOSTILE) == 4


async def test_a_limit_that_was_lowered_holds_for_those_who_ask_again(hold: Hold) -> None:
    assert await hold("a", 4) == 4
    assert await hold("b", 1, limit=2) == 0
    assert await hold("a", 4, limit=2) == 2


async def test_places_are_free_again_when_their_time_is_over(hold: Hold) -> None:
    await hold("a", 4)

    assert await hold("b", 1, after=9.999) == 0
    assert await hold("b", 4, after=10) == 4


async def test_places_that_are_prolonged_stay_and_others_are_forgotten(database: Database, hold: Hold) -> None:
    await hold("a", 1)
    await hold("a", 1, key="other")
    await hold("b", 1)

    now = NOW + 10 * SECOND
    await database.shares.prolong("a", now=now, until=now + 10 * SECOND)

    assert (await database.check()).rows["shares"] == 2
    assert await hold("c", 4, after=19) == 3
    assert await hold("c", 4, after=19, key="other") == 3


async def test_servers_that_ask_at_the_same_time_have_no_more_together(
    database: Database, url: str, open_: Callable[[str], Awaitable[Database]]
) -> None:
    servers = [database, await open_(url), await open_(url)]

    for round in range(20):
        until = NOW + 10 * SECOND
        held = await asyncio.gather(
            *(
                server.shares.hold(f"k{round}", str(number), 3, limit=5, now=NOW, until=until)
                for number, server in enumerate(servers)
            )
        )
        assert sum(held) == 5
