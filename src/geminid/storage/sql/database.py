"""Opens a database by its URL and hands out its stores. ``app.py`` and ``geminid db`` call.

``sqlite:///geminid.db`` is a file in the current folder, ``sqlite:////var/lib/geminid.db`` one by its whole path;
``postgresql://user:password@host/name`` is as libpq has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, func, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError

from geminid.storage.base import StorageError
from geminid.storage.blobbed_contents import Rows
from geminid.storage.records import Shares, SweptBuckets, UsageRecords
from geminid.storage.sql.buckets import SqlBuckets
from geminid.storage.sql.cached_contents import SqlCachedContents
from geminid.storage.sql.connections import Connections, told
from geminid.storage.sql.schema import SCHEMA, metadata
from geminid.storage.sql.shares import SqlShares
from geminid.storage.sql.sqlite import open_sqlite
from geminid.storage.sql.usage_records import SqlUsageRecords

_PG_DUMP = "Backups of PostgreSQL are made by pg_dump and restored by pg_restore."


@dataclass(frozen=True, slots=True)
class Checked:
    """A database that was looked through: rows by table, and what is wrong, a line each."""

    place: str
    schema: str
    rows: Mapping[str, int]
    problems: Sequence[str]


class Database:
    """One that ``open_database`` has opened. Lives in one event loop."""

    def __init__(self, url: URL, connections: Connections) -> None:
        self._url = url
        self._connections = connections
        self.cached_contents: Rows = SqlCachedContents(connections)
        self.usage_records: UsageRecords = SqlUsageRecords(connections)
        self.buckets: SweptBuckets = SqlBuckets(connections)
        self.shares: Shares = SqlShares(connections)

    async def aclose(self) -> None:
        """Finishes the writes that were begun, then closes."""
        await self._connections.aclose()

    async def check(self) -> Checked:
        """Reads all of it. Raises Unavailable where it cannot be reached."""
        return await self._connections.read(self._checked)

    def _checked(self, connection: Connection) -> Checked:
        problems: list[str] = []
        rows: dict[str, int] = {}
        try:
            if connection.dialect.name == "sqlite":
                lines = connection.exec_driver_sql("PRAGMA integrity_check").scalars()
                problems += [line for line in map(str, lines) if line != "ok"]
            for table in metadata.sorted_tables:
                rows[table.name] = connection.execute(select(func.count()).select_from(table)).scalar_one()
        except DBAPIError as error:
            problems.append(told(error))
        return Checked(self._url.render_as_string(hide_password=True), SCHEMA, rows, problems)


async def open_database(url: str, *, upgrade: bool = True) -> Database:
    """Makes what is missing and brings it up to date, one server at a time; without ``upgrade`` it must be so.

    Raises StorageError: the URL is none, the database cannot be reached, or a newer version made it.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        file = sqlite_file(parsed)
        return Database(parsed, await asyncio.to_thread(open_sqlite, file, upgrade=upgrade))

    from geminid.storage.sql.postgresql import open_postgresql

    return Database(parsed, await open_postgresql(parsed, upgrade=upgrade))


def sqlite_file(url: URL | str) -> Path:
    """The file of a SQLite database. Raises StorageError for any other."""
    parsed = _parsed(url) if isinstance(url, str) else url
    if parsed.get_backend_name() != "sqlite":
        raise StorageError(_PG_DUMP)
    return Path(parsed.database or "").expanduser().absolute()


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StorageError("A database is named by sqlite:///FILE or postgresql://USER@HOST/NAME.") from None
    if parsed.drivername == "postgres":
        parsed = parsed.set(drivername="postgresql")
    if parsed.drivername not in ("sqlite", "postgresql"):
        raise StorageError(f"{parsed.drivername} databases are not known: only sqlite and postgresql are.")
    if parsed.drivername == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StorageError("A SQLite database needs a file: sqlite:///FILE.")
    return parsed
