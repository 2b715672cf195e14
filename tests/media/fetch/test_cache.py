"""What is kept of downloads, for how long, and what is left behind."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from geminid.errors import ResourceExhausted
from geminid.media import base
from geminid.media.fetch.cache import Cache, Validator
from geminid.media.fetch.spool import Spool

LARGE = base.IN_MEMORY_BYTES + 1


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[Cache]:
    cache = Cache(tmp_path / "cache", LARGE * 2)
    yield cache
    await cache.aclose()


async def keep(cache: Cache, key: str, content: bytes) -> base.File:
    async with Spool(cache, key, LARGE * 10) as spool:
        for start in range(0, len(content), 65536):
            await spool.write(content[start : start + 65536])
        return await spool.keep(key, "image/png", Validator(etag=key))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]


async def test_small_files_are_in_memory_and_large_ones_on_disk(cache: Cache) -> None:
    content = os.urandom(LARGE)

    assert (await keep(cache, "small", content[:-1])).content == content[:-1]
    large = (await keep(cache, "large", content)).content

    assert isinstance(large, Path)
    assert large.read_bytes() == content


async def test_one_content_is_one_file(cache: Cache, tmp_path: Path) -> None:
    first = await keep(cache, "a", bytes(LARGE))
    second = await keep(cache, "b", bytes(LARGE))

    await cache.settle()
    assert first.content == second.content
    assert len(files(tmp_path)) == 1
    assert cache.used_bytes == LARGE


async def test_what_was_used_least_recently_goes_first(cache: Cache, tmp_path: Path) -> None:
    for key in "ab":
        await keep(cache, key, key.encode() * LARGE)
    known = cache.known("a")
    assert known is not None
    await known.file()
    del known

    await keep(cache, "c", b"c" * LARGE)

    await cache.settle()
    assert cache.known("a")
    assert cache.known("b") is None
    assert cache.known("c")
    assert len(files(tmp_path)) == 2
    assert cache.used_bytes == LARGE * 2


async def test_a_small_file_is_given_even_where_it_cannot_be_kept(cache: Cache) -> None:
    held = [await keep(cache, key, key.encode() * LARGE) for key in "ab"]

    assert (await keep(cache, "small", b"small")).content == b"small"
    assert cache.known("small") is None
    assert len(held) == 2


async def test_a_small_file_is_given_where_there_is_no_disk(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = Cache(tmp_path / "file" / "cache", LARGE)

    assert (await keep(cache, "small", b"small")).content == b"small"
    assert cache.used_bytes == 0
    await cache.aclose()


async def test_a_download_that_fails_leaves_nothing(cache: Cache, tmp_path: Path) -> None:
    async with Spool(cache, "a", LARGE) as spool:
        await spool.write(bytes(LARGE))
        assert len(files(tmp_path)) == 1

    await cache.settle()
    assert files(tmp_path) == []
    assert cache.used_bytes == 0


async def test_a_file_larger_than_the_cache_is_refused(cache: Cache, tmp_path: Path) -> None:
    with pytest.raises(ResourceExhausted):
        await keep(cache, "a", bytes(LARGE * 3))

    await cache.settle()
    assert files(tmp_path) == []
    assert cache.used_bytes == 0


async def test_nothing_is_left_at_the_end(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", LARGE)
    await keep(cache, "a", bytes(LARGE))

    await cache.aclose()

    assert list((tmp_path / "cache").iterdir()) == []


async def test_servers_that_share_a_folder_leave_each_other_alone(cache: Cache, tmp_path: Path) -> None:
    first = await keep(cache, "a", bytes(LARGE))
    other = Cache(tmp_path / "cache", LARGE)

    await keep(other, "a", bytes(LARGE))
    await other.aclose()

    assert first.size == LARGE


async def test_what_a_server_that_died_left_is_removed(cache: Cache, tmp_path: Path) -> None:
    left = tmp_path / "cache" / "server-dead"
    left.mkdir(parents=True)
    (left / "1").write_bytes(b"part")
    left.with_suffix(".lock").touch()

    await keep(cache, "a", b"a")

    assert not left.exists()
    assert not left.with_suffix(".lock").exists()
