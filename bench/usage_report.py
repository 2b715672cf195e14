"""What a report over very many usage records takes: time, and memory that does not grow with them.

    python bench/usage_report.py [--records 1000000] [--database URL]

Fills a new SQLite file, or the empty database of the URL, with records of 40 days and 200 teams, then has
``geminid usage`` report on a tenth of them and on all, each in a process of its own, by day and by label.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from geminid.storage.records import UsageRecord
from geminid.storage.sql.database import open_database

START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
DAYS = 40
BATCH = 2_000

console = Console()


def records(count: int) -> Iterator[UsageRecord]:
    chance = random.Random(1)
    step = dt.timedelta(days=DAYS) / count
    for number in range(count):
        prompt = {"TEXT": chance.randint(1, 4_000)} | ({"IMAGE": 258} if number % 10 == 0 else {})
        yield UsageRecord(
            f"{number:032x}", START + number * step, "p", "me@p.iam.gserviceaccount.com", "gemini-2.5-flash",
            "GenerateContent", "OK", "STOP", {"team": f"team-{chance.randrange(200)}"}, prompt,
            {"TEXT": chance.randint(1, 900)}, {"TEXT": 1} if number % 5 == 0 else {}, 0, 0.5, 0.1,
        )  # fmt: skip


async def fill(url: str, count: int) -> float:
    """Seconds."""
    database = await open_database(url)
    began = time.perf_counter()
    batch: list[UsageRecord] = []
    for record in records(count):
        batch.append(record)
        if len(batch) == BATCH:
            await database.usage_records.add(batch)
            batch = []
    await database.usage_records.add(batch)
    await database.aclose()
    return time.perf_counter() - began


def reported(url: str, *arguments: str) -> tuple[float, float, float]:
    """Seconds, those of the processor, and the most memory that it had, in MB."""
    command = [sys.executable, "-m", "geminid", "usage", "--database", url, "--format", "json", *arguments]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"geminid usage ended with {process.returncode}")
    return time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1_000


def main(count: int, url: str) -> None:
    console.print(f"{count:,} records written in {uvloop.run(fill(url, count)):.1f} s")
    table = Table("records", "by", "seconds", "of CPU", "memory, MB", box=None)
    tenth = (START + dt.timedelta(days=DAYS / 10)).isoformat()
    for shown, until in ((count // 10, ["--until", tenth]), (count, [])):
        for by in ("day", "label.team"):
            seconds, cpu, memory = reported(url, "--by", by, *until)
            table.add_row(f"{shown:,}", by, f"{seconds:.1f}", f"{cpu:.1f}", f"{memory:.0f}")
    console.print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--database", metavar="URL", default="")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="geminid-bench-") as folder:
        main(options.records, options.database or f"sqlite:///{Path(folder) / 'geminid.db'}")
