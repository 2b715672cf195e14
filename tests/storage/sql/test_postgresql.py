"""What holds for PostgreSQL alone: how it is reached, and what happens when it is not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from geminid.errors import Unavailable
from geminid.storage.base import StorageError
from geminid.storage.records import CachedContentRecord, UsageRecord
from geminid.storage.sql.database import Database, open_database

Open = Callable[..., Awaitable[Database]]

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
USAGE = UsageRecord("r1", NOW, "p", "me", "m", "GenerateContent", "OK", labels={"team": "search"})
CONTENT = CachedContentRecord("1", "p", "l", "m", NOW, NOW, NOW + dt.timedelta(hours=1))


async def test_a_server_that_is_not_there_is_told_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be opened") as refused:
        await open_database(f"postgresql://me:pass1234@/x?host={tmp_path}")

    assert "pass1234" not in str(refused.value)


async def test_the_short_name_of_the_scheme_is_taken(postgresql: Any, open_: Open) -> None:
    database = await open_(postgresql.new_database().replace("postgresql:", "postgres:"))

    assert (await database.check()).rows == {"buckets": 0, "cached_contents": 0, "shares": 0, "usage_records": 0}


async def test_it_is_unavailable_while_the_server_is_away_and_goes_on_after(postgresql: Any, open_: Open) -> None:
    database = await open_(postgresql.new_database())
    await database.cached_contents.create(CONTENT, b"body")

    postgresql.stop()
    try:
        with pytest.raises(Unavailable):
            await database.cached_contents.get("p", "l", "1", NOW)
        with pytest.raises(Unavailable):
            await database.usage_records.add([USAGE])
    finally:
        postgresql.start()

    await database.usage_records.add([USAGE])
    assert await database.cached_contents.get("p", "l", "1", NOW) == CONTENT


async def test_connections_that_died_in_the_pool_cost_no_request(postgresql: Any, open_: Open) -> None:
    url = postgresql.new_database()
    database = await open_(url)
    await database.cached_contents.create(CONTENT, b"body")

    postgresql.stop()
    postgresql.start()

    assert await database.cached_contents.get("p", "l", "1", NOW) == CONTENT


async def test_usage_can_be_asked_for_in_sql(postgresql: Any, open_: Open) -> None:
    url = postgresql.new_database()
    await (await open_(url)).usage_records.add([USAGE])

    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT date_trunc('day', time), labels ->> 'team' FROM usage_records").fetchone()

    assert row == (NOW.replace(hour=0), "search")
