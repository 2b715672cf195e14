"""What holds for SQLite alone: its file, its backups, and the ways in which it fails."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import resource
import sqlite3
import stat
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

import pytest

from geminid.errors import Unavailable
from geminid.storage.base import StorageError
from geminid.storage.records import CachedContentRecord
from geminid.storage.sql import sqlite_copies
from geminid.storage.sql.database import Database, open_database
from geminid.storage.sql.schema import VERSION_TABLE

Open = Callable[..., Awaitable[Database]]

DIARY = b"This is a diary." * 1000
NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)

BODY = b"body" * 1000


def content(id_: str) -> CachedContentRecord:
    return CachedContentRecord(id_, "p", "l", "m", NOW, NOW, NOW + dt.timedelta(hours=1))


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)


def read(path: Path) -> bytes:
    return path.read_bytes()


def no_blobs(name: str) -> None:
    """Nothing is a blob here."""


async def ids(database: Database) -> list[str]:
    return [record.id for record in await database.cached_contents.list("p", "l", NOW, size=9_999)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "geminid.db"


@pytest.fixture
async def database(sqlite_url: str, open_: Open) -> Database:
    return await open_(sqlite_url)


async def test_the_files_are_their_owners_alone(database: Database, file: Path) -> None:
    await database.cached_contents.create(content("1"), BODY)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()}

    assert modes == dict.fromkeys([".geminid.db.lock", "geminid.db", "geminid.db-shm", "geminid.db-wal"], 0o600)
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


async def test_what_is_kept_is_there_after_a_restart(sqlite_url: str, open_: Open) -> None:
    first = await open_database(sqlite_url)
    await first.cached_contents.create(content("1"), BODY)
    await first.aclose()

    assert await ids(await open_(sqlite_url)) == ["1"]


async def test_two_servers_share_a_file(database: Database, sqlite_url: str, open_: Open) -> None:
    other = await open_(sqlite_url)
    await database.cached_contents.create(content("1"), BODY)
    await other.cached_contents.create(content("2"), BODY)

    assert await ids(database) == await ids(other) == ["2", "1"]


async def test_a_write_waits_for_another_process_and_reads_do_not(database: Database, file: Path) -> None:
    await database.cached_contents.create(content("1"), BODY)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(database.cached_contents.create(content("2"), BODY))

        assert await ids(database) == ["1"]
        assert not writing.done()

        other.execute("ROLLBACK")
    await writing
    assert await ids(database) == ["2", "1"]


@contextmanager
def no_room(beyond: int) -> Iterator[None]:
    """No file of this process grows beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (beyond, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_without_room_writes_are_refused_and_go_on_when_there_is_some(database: Database) -> None:
    with no_room(beyond=400_000):
        ended = await asyncio.gather(
            *(database.cached_contents.create(content(f"{number}"), BODY) for number in range(300)),
            return_exceptions=True,
        )
    await database.cached_contents.create(content("later"), BODY)

    kept = {f"{number}" for number, end in enumerate(ended) if end is None}
    assert {type(end) for end in ended} <= {type(None), Unavailable}
    assert len(kept) < 300
    assert set(await ids(database)) == kept | {"later"}
    assert (await database.check()).problems == []


async def test_what_the_database_refuses_is_told_as_unavailable(database: Database, file: Path) -> None:
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON buckets BEGIN SELECT load_extension('x'); END")

        with pytest.raises(Unavailable, match="currently unavailable"):
            await database.buckets.take("k", 1, per_minute=1, burst=1, now=NOW)


# Opening.


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "named by sqlite:///FILE or postgresql://"),
        ("mysql://localhost/x", "mysql databases are not known"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
    ],
)
async def test_a_url_that_names_no_database_is_refused(url: str, words: str) -> None:
    with pytest.raises(StorageError, match=words):
        await open_database(url)


async def test_a_file_that_is_something_else_is_refused_and_left_alone(sqlite_url: str, file: Path) -> None:
    write(file, DIARY)

    with pytest.raises(StorageError, match=r"cannot be opened: file is not a database\."):
        await open_database(sqlite_url)

    assert read(file) == DIARY


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")

    with pytest.raises(StorageError, match=r"geminid\.db cannot be opened: "):
        await open_database(f"sqlite:///{tmp_path}/state/geminid.db")


# Backups.


async def test_a_backup_is_of_what_was_committed_and_stands_alone(
    database: Database, file: Path, tmp_path: Path
) -> None:
    await database.cached_contents.create(content("1"), BODY)

    sqlite_copies.backup(file, tmp_path / "backup.db", no_blobs)
    await database.cached_contents.create(content("2"), BODY)

    assert stat.S_IMODE((tmp_path / "backup.db").stat().st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["backup.db", "state"]
    with closing(sqlite3.connect(f"file:{tmp_path}/backup.db?immutable=1", uri=True)) as copy:
        assert copy.execute("SELECT id FROM cached_contents").fetchall() == [("1",)]


async def test_a_backup_does_not_replace_a_file(database: Database, file: Path, tmp_path: Path) -> None:
    (tmp_path / "backup.db").write_text("precious")

    with pytest.raises(StorageError, match=r"backup\.db exists already"):
        sqlite_copies.backup(file, tmp_path / "backup.db", no_blobs)

    assert (tmp_path / "backup.db").read_text() == "precious"


async def test_a_server_that_runs_sees_what_is_restored(database: Database, file: Path, tmp_path: Path) -> None:
    await database.cached_contents.create(content("1"), BODY)
    sqlite_copies.backup(file, tmp_path / "backup.db", no_blobs)
    await database.cached_contents.create(content("2"), BODY)

    sqlite_copies.restore(file, tmp_path / "backup.db")

    assert await ids(database) == ["1"]
    await database.cached_contents.create(content("3"), BODY)
    assert await ids(database) == ["3", "1"]
    assert (await database.check()).problems == []


async def test_a_backup_is_restored_where_there_is_nothing(
    database: Database, file: Path, tmp_path: Path, open_: Open
) -> None:
    await database.cached_contents.create(content("1"), BODY)
    sqlite_copies.backup(file, tmp_path / "backup.db", no_blobs)

    sqlite_copies.restore(tmp_path / "new" / "geminid.db", tmp_path / "backup.db")

    assert await ids(await open_(f"sqlite:///{tmp_path}/new/geminid.db")) == ["1"]


async def with_blob(database: Database, id_: str, name: str) -> None:
    await database.cached_contents.create(replace(content(id_), blob=name), b"")


async def test_a_backup_holds_what_is_in_blobs(
    database: Database, file: Path, tmp_path: Path, open_: Open
) -> None:
    await with_blob(database, "1", "first")
    await with_blob(database, "2", "second")

    sqlite_copies.backup(file, tmp_path / "backup.db", {"first": b"one", "second": b"two"}.get)

    assert sorted(os.listdir(tmp_path)) == ["backup.db", "state"]
    sqlite_copies.restore(tmp_path / "new" / "geminid.db", tmp_path / "backup.db")
    contents = (await open_(f"sqlite:///{tmp_path}/new/geminid.db")).cached_contents
    records = sorted(await contents.list("p", "l", NOW, size=9), key=attrgetter("id"))
    assert [(record.id, record.blob, await contents.body(record)) for record in records] == [
        ("1", "", b"one"),
        ("2", "", b"two"),
    ]


async def test_a_backup_without_a_blob_that_is_needed_is_refused(
    database: Database, file: Path, tmp_path: Path
) -> None:
    await with_blob(database, "1", "first")

    with pytest.raises(StorageError, match=r"body of the cached content 1 is not there: it is the blob first"):
        sqlite_copies.backup(file, tmp_path / "backup.db", no_blobs)

    assert os.listdir(tmp_path) == ["state"]


async def test_what_is_deleted_while_it_is_backed_up_is_not_in_the_backup(
    database: Database, file: Path, tmp_path: Path
) -> None:
    await with_blob(database, "1", "first")

    def deleted(name: str) -> None:
        with closing(sqlite3.connect(file)) as other, other:
            other.execute("DELETE FROM cached_contents")

    sqlite_copies.backup(file, tmp_path / "backup.db", deleted)

    with closing(sqlite3.connect(tmp_path / "backup.db")) as copy:
        assert copy.execute("SELECT count(*) FROM cached_contents").fetchone() == (0,)


async def test_a_damaged_database_is_replaced_and_kept(
    sqlite_url: str, file: Path, tmp_path: Path, open_: Open
) -> None:
    first = await open_database(sqlite_url)
    await first.cached_contents.create(content("1"), BODY)
    sqlite_copies.backup(file, tmp_path / "backup.db", no_blobs)
    await first.aclose()
    write(file, DIARY)

    sqlite_copies.restore(file, tmp_path / "backup.db")

    assert await ids(await open_(sqlite_url)) == ["1"]
    assert read(file.with_name("geminid.db.damaged")) == DIARY


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.write_bytes(b"x" * 9000), "is not a database of geminid"),
        (lambda path: path.write_bytes(b""), "is not a database of geminid"),
        (lambda path: path.unlink(), "There is no backup at"),
        (lambda path: tear(path), "is damaged|is not a database"),
        (lambda path: renumber(path), "was made by a newer geminid"),
    ],
    ids=["noise", "empty", "missing", "torn", "newer"],
)
async def test_what_is_no_sound_backup_is_not_restored(
    database: Database, file: Path, tmp_path: Path, spoil: Callable[[Path], object], words: str
) -> None:
    for number in range(20):
        await database.cached_contents.create(content(f"{number}"), BODY)
    sqlite_copies.backup(file, tmp_path / "backup.db", no_blobs)
    await database.cached_contents.create(content("after"), BODY)
    spoil(tmp_path / "backup.db")

    with pytest.raises(StorageError, match=words):
        sqlite_copies.restore(file, tmp_path / "backup.db")

    assert len(await ids(database)) == 21


def tear(path: Path) -> None:
    """Loses its last pages."""
    data = path.read_bytes()
    path.write_bytes(data[: -10 * 4096] + bytes(10 * 4096))


def renumber(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
        connection.commit()


async def test_a_check_counts_rows(database: Database) -> None:
    await database.cached_contents.create(content("1"), BODY)

    checked = await database.check()

    assert checked.rows == {"buckets": 0, "cached_contents": 1, "shares": 0, "usage_records": 0}
    assert checked.problems == []


async def test_a_check_finds_damage(sqlite_url: str, file: Path, open_: Open) -> None:
    first = await open_database(sqlite_url)
    for number in range(50):
        await first.cached_contents.create(content(f"{number}"), BODY)
    await first.aclose()
    tear(file)

    checked = await (await open_(sqlite_url)).check()

    assert checked.problems
