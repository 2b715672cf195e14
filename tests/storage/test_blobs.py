"""What ``blobs.Blobs`` promises, held by a folder, by obstore's stores, and by a server that speaks S3."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import secrets
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import platformdirs
import pytest
from obstore.store import LocalStore, MemoryStore

from geminid.errors import Unavailable
from geminid.storage.base import StorageError
from geminid.storage.blob_bucket import BlobBucket, open_bucket
from geminid.storage.blob_folder import BlobFolder
from geminid.storage.blobs import Blobs, new_name

DATA = os.urandom(300_000)
DAY = dt.timedelta(days=1)


def gateway() -> str:
    """versitygw, an S3 server over a folder, from the path or from where clients for tests are kept."""
    kept = platformdirs.user_cache_path("geminid", appauthor=False) / "clients" / "go" / "bin"
    found = shutil.which("versitygw", path=os.pathsep.join([str(kept), os.environ["PATH"]]))
    if found is None:
        pytest.skip(f"GOBIN={kept} go install github.com/versity/versitygw/cmd/versitygw@latest")
    return found


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail("the S3 server does not listen")


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[str]:
    """The endpoint of a server with the bucket ``caches``."""
    data = tmp_path_factory.mktemp("s3")
    (data / "caches").mkdir()
    port = free_port()
    command = [gateway(), "--access", "key", "--secret", "secret", "--port", f"127.0.0.1:{port}", "posix"]
    process = subprocess.Popen(
        [*command, str(data)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=data
    )
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(params=["folder", "local store", "memory store", "s3"])
async def blobs(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Blobs]:
    blobs: Blobs
    match request.param:
        case "folder":
            blobs = BlobFolder(tmp_path / "state" / "blobs")
        case "local store":
            blobs = BlobBucket(LocalStore(tmp_path), "a folder")
        case "memory store":
            blobs = BlobBucket(MemoryStore(), "memory")
        case _:
            endpoint = request.getfixturevalue("s3")
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
            blobs = open_bucket(f"s3://caches/{secrets.token_hex(4)}/of geminid/", endpoint)
    await blobs.open()
    await blobs.admit()
    yield blobs
    await blobs.aclose()


def test_names_are_not_guessed() -> None:
    assert len({new_name() for _ in range(1000)}) == 1000
    assert len(bytes.fromhex(new_name())) == 16


async def test_what_was_put_is_there(blobs: Blobs) -> None:
    names = [new_name() for _ in range(3)]
    for name in names:
        await blobs.put(name, DATA + name.encode())

    assert [await blobs.get(name) for name in names] == [DATA + name.encode() for name in names]
    assert sorted(await blobs.names()) == sorted(names)


async def test_nothing_is_a_blob_too(blobs: Blobs) -> None:
    name = new_name()

    await blobs.put(name, b"")

    assert await blobs.get(name) == b""


async def test_what_is_not_there(blobs: Blobs) -> None:
    assert await blobs.get(new_name()) is None
    assert list(await blobs.names()) == []
    await blobs.delete(new_name())


async def test_what_was_deleted_is_gone(blobs: Blobs) -> None:
    name, other = new_name(), new_name()
    await blobs.put(name, DATA)
    await blobs.put(other, DATA)

    await blobs.delete(name)
    await blobs.delete(name)

    assert await blobs.get(name) is None
    assert list(await blobs.names()) == [other]


async def test_names_of_a_time(blobs: Blobs) -> None:
    await blobs.put(name := new_name(), DATA)
    now = dt.datetime.now(dt.UTC)

    assert list(await blobs.names(now - DAY)) == []
    assert list(await blobs.names(now + DAY)) == [name]


async def test_many_at_a_time(blobs: Blobs) -> None:
    names = [new_name() for _ in range(20)]

    await asyncio.gather(*(blobs.put(name, name.encode()) for name in names))

    assert await asyncio.gather(*(blobs.get(name) for name in names)) == [name.encode() for name in names]


# A folder.


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[BlobFolder]:
    folder = BlobFolder(tmp_path / "blobs")
    await folder.open()
    await folder.admit()
    yield folder
    await folder.aclose()


async def test_a_folder_is_its_owners_alone(folder: BlobFolder, tmp_path: Path) -> None:
    await folder.put(new_name(), DATA)

    modes = {path.is_dir(): stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "blobs").rglob("*")}

    assert stat.S_IMODE((tmp_path / "blobs").stat().st_mode) == 0o700
    assert modes == {True: 0o700, False: 0o600}


async def test_other_files_are_left_alone(folder: BlobFolder, tmp_path: Path) -> None:
    shard = tmp_path / "blobs" / "ab"
    shard.mkdir()
    (shard / "notes.txt").write_text("mine")
    (tmp_path / "blobs" / new_name()).write_text("not in its place")

    assert list(await folder.names()) == []


async def test_what_a_crash_left_half_written_is_named_and_can_be_deleted(
    folder: BlobFolder, tmp_path: Path
) -> None:
    name = new_name()
    part = tmp_path / "blobs" / name[:2] / f"{name}.part"
    part.parent.mkdir()
    part.write_bytes(DATA[:100])

    assert await folder.get(name) is None
    assert list(await folder.names()) == [f"{name}.part"]
    await folder.delete(f"{name}.part")
    assert list(await folder.names()) == []


async def test_a_name_is_written_once(folder: BlobFolder, tmp_path: Path) -> None:
    name = new_name()
    part = tmp_path / "blobs" / name[:2] / f"{name}.part"
    part.parent.mkdir()
    part.mkdir()

    with pytest.raises(Unavailable):
        await folder.put(name, DATA)

    assert await folder.get(name) is None


async def test_only_the_first_of_several_servers_is_alone(tmp_path: Path) -> None:
    first, second, third = (BlobFolder(tmp_path) for _ in range(3))

    assert await first.open()
    assert not await second.open()
    waiting = asyncio.create_task(second.admit())
    await asyncio.sleep(0)
    assert not waiting.done()  # the first may still be cleaning
    await first.admit()
    await waiting
    await first.aclose()
    assert not await third.open()  # the second writes
    await second.aclose()
    await third.aclose()
    assert await third.open()
    await third.aclose()


async def test_a_folder_that_cannot_be_made_is_out_of_reach(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(Unavailable):
        await BlobFolder(tmp_path / "file" / "blobs").open()


# A bucket.


@pytest.mark.parametrize("url", ["s3://", "s3:///", "https://bucket/prefix", "az://bucket", "://"])
def test_what_is_no_bucket(url: str) -> None:
    with pytest.raises(StorageError, match=r"in a folder, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX, not"):
        open_bucket(url)


async def test_a_bucket_that_does_not_answer_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        bucket = open_bucket("s3://caches", f"http://127.0.0.1:{closed.getsockname()[1]}")

        with pytest.raises(Unavailable):
            await bucket.put(new_name(), b"")


async def test_a_wrong_key_is_no_missing_blob(s3: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    bucket = open_bucket("s3://caches", s3)

    with pytest.raises(Unavailable):
        await bucket.get(new_name())
