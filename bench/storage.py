"""What the databases do: writes and takes in a second, how long one takes, and rounds of being killed.

    python bench/storage.py [--postgresql URL] [--writes 2000] [--rounds 200]

SQLite is measured in a new file on the disk of the current folder, PostgreSQL in the database of the URL, which
should be an empty one: its tables stay. A write is a cached content of 2 kB, a batch 500 usage records; both count
when they are acknowledged, which is after the commit. ``--rounds 0`` leaves out the killing.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from geminid.storage.records import CachedContentRecord, UsageRecord
from geminid.storage.sql.database import Database, open_database

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
BODY = os.urandom(2_000)
BATCH = 500
CRASH = Path(__file__).with_name("storage_crash.py")

console = Console()


@dataclass(frozen=True, slots=True)
class Rate:
    """What was measured, how many in a second, and how long one took: milliseconds of half and of 99 in 100."""

    what: str
    second: float
    half: float
    most: float


async def rate(what: str, count: int, side_by_side: int, one: Callable[[int], Awaitable[object]]) -> Rate:
    """Of ``one``, done ``count`` times by so many at once."""
    numbers = iter(range(count))
    took: list[float] = []

    async def worker() -> None:
        for number in numbers:
            began = time.perf_counter()
            await one(number)
            took.append(time.perf_counter() - began)

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(side_by_side)))
    elapsed = time.perf_counter() - began
    return Rate(what, count / elapsed, statistics.median(took) * 1e3, statistics.quantiles(took, n=100)[98] * 1e3)


async def rates(database: Database, tag: str, writes: int) -> list[Rate]:
    """All that is measured of one database."""

    def content(number: int) -> Awaitable[object]:
        record = CachedContentRecord(f"{tag}{number}", "p", "l", "m", NOW, NOW, NOW + HOUR)
        return database.cached_contents.create(record, BODY)

    def found(number: int) -> Awaitable[object]:
        return database.cached_contents.get("p", "l", f"{tag}{number}", NOW)

    def usage(number: int) -> Awaitable[object]:
        records = [
            UsageRecord(
                f"{tag}{number}.{part}", NOW, "p", "me", "m", "GenerateContent", "OK", prompt={"TEXT": part}
            )
            for part in range(BATCH)
        ]
        return database.usage_records.add(records)

    def taken(per_minute: float) -> Callable[[int], Awaitable[object]]:
        return lambda number: database.buckets.take(
            f"{tag}{number % 4}.{per_minute}", 1, per_minute=per_minute, burst=per_minute, now=NOW
        )

    few = max(writes // 10, 100)
    return [
        await rate("write, 1 at once", few, 1, lambda number: content(-1 - number)),
        await rate("write, 16 at once", writes, 16, content),
        await rate("write, 64 at once", writes, 64, lambda number: content(writes + number)),
        await rate("read, 1 at once", writes, 1, found),
        await rate(f"batch of {BATCH} usage records", few // 2, 1, usage),
        await rate("bucket that gives, 16 at once", writes, 16, taken(1e9)),
        await rate("bucket that refuses, 16 at once", writes, 16, taken(1)),
    ]


async def measure(url: str, tag: str, writes: int) -> None:
    """Measures one database and shows it."""
    database = await open_database(url)
    try:
        table = Table("", "in a second", "p50 ms", "p99 ms", title=url.partition(":")[0], box=None)
        for row in await rates(database, tag, writes):
            table.add_row(row.what, f"{row.second:,.0f}", f"{row.half:.2f}", f"{row.most:.2f}")
    finally:
        await database.aclose()
    console.print(table)


def main() -> None:
    """Measures SQLite, and PostgreSQL where it is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgresql", metavar="URL")
    parser.add_argument("--writes", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory(prefix="geminid-bench-", dir=".") as folder:
        tag = f"{time.time_ns()}-"
        for url in filter(None, [f"sqlite:///{folder}/bench.db", options.postgresql]):
            uvloop.run(measure(url, tag, options.writes))
            if options.rounds:
                command = [sys.executable, CRASH, url, "--rounds", str(options.rounds), "--seed", str(os.getpid())]
                failed |= subprocess.run(command, check=False).returncode != 0
    sys.exit(failed)


if __name__ == "__main__":
    main()
