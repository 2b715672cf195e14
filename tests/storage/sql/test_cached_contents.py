"""What ``records.CachedContents`` promises: of rows alone, and of rows with blobs; in both databases."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import pytest

from geminid.errors import AlreadyExists
from geminid.storage.blob_folder import BlobFolder
from geminid.storage.blobbed_contents import BLOB_BYTES, BlobbedCachedContents
from geminid.storage.records import CachedContentRecord, CachedContents
from geminid.storage.sql.database import Database

NOW = dt.datetime(2026, 11, 21, 12, 0, 0, 123_456, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
TICK = dt.timedelta(microseconds=1)
HOSTILE = "NUL \0, half a pair \ud800, a backslash \\0000, '; DROP TABLE buckets; --, 😀"

CONTENT = CachedContentRecord("1", "p", "l", "gemini-2.0-flash", NOW, NOW, NOW + HOUR, "Books", b"{}")


@pytest.fixture(params=["rows", "blobs"])
async def contents(
    request: pytest.FixtureRequest, database: Database, tmp_path: Path
) -> AsyncIterator[CachedContents]:
    if request.param == "rows":
        yield database.cached_contents
        return
    contents = BlobbedCachedContents(database.cached_contents, BlobFolder(tmp_path / "blobs"), clock=lambda: NOW)
    await contents.open()
    yield contents
    await contents.aclose()


@pytest.fixture(params=[256, BLOB_BYTES + 1], ids=["small", "large"])
def body(request: pytest.FixtureRequest) -> bytes:
    return bytes(range(256)) * (request.param // 256) + bytes(request.param % 256)


def told(record: CachedContentRecord | None) -> CachedContentRecord | None:
    """Without the name of a blob, which is a matter of chance."""
    return record and replace(record, blob="")


async def test_a_content_is_as_it_was_created(contents: CachedContents, body: bytes) -> None:
    await contents.create(CONTENT, body)

    found = await contents.get("p", "l", "1", NOW)

    assert found
    assert told(found) == CONTENT
    assert await contents.body(found) == body


async def test_any_text_can_be_kept_and_found(contents: CachedContents) -> None:
    hostile = replace(CONTENT, id=HOSTILE, project=HOSTILE, display_name=HOSTILE)
    await contents.create(hostile, b"")

    assert await contents.get(HOSTILE, "l", HOSTILE, NOW) == hostile
    assert await contents.get(HOSTILE.replace("\0", "\\0000"), "l", HOSTILE, NOW) is None
    assert await contents.body(hostile) == b""


async def test_times_of_all_zones_are_those_moments(contents: CachedContents) -> None:
    elsewhere = dt.timezone(dt.timedelta(hours=5, minutes=30))
    await contents.create(replace(CONTENT, created=NOW.astimezone(elsewhere)), b"body")

    found = await contents.get("p", "l", "1", NOW.astimezone(elsewhere))

    assert found == CONTENT
    assert found.created.tzinfo is dt.UTC


async def test_an_id_is_given_once(contents: CachedContents) -> None:
    await contents.create(CONTENT, b"body")

    with pytest.raises(AlreadyExists):
        await contents.create(replace(CONTENT, project="other"), b"other")

    assert await contents.get("p", "l", "1", NOW) == CONTENT
    assert await contents.body(CONTENT) == b"body"


async def test_it_expires_at_its_moment(contents: CachedContents) -> None:
    await contents.create(CONTENT, b"body")
    end = CONTENT.expires

    assert await contents.get("p", "l", "1", end - TICK) == CONTENT
    assert await contents.get("p", "l", "1", end) is None
    assert await contents.list("p", "l", end, size=9) == []
    assert await contents.expire_at("p", "l", "1", end + HOUR, end) is None
    assert await contents.delete("p", "l", "1", end) is None


async def test_a_clock_that_goes_back_brings_back_what_was_not_swept(contents: CachedContents) -> None:
    await contents.create(CONTENT, b"body")
    assert await contents.get("p", "l", "1", CONTENT.expires) is None

    assert await contents.get("p", "l", "1", NOW) == CONTENT


Ask: TypeAlias = Callable[[CachedContents, str, str], Awaitable[object]]


@pytest.mark.parametrize(
    ("project", "location"), [("other", "l"), ("p", "other"), ("", ""), ("P", "l"), ("%", "%")]
)
@pytest.mark.parametrize(
    "ask",
    [
        lambda contents, project, location: contents.get(project, location, "1", NOW),
        lambda contents, project, location: contents.body(replace(CONTENT, project=project, location=location)),
        lambda contents, project, location: contents.list(project, location, NOW, size=9),
        lambda contents, project, location: contents.list(project, location, NOW, size=9, after=(NOW + HOUR, "")),
        lambda contents, project, location: contents.expire_at(project, location, "1", NOW + 2 * HOUR, NOW),
        lambda contents, project, location: contents.delete(project, location, "1", NOW),
    ],
    ids=["get", "body", "list", "list after it", "expire_at", "delete"],
)
async def test_others_see_nothing_and_change_nothing(
    contents: CachedContents, ask: Ask, project: str, location: str
) -> None:
    await contents.create(CONTENT, b"body")

    assert not await ask(contents, project, location)

    assert await contents.get("p", "l", "1", NOW) == CONTENT


async def test_the_newest_are_listed_first_page_by_page(contents: CachedContents) -> None:
    for number in range(7):  # of which two each are of one moment
        await contents.create(replace(CONTENT, id=f"{number}", created=NOW + number // 2 * TICK), b"body")

    pages = [await contents.list("p", "l", NOW, size=3)]
    while pages[-1]:
        last = pages[-1][-1]
        pages.append(await contents.list("p", "l", NOW, size=3, after=(last.created, last.id)))

    assert [[record.id for record in page] for page in pages] == [["6", "5", "4"], ["3", "2", "1"], ["0"], []]


async def test_a_list_goes_on_after_one_that_is_gone(contents: CachedContents) -> None:
    for number in range(3):
        await contents.create(replace(CONTENT, id=f"{number}", created=NOW + number * TICK), b"body")
    await contents.delete("p", "l", "1", NOW)

    page = await contents.list("p", "l", NOW, size=3, after=(NOW + TICK, "1"))

    assert [record.id for record in page] == ["0"]


async def test_an_expiration_is_changed(contents: CachedContents) -> None:
    await contents.create(CONTENT, b"body")
    later = NOW + 2 * HOUR

    changed = await contents.expire_at("p", "l", "1", later, NOW + TICK)

    assert changed == replace(CONTENT, expires=later, updated=NOW + TICK)
    assert await contents.get("p", "l", "1", later - TICK) == changed


async def test_a_content_is_deleted_once(contents: CachedContents) -> None:
    await contents.create(CONTENT, b"body")

    assert await contents.delete("p", "l", "1", NOW) == CONTENT
    assert await contents.delete("p", "l", "1", NOW) is None
    assert await contents.get("p", "l", "1", NOW) is None
    assert await contents.body(CONTENT) is None


async def test_sweeping_deletes_what_has_expired(contents: CachedContents) -> None:
    other = replace(CONTENT, id="2", project="other")
    await contents.create(CONTENT, b"body")
    await contents.create(other, b"body")
    await contents.create(replace(CONTENT, id="3", expires=CONTENT.expires + TICK), b"body")

    swept = await contents.sweep(CONTENT.expires)

    assert sorted(swept, key=lambda record: record.id) == [CONTENT, other]
    assert await contents.sweep(CONTENT.expires) == []
    assert [record.id for record in await contents.list("p", "l", NOW, size=9)] == ["3"]


async def test_who_is_alive_is_told_of_all_projects(contents: CachedContents) -> None:
    await contents.create(CONTENT, b"body")
    await contents.create(replace(CONTENT, id="2", project="other"), b"body")
    await contents.create(replace(CONTENT, id="3", expires=NOW), b"body")
    await contents.create(replace(CONTENT, id="4"), b"body")
    unknown = {f"unknown{number}" for number in range(1_200)}

    assert await contents.alive({"1", "2", "3", HOSTILE, *unknown}, NOW) == {"1", "2"}
    assert await contents.alive(set(), NOW) == set()


async def test_blobs_that_rows_name(database: Database) -> None:
    await database.cached_contents.create(replace(CONTENT, blob="b" * 32), b"")
    await database.cached_contents.create(replace(CONTENT, id="2", project="other", blob="a" * 32), b"")
    await database.cached_contents.create(replace(CONTENT, id="3"), b"body")

    assert sorted(await database.cached_contents.blobs()) == ["a" * 32, "b" * 32]
