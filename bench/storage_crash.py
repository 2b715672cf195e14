"""Kills a process that writes to a database at random moments, and looks whether all it acknowledged is there.

    python bench/storage_crash.py sqlite:///crash.db [--rounds 200] [--seed 1]
    python bench/storage_crash.py postgresql://geminid@127.0.0.1/scratch

Each round a process begins with eight writers side by side; what a write returned from is acknowledged, and told
through a pipe. It ends by SIGKILL. After every twentieth round the acknowledged contents and usage of all rounds
must be there, deleted ones not, no batch of usage in part, and the database sound. It should be a new one.
Exits with 1 when something is missing.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import itertools
import os
import random
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from geminid.storage.records import CachedContentRecord, UsageRecord
from geminid.storage.sql.database import Database, open_database

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
WRITERS = 8
BATCH = 5
LOOKED_AFTER = 20
BODY = bytes(range(250)) * 8


@dataclass(slots=True)
class Acknowledged:
    """What was told of, in all rounds."""

    created: set[str] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    batches: set[str] = field(default_factory=set)

    def hear(self, line: str) -> None:
        """Takes in one line of a writer; the last may be cut short by its end."""
        kind, _, id_ = line.rstrip("\n").partition(" ")
        {"created": self.created, "deleted": self.deleted, "batch": self.batches}[kind].add(id_)


# The process that is killed.


async def write(url: str, tag: str) -> None:
    """Writes until it is killed."""
    database = await open_database(url)
    await asyncio.gather(*(_write(database, f"{tag}-{writer}") for writer in range(WRITERS)))


async def _write(database: Database, tag: str) -> None:
    for number in itertools.count():
        id_ = f"{tag}-{number}"
        await database.cached_contents.create(
            CachedContentRecord(id_, "p", "l", "m", NOW, NOW, NOW + dt.timedelta(days=1)), BODY
        )
        _tell("created", id_)
        if number % 3 == 2:
            await database.cached_contents.delete("p", "l", id_, NOW)
            _tell("deleted", id_)
        await database.usage_records.add(
            [UsageRecord(f"{id_}.{part}", NOW, "p", "me", "m", "GenerateContent", "OK") for part in range(BATCH)]
        )
        _tell("batch", id_)


def _tell(kind: str, id_: str) -> None:
    os.write(1, f"{kind} {id_}\n".encode())  # at once, and a short line as a whole


# The one that kills.


def killed(url: str, tag: str, chance: random.Random, acknowledged: Acknowledged) -> None:
    """One round. The moment is some acknowledgements and some milliseconds after the first."""
    command = [sys.executable, __file__, url, "--write", tag]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            for line in itertools.islice(child.stdout, chance.randint(1, 300)):
                acknowledged.hear(line)
            time.sleep(chance.uniform(0, 0.02))
        finally:
            child.kill()
        for line in child.stdout:
            acknowledged.hear(line)


async def lost(url: str, acknowledged: Acknowledged) -> list[str]:
    """What is wrong with the database after the rounds, a line each."""
    database = await open_database(url)
    try:
        contents = await database.cached_contents.list("p", "l", NOW, size=10_000_000)
        there = {content.id for content in contents if await database.cached_contents.body(content) == BODY}
        usage = [record async for batch in database.usage_records.read() for record in batch]
        wrong = list((await database.check()).problems)
    finally:
        await database.aclose()
    batches = Counter(record.id.partition(".")[0] for record in usage)
    to_stay = {id_ for id_ in acknowledged.created if int(id_.rpartition("-")[2]) % 3 != 2}
    wrong += [f"content {id_} is lost" for id_ in to_stay - there]
    wrong += [f"content {id_} is back" for id_ in acknowledged.deleted & there]
    wrong += [f"usage {id_} is lost" for id_ in acknowledged.batches - batches.keys()]
    wrong += [f"usage {id_} is there in part" for id_, count in batches.items() if count != BATCH]
    return wrong


def main() -> None:
    """Runs the rounds and says what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write is not None:
        asyncio.run(write(options.url, options.write))
    chance = random.Random(options.seed)
    acknowledged = Acknowledged()
    wrong: list[str] = []
    for number in range(options.rounds):
        killed(options.url, f"{options.seed}-{number}", chance, acknowledged)
        if number % LOOKED_AFTER == LOOKED_AFTER - 1 or number == options.rounds - 1:
            wrong = asyncio.run(lost(options.url, acknowledged))
            if wrong:
                break
    told = len(acknowledged.created) + len(acknowledged.deleted) + len(acknowledged.batches)
    print(f"{number + 1} rounds, {told:,} acknowledged writes, {len(wrong)} problems")
    for line in wrong[:20]:
        print(line)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
