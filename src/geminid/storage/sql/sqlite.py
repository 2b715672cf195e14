"""SQLite: one file in WAL mode, a thread that writes, some that read. What returned from a write survives a crash.

Another process may use the same file (``geminid db``, a second server): transactions lock it, and wait for it.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from geminid.storage import durable
from geminid.storage.base import StorageError
from geminid.storage.sql import migrate
from geminid.storage.sql.connections import Work, reported, told
from geminid.storage.sql.group_commit import Done, GroupCommit

_OLDEST: Final = (3, 35)
"""The first that has RETURNING (https://www.sqlite.org/releaselog/3_35_0.html)."""

_READERS: Final = 4
_BUSY_SECONDS: Final = 10
_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # NORMAL loses the last commits with the power
    "PRAGMA fullfsync=ON",  # Apple's fsync alone does not reach the disk; no other system knows this
    "PRAGMA journal_size_limit=67108864",
)

_T = TypeVar("_T")


class SqliteConnections:
    """Of a file that ``open_sqlite`` has made ready. Lives in one event loop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer = _writing(path)
        self._reader = _engine(path, _READERS).execution_options(isolation_level="AUTOCOMMIT")
        self._write_thread = ThreadPoolExecutor(1, "geminid-sqlite-writer")
        self._read_threads = ThreadPoolExecutor(_READERS, "geminid-sqlite-reader")
        self._group = GroupCommit(self._transact)

    async def read(self, work: Work[_T]) -> _T:
        """As ``Connections`` says."""
        with reported():
            return await asyncio.get_running_loop().run_in_executor(self._read_threads, self._read, work)

    async def write(self, work: Work[_T]) -> _T:
        """As ``Connections`` says; together with others that arrive within a moment."""
        with reported():
            return await self._group.write(work)

    async def aclose(self) -> None:
        """As ``Connections`` says."""
        await self._group.aclose()
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._read_threads.shutdown()
        self._write_thread.shutdown()
        self._reader.dispose()
        self._writer.dispose()

    def _read(self, work: Work[_T]) -> _T:
        with self._reader.connect() as connection:
            return work(connection)

    async def _transact(self, works: Sequence[Work[Any]]) -> Sequence[Done]:
        return await asyncio.get_running_loop().run_in_executor(self._write_thread, self._commit, works)

    def _commit(self, works: Sequence[Work[Any]]) -> Sequence[Done]:
        with self._writer.begin() as connection:
            return [_attempt(connection, work) for work in works]


def _attempt(connection: Connection, work: Work[Any]) -> Done:
    """Does one of several works of a transaction; the others stand when it fails."""
    try:
        with connection.begin_nested():
            return Done(work(connection))
    except SQLAlchemyError as error:
        return Done(error=error)


def open_sqlite(path: Path, *, upgrade: bool) -> SqliteConnections:
    """Makes the file, if there is none, and its tables. Blocks. Raises StorageError.

    Without ``upgrade`` nothing is made, and the tables have to be there.
    """
    if sqlite3.sqlite_version_info < _OLDEST:
        raise StorageError(f"SQLite {sqlite3.sqlite_version} is too old: 3.35 is needed.")
    try:
        if upgrade:
            upgrade_file(path)
        else:
            _require_current(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be opened: {error.strerror}.") from error
    except DBAPIError as error:
        raise StorageError(f"{path} cannot be opened: {told(error)}.") from error
    return SqliteConnections(path)


def upgrade_file(path: Path) -> None:
    """Brings the tables of the file up to date, one process at a time."""
    with durable.exclusive(path):
        make_private(path)
        engine = _writing(path)
        try:
            with engine.begin() as connection:
                migrate.upgrade(connection)
        finally:
            engine.dispose()


def make_private(path: Path) -> None:
    """Makes an empty file for its owner alone, where there is none; SQLite gives those beside it the same mode."""
    if not path.exists():  # to open and close one that is in use would drop SQLite's locks
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, durable.PRIVATE))


def _require_current(path: Path) -> None:
    if not path.exists():
        raise StorageError(f"There is no database at {path}.")
    engine = _engine(path, 1)
    try:
        with engine.connect() as connection:
            migrate.require_current(connection)
    finally:
        engine.dispose()


def _engine(path: Path, size: int) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"check_same_thread": False, "timeout": _BUSY_SECONDS},
        pool_size=size,
        max_overflow=0,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare)
    return engine


def _writing(path: Path) -> Engine:
    engine = _engine(path, 1)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # the module would begin transactions where it sees fit
    for pragma in _PRAGMAS:
        connection.execute(pragma).close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # one that begins with reading could not wait for its turn
