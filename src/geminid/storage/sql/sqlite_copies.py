"""Backups of a SQLite file, and their restoring, while servers use it: by SQLite's own online backup.

A backup is one file: what the database keeps as blobs elsewhere is in its rows. All works on files, of whichever
schema that is known here, so that also a damaged database can be replaced. Everything blocks. Raises StorageError.
https://www.sqlite.org/backup.html
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from geminid.storage import durable
from geminid.storage.base import StorageError
from geminid.storage.sql.schema import SCHEMA, VERSION_TABLE
from geminid.storage.sql.sqlite import upgrade_file

_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_HAS_BLOBS: Final = "SELECT 1 FROM pragma_table_info('cached_contents') WHERE name = 'blob'"
"""The first schema had none."""


def backup(database: Path, target: Path, blob: Callable[[str], bytes | None]) -> None:
    """Writes what is committed at this moment to ``target``, one file for its owner alone, which must be new.

    ``blob`` has the blob of a name, None where there is none, which is an error unless its row goes meanwhile.
    """
    if not database.exists():
        raise StorageError(f"There is no database at {database}.")
    if target.exists():
        raise StorageError(f"{target} exists already.")
    with _told(target), _beside(target) as copy:
        _copy(database, copy)
        _require_sound(copy)
        _take_in_blobs(copy, database, blob)
        with copy.open("rb+") as file:
            os.fsync(file.fileno())
        copy.rename(target)
        _sync_folder(target.parent)


def restore(database: Path, source: Path) -> None:
    """Makes ``database`` what ``source`` is, brought up to date; a crash leaves the one or the other.

    Servers that use it see the change at once. A damaged file is kept beside the new one as ``….damaged``; servers
    that have that one open must be started again.
    """
    if not source.exists():
        raise StorageError(f"There is no backup at {source}.")
    _require_sound(source)
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _told(database), _beside(database) as copy:
        _copy(source, copy)
        upgrade_file(copy)
        _fold(copy)
        with durable.exclusive(database):
            _put(copy, database)


def damage(path: Path) -> list[str]:
    """What SQLite's own check finds wrong with the file, a line each. Raises sqlite3.Error where it is not one."""
    with contextlib.closing(_open(path)) as connection:
        lines = [str(line) for (line,) in connection.execute("PRAGMA integrity_check")]
    return [] if lines == ["ok"] else lines


def _take_in_blobs(copy: Path, database: Path, blob: Callable[[str], bytes | None]) -> None:
    """Has ``copy`` stand alone: large bodies are in their rows, as a server without blobs keeps them."""
    with contextlib.closing(_open(copy)) as connection:
        if not connection.execute(_HAS_BLOBS).fetchone():
            return
        connection.execute("PRAGMA journal_mode=DELETE").close()
        connection.execute("BEGIN").close()
        for id, name in connection.execute("SELECT id, blob FROM cached_contents WHERE blob != ''").fetchall():
            body = blob(name)
            if body is not None:
                connection.execute("UPDATE cached_contents SET body = ?, blob = '' WHERE id = ?", (body, id))
            elif _names(database, name):
                raise StorageError(
                    f"The body of the cached content {id} is not there: it is the blob {name}. "
                    "Where `[storage] blobs` says where blobs are, name the settings by --config."
                )
            else:  # deleted since the copy was made
                connection.execute("DELETE FROM cached_contents WHERE id = ?", (id,))
        connection.execute("COMMIT").close()


def _names(database: Path, blob: str) -> bool:
    with contextlib.closing(_open(database)) as connection:
        return connection.execute("SELECT 1 FROM cached_contents WHERE blob = ?", (blob,)).fetchone() is not None


def _put(copy: Path, database: Path) -> None:
    try:
        _copy(copy, database)
    except sqlite3.DatabaseError as error:
        if _primary(error) not in _DAMAGE:
            raise
        database.rename(database.with_name(f"{database.name}.damaged"))
        for suffix in ("-wal", "-shm"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)
        copy.rename(database)
        _sync_folder(database.parent)


def _copy(source: Path, target: Path) -> None:
    """In one step, which is one transaction in ``target``."""
    with contextlib.closing(_open(source)) as reading, contextlib.closing(_open(target)) as writing:
        reading.backup(writing)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous=FULL").close()
    return connection


def _require_sound(path: Path) -> None:
    try:
        wrong = damage(path)
        with contextlib.closing(_open(path)) as connection:
            found = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()
    except sqlite3.Error as error:
        raise StorageError(f"{path} is not a database of geminid: {error}.") from error
    if wrong:
        raise StorageError(f"{path} is damaged: {wrong[0]}.")
    if found is not None and str(found[0]) > SCHEMA:
        raise StorageError(f"{path} was made by a newer geminid: this version knows no schema above {SCHEMA}.")


def _fold(path: Path) -> None:
    """Takes what its ``-wal`` holds into the file, which then stands alone."""
    with contextlib.closing(_open(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE").close()


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A new, private and empty file in the folder of ``path``; what is left of it goes in the end."""
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        copy = Path(folder) / path.name
        os.close(os.open(copy, os.O_RDWR | os.O_CREAT, durable.PRIVATE))
        yield copy


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"{path} cannot be written: {error}.") from error


def _primary(error: sqlite3.DatabaseError) -> int:
    """The primary result code, which is the low byte (https://www.sqlite.org/rescode.html)."""
    return error.sqlite_errorcode & 0xFF


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
