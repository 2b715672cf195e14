"""Migrations: they make what the code knows, once, and leave a newer database alone."""

from __future__ import annotations

import asyncio
import datetime as dt
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, make_url

from geminid.service.cache_bodies import summary_in, unpack, usage_in
from geminid.storage.base import StorageError
from geminid.storage.sql import migrate, sqlite_copies
from geminid.storage.sql.database import Database, open_database
from geminid.storage.sql.schema import SCHEMA, VERSION_TABLE, metadata

Open = Callable[..., Awaitable[Database]]

MIGRATIONS = Path(migrate.__file__).parent / "migrations"


def execute(url: str, statement: str) -> None:
    """By other means than the code's own."""
    if url.startswith("sqlite"):
        with sqlite3.connect(make_url(url).database or "") as connection:
            connection.execute(statement)
        connection.close()
        return
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(statement.encode())


def test_the_migrations_lead_to_the_schema_that_is_declared() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [SCHEMA]


def shape(engine: Engine) -> dict[str, object]:
    """Columns, keys and indexes of the declared tables, as the database has them."""
    found = inspect(engine)
    return {
        table: (
            [(column["name"], repr(column["type"]), column["nullable"]) for column in found.get_columns(table)],
            found.get_pk_constraint(table)["constrained_columns"],
            sorted((str(index["name"]), index["column_names"]) for index in found.get_indexes(table)),
        )
        for table in metadata.tables
    }


async def test_the_tables_are_those_that_are_declared(url: str) -> None:
    await (await open_database(url)).aclose()
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))

    migrated = shape(engine)
    metadata.drop_all(engine)
    metadata.create_all(engine)

    assert migrated == shape(engine)
    engine.dispose()


def migrate_to(url: str, revision: str) -> None:
    """As an older version left it."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        config.set_main_option("path_separator", "os")
        command.upgrade(config, revision)
    engine.dispose()


MOMENT = dt.datetime(2026, 1, 2, 3, 4, 5, 600_007, tzinfo=dt.UTC)


async def test_the_first_schema_can_be_backed_up(tmp_path: Path) -> None:
    migrate_to(f"sqlite:///{tmp_path}/old.db", "0001")

    sqlite_copies.backup(tmp_path / "old.db", tmp_path / "backup.db", lambda name: None)
    sqlite_copies.restore(tmp_path / "new.db", tmp_path / "backup.db")

    await (await open_database(f"sqlite:///{tmp_path}/new.db", upgrade=False)).aclose()


async def test_caches_of_the_first_schema_can_be_used(url: str, open_: Open) -> None:
    Path(make_url(url).database or "").parent.mkdir(exist_ok=True)
    migrate_to(url, "0001")
    kept = msgspec.json.encode(
        {
            "usage": {"totalTokenCount": 5, "textCount": 17},
            "tokens": {"TEXT": 5},
            "content": {"model": "m", "contents": [{"role": "user", "parts": [{"text": "A very long book."}]}]},
        }
    )
    moment = f"'{MOMENT.isoformat()}'" if url.startswith("postgresql") else str(int(MOMENT.timestamp() * 1e6))
    body = f"'\\x{kept.hex()}'" if url.startswith("postgresql") else f"x'{kept.hex()}'"
    for number in range(250):
        values = f"'{number:03}', 'p', 'l', 'm', {moment}, {moment}, {moment}, {body}, 'Book\\0000'"
        execute(url, f"INSERT INTO cached_contents VALUES ({values})")

    contents = (await open_(url)).cached_contents

    listed = await contents.list("p", "l", MOMENT - dt.timedelta(hours=1), size=999)
    cached = unpack(await contents.body(listed[0]) or b"")
    assert [record.id for record in listed] == [f"{number:03}" for number in reversed(range(250))]
    assert (listed[0].created, listed[0].display_name, listed[0].blob) == (MOMENT, "Book\0", "")
    assert usage_in(listed[0].usage).total_token_count == summary_in(listed[0].usage).tokens["TEXT"] == 5
    assert (cached.content.contents[0].parts[0].text, cached.media) == ("A very long book.", ())


async def test_a_newer_database_is_refused(url: str) -> None:
    await (await open_database(url)).aclose()
    execute(url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")

    with pytest.raises(StorageError, match=f"newer geminid: its schema is 9999, .* above {SCHEMA}"):
        await open_database(url)


async def test_a_database_without_tables_is_not_made_where_that_is_not_asked_for(url: str) -> None:
    with pytest.raises(StorageError, match=r"schema of the database is none|no database at"):
        await open_database(url, upgrade=False)


async def test_a_migration_that_fails_leaves_nothing(url: str, open_: Open) -> None:
    await (await open_database(url)).aclose()
    for table in (VERSION_TABLE, "cached_contents", "usage_records", "shares"):
        execute(url, f"DROP TABLE {table}")

    with pytest.raises(StorageError, match="buckets"):  # it is in the way
        await open_(url)

    execute(url, "DROP TABLE buckets")
    assert (await (await open_(url)).check()).schema == SCHEMA


async def test_servers_that_start_together_migrate_once(url: str) -> None:
    program = (
        "import asyncio, sys\n"
        "from geminid.storage.sql.database import open_database\n"
        "async def main():\n"
        "    database = await open_database(sys.argv[1])\n"
        "    print((await database.check()).schema)\n"
        "    await database.aclose()\n"
        "asyncio.run(main())\n"
    )
    started = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, url, stdout=asyncio.subprocess.PIPE)
        for _ in range(4)
    ]

    said = await asyncio.wait_for(asyncio.gather(*(process.communicate() for process in started)), 60)

    assert [out for out, _ in said] == [f"{SCHEMA}\n".encode()] * 4
    assert [process.returncode for process in started] == [0] * 4
