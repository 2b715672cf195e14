from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import pytest

from geminid.engines.scripted import Scripted
from geminid.errors import UNAVAILABLE, Unavailable
from geminid.gemini.profiles import Catalogue
from geminid.generation import Generation, Prefix, Text, Turn
from geminid.service.prefixes import Prefixes
from geminid.service.registry import Registry
from geminid.storage.records import CachedContentRecord
from geminid.storage.sql.database import Database, open_database

NOW = dt.datetime.now(dt.UTC)
HOUR = dt.timedelta(hours=1)
BOOK = Generation((Turn("user", (Text("A book."),)),), prefix=Prefix("1", 1))


class Remembering(Scripted):
    """Reads for as long as it is told to, and knows what it has read."""

    def __init__(self) -> None:
        super().__init__()
        self.known: set[str] = set()
        self.may_read = asyncio.Event()

    async def remember(self, generation: Generation) -> None:
        await self.may_read.wait()
        assert generation.prefix is not None
        self.known.add(generation.prefix.key)

    def remembered(self) -> Collection[str]:
        return tuple(self.known)

    async def forget(self, keys: Collection[str]) -> None:
        self.known.difference_update(keys)


class Failing(Scripted):
    async def remember(self, generation: Generation) -> None:
        raise Unavailable(UNAVAILABLE)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = await open_database(f"sqlite:///{tmp_path / 'geminid.db'}")
    yield database
    await database.aclose()


@pytest.fixture
def engine() -> Remembering:
    return Remembering()


@pytest.fixture
def prefixes(database: Database, engine: Remembering) -> Prefixes:
    return Prefixes(database.cached_contents, Registry(Catalogue(), engine, {}), seconds=5)


def record(id: str, expires: dt.datetime) -> CachedContentRecord:
    return CachedContentRecord(id, "p", "l", "m", NOW, NOW, expires)


async def test_what_is_cached_is_read_ahead(prefixes: Prefixes, engine: Remembering) -> None:
    engine.may_read.set()

    await prefixes.read(engine, BOOK)

    assert engine.known == {"1"}


async def test_who_reads_for_too_long_goes_on_by_itself(database: Database, engine: Remembering) -> None:
    prefixes = Prefixes(database.cached_contents, Registry(Catalogue(), engine, {}), seconds=0)

    await prefixes.read(engine, BOOK)
    assert not engine.known

    engine.may_read.set()
    async with asyncio.timeout(5):
        while not engine.known:  # noqa: ASYNC110 - the engine has no event for it
            await asyncio.sleep(0)


async def test_what_is_still_read_at_the_end_is_left(prefixes: Prefixes, engine: Remembering) -> None:
    reading = asyncio.create_task(prefixes.read(engine, BOOK))
    await asyncio.sleep(0)

    await prefixes.aclose()

    await reading
    assert not engine.known


async def test_a_cache_is_made_where_it_could_not_be_read_ahead(prefixes: Prefixes) -> None:
    await prefixes.read(Failing(), BOOK)


async def test_expired_and_unknown_caches_are_forgotten(
    database: Database, prefixes: Prefixes, engine: Remembering
) -> None:
    await database.cached_contents.create(record("1", NOW + 24 * HOUR), b"")
    await database.cached_contents.create(record("2", NOW - HOUR), b"")
    engine.known = {"1", "2", "3"}

    await prefixes.sweep()

    assert engine.known == {"1"}


async def test_a_deleted_cache_is_forgotten_at_once(prefixes: Prefixes, engine: Remembering) -> None:
    engine.known = {"1", "2"}

    await prefixes.forget("1")

    assert engine.known == {"2"}
