from __future__ import annotations

import datetime as dt
import math

import pytest

from geminid.gates.local_buckets import MOST, LocalBuckets

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def at(seconds: float) -> dt.datetime:
    return NOON + dt.timedelta(seconds=seconds)


async def take(buckets: LocalBuckets, amount: float, seconds: float, key: str = "k") -> float:
    return await buckets.take(key, amount, per_minute=60, burst=10, now=at(seconds))


async def test_a_bucket_begins_full_and_fills_by_its_rate() -> None:
    buckets = LocalBuckets()

    assert await take(buckets, 10, 0) == 0
    assert await take(buckets, 3, 1) == pytest.approx(2)
    assert await take(buckets, 3, 3) == 0
    assert await take(buckets, 1, 3) == pytest.approx(1)


async def test_nothing_is_saved_up_beyond_the_burst() -> None:
    buckets = LocalBuckets()
    await take(buckets, 10, 0)

    assert await take(buckets, 10, 3600) == 0
    assert await take(buckets, 10, 3600) == pytest.approx(10)


async def test_more_than_the_burst_is_taken_from_a_full_bucket_which_owes_it() -> None:
    buckets = LocalBuckets()

    assert await take(buckets, 25, 0) == 0
    assert await take(buckets, 1, 0) == pytest.approx(16)
    assert await take(buckets, 1, 16) == 0


async def test_what_is_settled_is_taken_or_given_back() -> None:
    buckets = LocalBuckets()
    await take(buckets, 10, 0)

    await buckets.settle("k", 5, per_minute=60, burst=10, now=at(0))
    assert await take(buckets, 1, 0) == pytest.approx(6)
    await buckets.settle("k", -6, per_minute=60, burst=10, now=at(0))
    assert await take(buckets, 1, 0) == 0


async def test_nothing_is_given_back_beyond_the_burst() -> None:
    buckets = LocalBuckets()

    await buckets.settle("k", -100, per_minute=60, burst=10, now=at(0))

    assert await take(buckets, 10, 0) == 0
    assert await take(buckets, 1, 0) == pytest.approx(1)


async def test_a_clock_that_is_set_back_gives_nothing_away() -> None:
    buckets = LocalBuckets()
    await take(buckets, 10, 0)

    assert await take(buckets, 1, -5) == pytest.approx(1)


@pytest.mark.parametrize("per_minute", [7, 600, 1e9, 1e-3])
async def test_who_waits_as_long_as_was_said_is_served(per_minute: float) -> None:
    buckets = LocalBuckets()
    await buckets.take("k", 10, per_minute=per_minute, burst=10, now=at(0))
    wait = await buckets.take("k", 3, per_minute=per_minute, burst=10, now=at(0))

    assert await buckets.take("k", 3, per_minute=per_minute, burst=10, now=at(wait)) == 0


async def test_a_bucket_that_does_not_fill_says_so() -> None:
    buckets = LocalBuckets()
    await buckets.take("k", 10, per_minute=0, burst=10, now=at(0))

    assert await buckets.take("k", 1, per_minute=0, burst=10, now=at(0)) == math.inf


async def test_a_limit_can_be_changed() -> None:
    buckets = LocalBuckets()
    await take(buckets, 1, 0)

    assert await buckets.take("k", 3, per_minute=60, burst=2, now=at(0)) == 0
    assert await buckets.take("k", 3, per_minute=120, burst=2, now=at(0)) == pytest.approx(1.5)


async def test_buckets_that_are_full_again_are_forgotten() -> None:
    buckets = LocalBuckets()

    for number in range(5000):
        await take(buckets, 1, number, key=str(number))

    assert len(buckets) <= 2


async def test_no_more_are_forgotten_than_are_full() -> None:
    buckets = LocalBuckets()

    for number in range(5000):
        await take(buckets, 1, number / 5000, key=str(number))

    assert len(buckets) == 5000


async def test_names_without_end_take_no_memory_without_end() -> None:
    buckets = LocalBuckets()
    await take(buckets, 10, 0)

    for number in range(2 * MOST):
        await take(buckets, 25, number / (2 * MOST), key=str(number))

    assert len(buckets) == MOST
