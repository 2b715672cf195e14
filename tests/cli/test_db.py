"""``geminid db``, as a person or a script calls it."""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from geminid.cli.db import app
from geminid.storage.blob_folder import BlobFolder
from geminid.storage.blobbed_contents import BLOB_BYTES, BlobbedCachedContents
from geminid.storage.records import CachedContentRecord, CachedContents
from geminid.storage.sql.database import SCHEMA, open_database

NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
LARGE = bytes(BLOB_BYTES + 1)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a server has kept one content."""
    monkeypatch.setenv("GEMINID_STATE", str(tmp_path / "state"))
    monkeypatch.delenv("GEMINID_DATABASE", raising=False)
    asyncio.run(keep(f"sqlite:///{tmp_path}/state/geminid.db", "1"))
    return tmp_path / "state"


async def keep(url: str, id_: str, body: bytes = b"body", blobs: Path | None = None) -> None:
    database = await open_database(url)
    contents: CachedContents = database.cached_contents
    if blobs:
        contents = blobbed = BlobbedCachedContents(database.cached_contents, BlobFolder(blobs))
        await blobbed.open()
    await contents.create(CachedContentRecord(id_, "p", "l", "m", NOW, NOW, NOW + dt.timedelta(hours=1)), body)
    await database.aclose()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_check_back_up_and_restore(state: Path, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    wrote = run("backup", str(backup))
    asyncio.run(keep(f"sqlite:///{state}/geminid.db", "2"))
    before = run("check")
    restored = run("restore", str(backup))
    after = run("check")

    place = f"sqlite:///{state}/geminid.db, schema {SCHEMA}\nbuckets: 0\n"
    assert (wrote.exit_code, wrote.output) == (0, f"wrote {backup}\n")
    assert (before.exit_code, before.output) == (
        0,
        place + "cached_contents: 2\nshares: 0\nusage_records: 0\nsound\n",
    )
    assert (restored.exit_code, restored.output) == (0, f"restored {state}/geminid.db\n")
    assert after.output == place + "cached_contents: 1\nshares: 0\nusage_records: 0\nsound\n"


def test_a_backup_holds_what_is_too_large_for_the_database(state: Path, tmp_path: Path) -> None:
    blobs, backup = tmp_path / "elsewhere", tmp_path / "backup.db"
    asyncio.run(keep(f"sqlite:///{state}/geminid.db", "2", LARGE, blobs))
    config = tmp_path / "geminid.toml"
    config.write_text(f'[storage]\nblobs = "{blobs}"\n')

    refused = run("backup", str(backup))
    wrote = run("--config", str(config), "backup", str(backup))
    sound = run("--config", str(config), "check")
    shutil.rmtree(blobs)
    lost = run("--config", str(config), "check")

    assert refused.exit_code == 1
    assert refused.stderr.startswith("geminid: The body of the cached content 2 is not there: it is the blob ")
    assert wrote.exit_code == sound.exit_code == 0
    assert backup.stat().st_size > len(LARGE)
    assert (lost.exit_code, lost.stderr.count("is missing")) == (1, 1)


def test_what_is_not_there_is_told_in_a_line(state: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "none.db"

    missing = run("--database", f"sqlite:///{nowhere}", "check")
    backup = run("restore", str(nowhere))

    assert (missing.exit_code, missing.stderr) == (1, f"geminid: There is no database at {nowhere}.\n")
    assert (backup.exit_code, backup.stderr) == (1, f"geminid: There is no backup at {nowhere}.\n")
    assert not nowhere.exists()


def test_a_damaged_database_fails_the_check(state: Path) -> None:
    file = state / "geminid.db"
    file.write_bytes(file.read_bytes()[:100] + b"\xff" * 9000)

    assert run("check").exit_code == 1


def test_postgresql_has_its_own_programs_for_that(tmp_path: Path) -> None:
    result = run("--database", "postgresql://me@localhost/x", "backup", str(tmp_path / "b"))

    assert (result.exit_code, result.stderr) == (
        1,
        "geminid: Backups of PostgreSQL are made by pg_dump and restored by pg_restore.\n",
    )
