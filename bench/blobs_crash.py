"""Kills a server that keeps bodies as blobs, and looks whether all are there that should be, and no other.

    python bench/blobs_crash.py sqlite:///crash.db blobs [--rounds 200] [--seed 1]
    python bench/blobs_crash.py postgresql://geminid@127.0.0.1/scratch blobs

Each round a process opens the store, which cleans it, and then creates, deletes and lets expire cached contents
side by side until it ends by SIGKILL: at a random moment, or between a blob and its row. What it was told of is
acknowledged, through a pipe. After every round, once the store was opened again, every content that was created
and not deleted is read and compared, and there is no blob that no row names. Exits with 1 when that is not so.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import hashlib
import itertools
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from geminid.storage.blob_folder import BlobFolder
from geminid.storage.blobbed_contents import BLOB_BYTES, BlobbedCachedContents
from geminid.storage.records import CachedContentRecord
from geminid.storage.sql.database import open_database

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
LATER = dt.timedelta(days=1)
WRITERS = 4
MOMENTS = ("before the blob", "after the blob", "before it goes", "any")


class Deadly(BlobFolder):
    """A folder that kills the process in the middle of a step, once ``steps`` were done whole."""

    def __init__(self, root: Path, moment: str, steps: int) -> None:
        super().__init__(root)
        self._moment = moment
        self._left = steps

    async def put(self, name: str, data: bytes) -> None:
        self._at("before the blob")
        await super().put(name, data)
        self._at("after the blob")

    async def delete(self, name: str) -> None:
        self._at("before it goes")
        await super().delete(name)

    def _at(self, moment: str) -> None:
        if moment == self._moment:
            self._left -= 1
            if self._left < 0:
                os.kill(os.getpid(), signal.SIGKILL)


def body(id_: str) -> bytes:
    """What the content has, and can be made again."""
    return hashlib.shake_128(id_.encode()).digest(BLOB_BYTES + 1 + len(id_))


# The process that is killed.


async def write(url: str, blobs: Deadly, tag: str) -> None:
    """Writes until it is killed."""
    database = await open_database(url)
    contents = BlobbedCachedContents(database.cached_contents, blobs)
    await contents.open()
    await asyncio.gather(*(_write(contents, f"{tag}-{writer}") for writer in range(WRITERS)))


async def _write(contents: BlobbedCachedContents, tag: str) -> None:
    for number in itertools.count():
        id_ = f"{tag}-{number}"
        expires = NOW if number % 4 == 1 else NOW + LATER
        _tell("creates", id_)
        await contents.create(CachedContentRecord(id_, "p", "l", "m", NOW, NOW, expires), body(id_))
        _tell("created", id_)
        match number % 4:
            case 1:
                await contents.sweep(NOW)
            case 2 | 3:
                _tell("deletes", id_)
                await contents.delete("p", "l", id_, NOW)
                _tell("deleted", id_)


def _tell(kind: str, id_: str) -> None:
    os.write(1, f"{kind} {id_}\n".encode())  # at once, and a short line as a whole


# The one that kills.


@dataclass(slots=True)
class Told:
    """What was told of by the processes, in all rounds."""

    ids: dict[str, set[str]] = field(
        default_factory=lambda: {kind: set() for kind in ("creates", "created", "deletes", "deleted")}
    )

    def hear(self, line: str) -> None:
        """The last line may be cut short by its writer's end."""
        kind, _, id_ = line.rstrip("\n").partition(" ")
        if line.endswith("\n"):
            self.ids[kind].add(id_)

    @property
    def must_be(self) -> set[str]:
        """Created, and nobody began to delete it; those of every fourth number expire."""
        return {id_ for id_ in self.ids["created"] - self.ids["deletes"] if _number(id_) % 4 != 1}

    @property
    def must_not_be(self) -> set[str]:
        return self.ids["deleted"]


def _number(id_: str) -> int:
    return int(id_.rpartition("-")[2])


def killed(url: str, folder: str, tag: str, chance: random.Random, told: Told) -> None:
    """One round."""
    moment = chance.choice(MOMENTS)
    command = [sys.executable, __file__, url, folder, "--write", tag, "--moment", moment]
    command += ["--steps", str(chance.randint(0, 30))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            for line in itertools.islice(child.stdout, chance.randint(1, 150) if moment == "any" else None):
                told.hear(line)
            time.sleep(chance.uniform(0, 0.02) if moment == "any" else 0)
        finally:
            child.kill()
        for line in child.stdout:
            told.hear(line)


async def wrong(url: str, folder: str, told: Told) -> list[str]:
    """What is wrong after a round and the cleaning that a start does, a line each."""
    database = await open_database(url)
    blobs = BlobFolder(Path(folder))
    contents = BlobbedCachedContents(database.cached_contents, blobs)
    try:
        await contents.open()
        rows = await contents.list("p", "l", NOW, size=10_000_000)
        problems = [
            f"content {row.id} has another body" for row in rows if await contents.body(row) != body(row.id)
        ]
        there = {row.id for row in rows}
        orphans = set(await blobs.names()).difference(await database.cached_contents.blobs())
    finally:
        await contents.aclose()
        await database.aclose()
    problems += [f"content {id_} is lost" for id_ in told.must_be - there]
    problems += [f"content {id_} is back" for id_ in told.must_not_be & there]
    problems += [f"blob {name} is an orphan" for name in orphans]
    return problems


def main() -> None:
    """Runs the rounds and says what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("folder")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", help=argparse.SUPPRESS)
    parser.add_argument("--moment", default="any", help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write is not None:
        blobs = Deadly(Path(options.folder), options.moment, options.steps)
        asyncio.run(write(options.url, blobs, options.write))
    chance = random.Random(options.seed)
    told = Told()
    problems: list[str] = []
    for number in range(options.rounds):
        killed(options.url, options.folder, f"{options.seed}-{number}", chance, told)
        problems = asyncio.run(wrong(options.url, options.folder, told))
        if problems:
            break
    acknowledged = len(told.ids["created"]) + len(told.ids["deleted"])
    print(f"{number + 1} rounds, {acknowledged:,} acknowledged writes, {len(problems)} problems")
    for line in problems[:20]:
        print(line)
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
