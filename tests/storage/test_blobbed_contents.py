"""Rows and blobs together: in which order they are written and removed, and what is cleaned away."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from geminid.errors import UNAVAILABLE, AlreadyExists, Unavailable
from geminid.storage.blob_folder import BlobFolder
from geminid.storage.blobbed_contents import BLOB_BYTES, GRACE, BlobbedCachedContents
from geminid.storage.blobs import new_name
from geminid.storage.records import CachedContentRecord
from geminid.storage.sql.database import Database, open_database

CRASH = Path(__file__).parents[2] / "bench" / "blobs_crash.py"
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
CONTENT = CachedContentRecord("1", "p", "l", "m", NOW, NOW, NOW + dt.timedelta(hours=1))
LARGE = os.urandom(BLOB_BYTES + 1)
DAY = dt.timedelta(days=1)


class Watched(BlobFolder):
    """A folder that tells what is done to it, can be out of reach, and can make a ``put`` wait."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.done: list[str] = []
        self.fails = False
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    async def put(self, name: str, data: bytes) -> None:
        self._reach("put")
        await super().put(name, data)
        if self.meanwhile is not None:
            await self.meanwhile()

    async def get(self, name: str) -> bytes | None:
        self._reach("get")
        return await super().get(name)

    async def delete(self, name: str) -> None:
        self._reach("delete")
        await super().delete(name)

    def _reach(self, what: str) -> None:
        self.done.append(what)
        if self.fails:
            raise Unavailable(UNAVAILABLE)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_database(f"sqlite:///{tmp_path / 'geminid.db'}")
    yield database
    await database.aclose()


@pytest.fixture
def blobs(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "blobs")


class Clock:
    def __init__(self) -> None:
        self.now = dt.datetime.now(dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def contents(database: Database, blobs: Watched, clock: Clock) -> AsyncIterator[BlobbedCachedContents]:
    contents = BlobbedCachedContents(database.cached_contents, blobs, clock=clock)
    await contents.open()
    yield contents
    await contents.aclose()


async def kept(contents: BlobbedCachedContents, id: str = "1") -> CachedContentRecord:
    record = await contents.get("p", "l", id, NOW)
    assert record
    return record


async def test_a_small_body_is_no_blob(contents: BlobbedCachedContents, blobs: Watched) -> None:
    await contents.create(CONTENT, LARGE[:BLOB_BYTES])

    assert await kept(contents) == CONTENT
    assert await contents.body(CONTENT) == LARGE[:BLOB_BYTES]
    await contents.delete("p", "l", "1", NOW)
    assert blobs.done == []


async def test_a_large_body_is_one(contents: BlobbedCachedContents, blobs: Watched, database: Database) -> None:
    await contents.create(CONTENT, LARGE)

    record = await kept(contents)
    assert await blobs.get(record.blob) == await contents.body(record) == LARGE
    assert await database.cached_contents.body(record) == b""


async def test_what_is_told_reads_no_blob(contents: BlobbedCachedContents, blobs: Watched) -> None:
    await contents.create(CONTENT, LARGE)

    await contents.get("p", "l", "1", NOW)
    await contents.list("p", "l", NOW, size=9)
    await contents.expire_at("p", "l", "1", NOW + DAY, NOW)
    await contents.alive(["1"], NOW)
    await contents.get("other", "l", "1", NOW)

    assert blobs.done == ["put"]


async def test_a_blob_goes_with_its_row(contents: BlobbedCachedContents, blobs: Watched) -> None:
    for number in range(3):
        await contents.create(replace(CONTENT, id=f"{number}", expires=NOW + number * DAY), LARGE)

    await contents.delete("p", "l", "2", NOW)
    await contents.sweep(NOW)

    assert list(await blobs.names()) == [(await kept(contents)).blob]


async def test_what_is_missing_is_told(contents: BlobbedCachedContents, blobs: Watched) -> None:
    assert list(await contents.missing()) == []
    await contents.create(CONTENT, LARGE)
    await contents.create(replace(CONTENT, id="2"), LARGE)
    lost = (await kept(contents, "2")).blob

    await blobs.delete(lost)

    assert list(await contents.missing()) == [lost]


async def test_without_a_blob_there_is_no_row(contents: BlobbedCachedContents, blobs: Watched) -> None:
    blobs.fails = True

    with pytest.raises(Unavailable):
        await contents.create(CONTENT, LARGE)

    assert await contents.get("p", "l", "1", NOW) is None


async def test_a_blob_that_cannot_be_removed_is_removed_later(
    contents: BlobbedCachedContents, blobs: Watched, clock: Clock
) -> None:
    await contents.create(CONTENT, LARGE)
    blobs.fails = True

    assert await contents.delete("p", "l", "1", NOW)
    blobs.fails = False
    assert await contents.clean() == 0  # it is young
    clock.now += GRACE + DAY
    assert await contents.clean() == 1

    assert list(await blobs.names()) == []


async def test_what_rows_name_is_never_an_orphan(
    contents: BlobbedCachedContents, blobs: Watched, clock: Clock
) -> None:
    await contents.create(CONTENT, LARGE)
    clock.now += DAY

    assert await contents.clean() == 0
    assert await contents.clean(dt.timedelta(0)) == 0

    assert await contents.body(await kept(contents)) == LARGE


async def test_a_blob_whose_row_is_being_written_is_no_orphan(
    contents: BlobbedCachedContents, blobs: Watched
) -> None:
    cleaned: list[int] = []

    async def clean() -> None:
        cleaned.append(await contents.clean(dt.timedelta(0)))

    blobs.meanwhile = clean
    await contents.create(CONTENT, LARGE)

    assert cleaned == [0]
    assert await contents.body(await kept(contents)) == LARGE


async def test_who_took_too_long_does_not_write_the_row(
    contents: BlobbedCachedContents, blobs: Watched, clock: Clock
) -> None:
    async def wait() -> None:
        clock.now += GRACE

    blobs.meanwhile = wait

    with pytest.raises(Unavailable):
        await contents.create(CONTENT, LARGE)

    assert await contents.get("p", "l", "1", NOW) is None


async def test_the_blob_of_a_row_that_was_refused_is_an_orphan(
    contents: BlobbedCachedContents, blobs: Watched, clock: Clock
) -> None:
    await contents.create(CONTENT, LARGE)
    with pytest.raises(AlreadyExists):
        await contents.create(CONTENT, LARGE + b"other")

    clock.now += DAY

    assert await contents.clean() == 1
    assert await contents.body(await kept(contents)) == LARGE


async def test_a_server_that_is_alone_leaves_no_orphan_behind(database: Database, tmp_path: Path) -> None:
    folder = BlobFolder(tmp_path / "blobs")
    (tmp_path / "blobs" / "ab").mkdir(parents=True)
    for name in (f"ab{new_name()[2:]}", f"ab{new_name()[2:]}.part"):
        (tmp_path / "blobs" / "ab" / name).write_bytes(LARGE)

    await BlobbedCachedContents(database.cached_contents, folder).open()

    assert list(await folder.names()) == []
    await folder.aclose()


async def test_beside_another_server_orphans_are_left_until_they_are_old(
    contents: BlobbedCachedContents, database: Database, blobs: Watched, tmp_path: Path, clock: Clock
) -> None:
    await blobs.put(name := new_name(), LARGE)
    second = BlobbedCachedContents(database.cached_contents, BlobFolder(tmp_path / "blobs"), clock=clock)

    await second.open()
    assert list(await blobs.names()) == [name]
    clock.now += 2 * GRACE
    await second.clean()

    assert list(await blobs.names()) == []
    await second.aclose()


async def test_a_blob_that_is_missing_is_told_to_the_log(
    contents: BlobbedCachedContents, blobs: Watched, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    await contents.create(replace(CONTENT, expires=clock.now + DAY), LARGE)
    record = await kept(contents)

    await blobs.delete(record.blob)

    assert await contents.body(record) is None
    assert "of the cached content 1 is missing" in caplog.text


async def test_servers_that_delete_and_create_side_by_side(
    contents: BlobbedCachedContents, blobs: Watched
) -> None:
    async def one(number: int) -> None:
        await contents.create(replace(CONTENT, id=f"{number}"), LARGE)
        if number % 2:
            await contents.delete("p", "l", f"{number}", NOW)

    await asyncio.gather(*(one(number) for number in range(20)), *(contents.clean() for _ in range(5)))

    left = await contents.list("p", "l", NOW, size=99)
    assert sorted(record.blob for record in left) == sorted(await blobs.names())
    assert len(left) == 10


def test_no_kill_loses_a_body_or_leaves_one_behind(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, CRASH, f"sqlite:///{tmp_path / 'geminid.db'}", str(tmp_path / "blobs"), "--rounds", "8"],
        capture_output=True, text=True, timeout=55, check=False,
    )  # fmt: skip

    assert (run.returncode, run.stderr) == (0, ""), run.stdout
    assert run.stdout.startswith("8 rounds, ")
