"""What ``records.py`` promises, held by both databases."""

from __future__ import annotations

import asyncio
import datetime as dt
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

import pytest

from geminid.errors import AlreadyExists
from geminid.storage.records import Buckets, CachedContentRecord, CachedContents, UsageRecord
from geminid.storage.sql.database import Database

NOW = dt.datetime(2026, 11, 21, 12, 0, 0, 123_456, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
TICK = dt.timedelta(microseconds=1)
HOSTILE = "NUL \0, half a pair \ud800, a backslash \\0000, '; DROP TABLE buckets; --, 😀"

CONTENT = CachedContentRecord("1", "p", "l", "gemini-2.0-flash", NOW, NOW, NOW + HOUR, bytes(range(256)), "Books")
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
    cached=3,
    thoughts=5_000_000_000,
    seconds=1.25,
    first_token_seconds=0.1,
)


@pytest.fixture
def contents(database: Database) -> CachedContents:
    return database.cached_contents


# Cached contents.


async def test_a_content_is_as_it_was_created(contents: CachedContents) -> None:
    await contents.create(CONTENT)

    assert await contents.get("p", "l", "1", NOW) == CONTENT


async def test_any_text_can_be_kept_and_found(contents: CachedContents) -> None:
    hostile = replace(CONTENT, id=HOSTILE, project=HOSTILE, display_name=HOSTILE, body=b"")
    await contents.create(hostile)

    assert await contents.get(HOSTILE, "l", HOSTILE, NOW) == hostile
    assert await contents.get(HOSTILE.replace("\0", "\\0000"), "l", HOSTILE, NOW) is None


async def test_times_of_all_zones_are_those_moments(contents: CachedContents) -> None:
    elsewhere = dt.timezone(dt.timedelta(hours=5, minutes=30))
    await contents.create(replace(CONTENT, created=NOW.astimezone(elsewhere)))

    found = await contents.get("p", "l", "1", NOW.astimezone(elsewhere))

    assert found == CONTENT
    assert found.created.tzinfo is dt.UTC


async def test_an_id_is_given_once(contents: CachedContents) -> None:
    await contents.create(CONTENT)

    with pytest.raises(AlreadyExists):
        await contents.create(replace(CONTENT, project="other"))

    assert await contents.get("p", "l", "1", NOW) == CONTENT


async def test_it_expires_at_its_moment(contents: CachedContents) -> None:
    await contents.create(CONTENT)
    end = CONTENT.expires

    assert await contents.get("p", "l", "1", end - TICK) == CONTENT
    assert await contents.get("p", "l", "1", end) is None
    assert await contents.list("p", "l", end, size=9) == []
    assert await contents.expire_at("p", "l", "1", end + HOUR, end) is None
    assert not await contents.delete("p", "l", "1", end)


async def test_a_clock_that_goes_back_brings_back_what_was_not_swept(contents: CachedContents) -> None:
    await contents.create(CONTENT)
    assert await contents.get("p", "l", "1", CONTENT.expires) is None

    assert await contents.get("p", "l", "1", NOW) == CONTENT


Ask: TypeAlias = Callable[[CachedContents, str, str], Awaitable[object]]


@pytest.mark.parametrize(
    ("project", "location"), [("other", "l"), ("p", "other"), ("", ""), ("P", "l"), ("%", "%")]
)
@pytest.mark.parametrize(
    "ask",
    [
        lambda contents, project, location: contents.get(project, location, "1", NOW),
        lambda contents, project, location: contents.list(project, location, NOW, size=9),
        lambda contents, project, location: contents.list(project, location, NOW, size=9, after="1"),
        lambda contents, project, location: contents.expire_at(project, location, "1", NOW + 2 * HOUR, NOW),
        lambda contents, project, location: contents.delete(project, location, "1", NOW),
    ],
    ids=["get", "list", "list after it", "expire_at", "delete"],
)
async def test_others_see_nothing_and_change_nothing(
    contents: CachedContents, ask: Ask, project: str, location: str
) -> None:
    await contents.create(CONTENT)

    assert not await ask(contents, project, location)

    assert await contents.get("p", "l", "1", NOW) == CONTENT


async def test_the_newest_are_listed_first_page_by_page(contents: CachedContents) -> None:
    for number in range(7):  # of which two each are of one moment
        await contents.create(replace(CONTENT, id=f"{number}", created=NOW + number // 2 * TICK))

    pages = [await contents.list("p", "l", NOW, size=3, after=after) for after in ("", "4", "1", "0")]

    assert [[record.id for record in page] for page in pages] == [["6", "5", "4"], ["3", "2", "1"], ["0"], []]


async def test_a_list_goes_on_after_one_that_expired_meanwhile(contents: CachedContents) -> None:
    for number in range(3):
        await contents.create(
            replace(CONTENT, id=f"{number}", created=NOW + number * TICK, expires=NOW + HOUR / (1 + number))
        )

    page = await contents.list("p", "l", NOW + HOUR / 2, size=3, after="1")

    assert [record.id for record in page] == ["0"]


async def test_an_expiration_is_changed(contents: CachedContents) -> None:
    await contents.create(CONTENT)
    later = NOW + 2 * HOUR

    changed = await contents.expire_at("p", "l", "1", later, NOW + TICK)

    assert changed == replace(CONTENT, expires=later, updated=NOW + TICK)
    assert await contents.get("p", "l", "1", later - TICK) == changed


async def test_a_content_is_deleted_once(contents: CachedContents) -> None:
    await contents.create(CONTENT)

    assert await contents.delete("p", "l", "1", NOW)
    assert not await contents.delete("p", "l", "1", NOW)
    assert await contents.get("p", "l", "1", NOW) is None


async def test_sweeping_deletes_what_has_expired(contents: CachedContents) -> None:
    await contents.create(CONTENT)
    await contents.create(replace(CONTENT, id="2", project="other"))
    await contents.create(replace(CONTENT, id="3", expires=CONTENT.expires + TICK))

    assert sorted(await contents.sweep(CONTENT.expires)) == ["1", "2"]
    assert await contents.sweep(CONTENT.expires) == []
    assert [record.id for record in await contents.list("p", "l", NOW, size=9)] == ["3"]


# Usage.


async def test_usage_is_read_as_it_was_added(database: Database) -> None:
    cancelled = UsageRecord("r2", NOW, HOSTILE, HOSTILE, HOSTILE, "m", "CANCELLED", labels={"k": HOSTILE})

    await database.usage_records.add([USAGE, cancelled])

    assert await database.usage_records.read() == [USAGE, cancelled]


async def test_no_usage_is_no_usage(database: Database) -> None:
    await database.usage_records.add([])

    assert await database.usage_records.read() == []


async def test_a_record_that_is_added_again_counts_once(database: Database) -> None:
    usage = database.usage_records
    other = replace(USAGE, id="r2", time=NOW + TICK)
    await usage.add([USAGE])

    await usage.add([other, replace(USAGE, cached=99), other])

    assert await usage.read() == [USAGE, other]


async def test_servers_that_add_the_same_do_not_lock_each_other_out(database: Database) -> None:
    records = [replace(USAGE, id=f"{number:03}") for number in range(100)]

    await asyncio.gather(
        *(database.usage_records.add(records if turn % 2 else records[::-1]) for turn in range(8))
    )

    assert await database.usage_records.read() == records


async def test_usage_is_read_of_a_time_in_its_order(database: Database) -> None:
    records = [replace(USAGE, id=f"r{9 - number}", time=NOW + number * HOUR) for number in range(4)]
    await database.usage_records.add(records[::-1])

    assert await database.usage_records.read(since=NOW + HOUR, until=NOW + 3 * HOUR) == records[1:3]
    assert await database.usage_records.read(until=NOW + HOUR) == records[:1]
    assert await database.usage_records.read(since=NOW + 3 * HOUR) == records[3:]


async def test_old_usage_is_pruned_in_pieces(database: Database) -> None:
    usage = database.usage_records
    await usage.add([replace(USAGE, id=f"old{number}", time=NOW - HOUR) for number in range(5_001)])
    await usage.add([USAGE])

    assert await usage.prune(NOW) == 5_001
    assert await usage.prune(NOW) == 0
    assert await usage.read() == [USAGE]


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


async def test_servers_that_share_a_bucket_take_no_more_than_is_in_it(
    database: Database, url: str, open_: Callable[[str], Awaitable[Database]]
) -> None:
    servers: list[Buckets] = [database.buckets, *[(await open_(url)).buckets for _ in range(2)]]

    waits = await asyncio.gather(
        *(servers[turn % 3].take("k", 1, per_minute=60, burst=20, now=NOW) for turn in range(90))
    )

    assert sum(wait == 0 for wait in waits) == 20
