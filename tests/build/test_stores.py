"""The stores of a server: where large bodies go, and what is done when it starts and while it runs."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from geminid.build.stores import Stores, blobs_of
from geminid.settings import SettingsError, Storage
from geminid.storage.base import StorageError
from geminid.storage.blob_bucket import BlobBucket
from geminid.storage.blob_folder import BlobFolder
from geminid.storage.blobbed_contents import BLOB_BYTES
from geminid.storage.records import CachedContentRecord

NOW = dt.datetime.now(dt.UTC)
CONTENT = CachedContentRecord("1", "p", "l", "m", NOW, NOW, NOW + dt.timedelta(days=1))
LARGE = os.urandom(BLOB_BYTES + 1)

Open: TypeAlias = Callable[..., Awaitable[Stores]]


@pytest.fixture
async def open_(tmp_path: Path) -> AsyncIterator[Open]:
    opened: list[Stores] = []

    async def open_(
        storage: Storage = Storage(),  # noqa: B008 - it is frozen
        after_sweep: Callable[[], Awaitable[None]] | None = None,
    ) -> Stores:
        opened.append(Stores(storage, tmp_path / "state", after_sweep))
        await opened[-1].open()
        return opened[-1]

    yield open_
    for stores in opened:
        await stores.aclose()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]


async def test_large_bodies_are_beside_the_file_of_the_database(open_: Open, tmp_path: Path) -> None:
    stores = await open_()

    await stores.cached_contents.create(CONTENT, LARGE)

    (blob,) = files(tmp_path / "state" / "geminid.blobs")
    assert blob.stat().st_size == len(LARGE)


async def test_they_can_be_in_another_folder(open_: Open, tmp_path: Path) -> None:
    stores = await open_(Storage(blobs=str(tmp_path / "elsewhere")))

    await stores.cached_contents.create(CONTENT, LARGE)

    assert len(files(tmp_path / "elsewhere")) == 1


async def test_a_server_that_starts_again_finds_them_and_removes_what_nobody_names(
    open_: Open, tmp_path: Path
) -> None:
    first = await open_()
    await first.cached_contents.create(CONTENT, LARGE)
    await first.aclose()
    (blob,) = files(tmp_path / "state" / "geminid.blobs")
    (blob.parent / f"{blob.name[:2]}{'0' * 30}").write_bytes(b"left behind")

    second = await open_()

    record = await second.cached_contents.get("p", "l", "1", NOW)
    assert record
    assert await second.cached_contents.body(record) == LARGE
    assert files(tmp_path / "state" / "geminid.blobs") == [blob]


async def test_what_has_expired_goes_at_once_and_somebody_is_told(open_: Open, tmp_path: Path) -> None:
    swept = asyncio.Event()

    async def tell() -> None:
        swept.set()

    first = await open_()
    over = NOW - dt.timedelta(seconds=1)
    await first.cached_contents.create(CachedContentRecord("2", "p", "l", "m", over, over, over), LARGE)
    await first.aclose()

    second = await open_(after_sweep=tell)
    await asyncio.wait_for(swept.wait(), 10)

    assert await second.cached_contents.alive(["2"], over - dt.timedelta(hours=1)) == set()
    assert files(tmp_path / "state" / "geminid.blobs") == []


def test_where_blobs_are(tmp_path: Path) -> None:
    bucket = Storage(blobs="s3://bucket/prefix", blobs_endpoint="http://127.0.0.1:9")

    assert isinstance(blobs_of(bucket, "sqlite:///x.db"), BlobBucket)
    assert isinstance(blobs_of(bucket, "postgresql:///x"), BlobBucket)
    assert isinstance(blobs_of(Storage(), "sqlite:///x.db"), BlobFolder)
    assert isinstance(blobs_of(Storage(blobs=str(tmp_path)), "postgresql:///x"), BlobFolder)
    assert blobs_of(Storage(), "postgresql:///x") is None
    with pytest.raises(StorageError):
        blobs_of(Storage(blobs="ftp://server/blobs"), "sqlite:///x.db")


async def test_a_place_that_cannot_be_used_is_told_at_the_start(open_: Open, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(SettingsError, match=r"\[storage\] blobs: its place cannot be used"):
        await open_(Storage(blobs=str(tmp_path / "file" / "blobs")))
    with pytest.raises(SettingsError, match=r"\[storage\] blobs: Blobs are kept in a folder, s3:"):
        await open_(Storage(blobs="ftp://server/blobs"))
