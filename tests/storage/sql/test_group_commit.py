"""Group commit: how many share a transaction, and what becomes of each when one fails, or all."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from geminid.errors import AlreadyExists, Unavailable
from geminid.storage.records import CachedContentRecord
from geminid.storage.sql.connections import Work
from geminid.storage.sql.database import Database
from geminid.storage.sql.group_commit import MOST, Done, GroupCommit

NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)


def content(id_: str) -> CachedContentRecord:
    return CachedContentRecord(id_, "p", "l", "m", NOW, NOW, NOW + dt.timedelta(hours=1))


def commits(wal: Path) -> int:
    """Transactions in a write-ahead log: the frames that end one (https://www.sqlite.org/walformat.html)."""
    data = wal.read_bytes()
    page = int.from_bytes(data[8:12], "big")
    frames = range(32, len(data), 24 + page)
    generation = data[16:24]  # frames of an earlier one are left over behind those of this
    return sum(data[at + 8 : at + 16] == generation and any(data[at + 4 : at + 8]) for at in frames)


@pytest.fixture
async def sqlite(sqlite_url: str, open_: Callable[[str], Awaitable[Database]]) -> Database:
    return await open_(sqlite_url)


async def test_a_hundred_writes_side_by_side_share_few_commits(sqlite: Database, tmp_path: Path) -> None:
    wal = tmp_path / "state" / "geminid.db-wal"
    before = commits(wal) if wal.exists() else 0

    await asyncio.gather(*(sqlite.cached_contents.create(content(f"{number}"), b"body") for number in range(100)))

    assert 1 <= commits(wal) - before <= 5
    assert len(await sqlite.cached_contents.list("p", "l", NOW, size=200)) == 100


async def test_one_that_fails_fails_alone(sqlite: Database) -> None:
    ids = ["a", "b", "a", "c"]

    ended = await asyncio.gather(
        *(sqlite.cached_contents.create(content(id_), b"body") for id_ in ids), return_exceptions=True
    )

    assert [type(end) for end in ended] == [type(None), type(None), AlreadyExists, type(None)]
    assert {record.id for record in await sqlite.cached_contents.list("p", "l", NOW, size=9)} == {"a", "b", "c"}


async def test_closing_finishes_what_was_begun(sqlite: Database, open_: Any, sqlite_url: str) -> None:
    writes = [
        asyncio.create_task(sqlite.cached_contents.create(content(f"{number}"), b"body")) for number in range(20)
    ]
    await asyncio.sleep(0)  # they begin

    await sqlite.aclose()

    assert [write.exception() for write in writes] == [None] * 20
    with pytest.raises(Unavailable):
        await sqlite.cached_contents.create(content("late"), b"body")
    again = await open_(sqlite_url)
    assert len(await again.cached_contents.list("p", "l", NOW, size=99)) == 20


class Transactions:
    """Their sizes. Each waits for ``go``; where it ``fails``, so do all of its writes."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.sizes: list[int] = []
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self._failure = failure

    async def __call__(self, works: Sequence[Work[Any]]) -> Sequence[Done]:
        self.sizes.append(len(works))
        self.begun.set()
        await self.go.wait()
        if self._failure is not None:
            raise self._failure
        return [Done(len(self.sizes)) for _ in works]


def nothing(_: Connection) -> int:
    return 0


async def test_what_arrives_during_a_commit_waits_for_the_next_one() -> None:
    transactions = Transactions()
    group = GroupCommit(transactions)
    first = asyncio.create_task(group.write(nothing))
    await transactions.begun.wait()
    later = [asyncio.create_task(group.write(nothing)) for _ in range(MOST + 1)]

    transactions.go.set()

    assert await first == 1
    assert await asyncio.gather(*later) == [2] * MOST + [3]
    assert transactions.sizes == [1, MOST, 1]


async def test_a_transaction_that_fails_fails_all_its_writes_and_no_other() -> None:
    transactions = Transactions(OperationalError("COMMIT", {}, OSError("disk I/O error")))
    transactions.go.set()
    group = GroupCommit(transactions)

    ended = await asyncio.gather(*(group.write(nothing) for _ in range(3)), return_exceptions=True)
    with pytest.raises(OperationalError):
        await group.write(nothing)

    assert [type(end) for end in ended] == [OperationalError] * 3
    assert transactions.sizes == [3, 1]


async def test_who_leaves_does_not_keep_the_others_from_their_results() -> None:
    transactions = Transactions()
    group = GroupCommit(transactions)
    leaving, staying = (asyncio.create_task(group.write(nothing)) for _ in range(2))
    await transactions.begun.wait()

    leaving.cancel()
    transactions.go.set()

    assert await staying == 1
    assert leaving.cancelled()
