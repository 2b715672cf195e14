"""Uploaded files: received in pieces, kept for a while, each owner's own, and still there after a restart."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from geminid.errors import Aborted, AlreadyExists, InvalidArgument, NotFound, OutOfRange, ResourceExhausted
from geminid.storage.upload_folder import Begun, Kept
from geminid.storage.uploads import KEPT, MOST_UNFINISHED, UNFINISHED, Uploads

MIB = 1024**2


class Clock:
    def __init__(self) -> None:
        self.now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now


Make: TypeAlias = Callable[..., Uploads]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make(tmp_path: Path, clock: Clock) -> Make:
    """The same folder each time, as after a restart."""
    return lambda **limits: Uploads(tmp_path / "files", clock=clock, **limits)


@pytest.fixture
def uploads(make: Make) -> Uploads:
    return make()


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def begun(**values: Any) -> Begun:
    known: dict[str, Any] = {
        "id": "",
        "owner": "p",
        "display_name": "Picture",
        "mime_type": "image/png",
        "size": None,
    }
    return Begun(**known | values, expires=dt.datetime.max)


async def upload(uploads: Uploads, content: bytes = b"content", **values: Any) -> Kept:
    token = await uploads.begin(begun(**values))
    await uploads.append(token, 0, chunks(content))
    return await uploads.finish(token)


async def test_a_file_is_kept_with_what_its_client_said(uploads: Uploads, clock: Clock) -> None:
    token = await uploads.begin(begun(size=5))
    assert await uploads.append(token, 0, chunks(b"he", b"l")) == 3
    assert await uploads.append(token, 3, chunks(b"lo")) == 5

    kept = await uploads.finish(token)

    assert uploads.path(kept).read_bytes() == b"hello"
    assert (kept.display_name, kept.mime_type, kept.size) == ("Picture", "image/png", 5)
    assert kept.sha256 == hashlib.sha256(b"hello").hexdigest()
    assert kept.expires == clock.now + KEPT
    assert await uploads.find(kept.id, "p") == kept


async def test_an_owner_sees_its_own_files_only(uploads: Uploads) -> None:
    mine = await upload(uploads, b"mine", id="same")
    yours = await upload(uploads, b"yours", id="same", owner="q")

    assert [kept.owner for kept in await uploads.owned("p")] == ["p"]
    assert uploads.path(mine) != uploads.path(yours)
    assert await uploads.find("same", "") is None


async def test_the_newest_file_is_the_first(uploads: Uploads, clock: Clock) -> None:
    for name in ("a", "b", "c"):
        await upload(uploads, id=name)
        clock.now += dt.timedelta(seconds=1)

    assert [kept.id for kept in await uploads.owned("p")] == ["c", "b", "a"]


async def test_a_restart_keeps_files_and_what_was_received(make: Make) -> None:
    kept = await upload(make(), id="kept")
    token = await make().begin(begun(size=8))
    await make().append(token, 0, chunks(b"half"))

    restarted = make()
    await restarted.clean()

    assert await restarted.find("kept", "p") == kept
    assert (await restarted.progress(token)).received == 4
    await restarted.append(token, 4, chunks(b"half"))
    assert restarted.path(await restarted.finish(token)).read_bytes() == b"halfhalf"


async def test_a_piece_that_is_sent_again_counts_once(uploads: Uploads) -> None:
    token = await uploads.begin(begun(size=6))
    await uploads.append(token, 0, chunks(b"abcd"))

    await uploads.append(token, 2, chunks(b"cdef"))

    assert uploads.path(await uploads.finish(token)).read_bytes() == b"abcdef"


async def test_what_arrived_before_a_break_stays(uploads: Uploads) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"abc"
        raise ConnectionResetError

    token = await uploads.begin(begun())

    with pytest.raises(ConnectionResetError):
        await uploads.append(token, 0, broken())

    assert (await uploads.progress(token)).received == 3


async def test_a_finished_upload_still_tells_its_file(uploads: Uploads) -> None:
    token = await uploads.begin(begun())
    kept = await uploads.finish(token)

    assert (await uploads.progress(token)).kept == kept
    with pytest.raises(NotFound):
        await uploads.append(token, 0, chunks(b"more"))


async def test_two_requests_cannot_bring_the_same_upload(uploads: Uploads) -> None:
    token = await uploads.begin(begun())

    async def intruding() -> AsyncIterator[bytes]:
        yield b"a"
        with pytest.raises(Aborted):
            await uploads.append(token, 0, chunks(b"b"))

    assert await uploads.append(token, 0, intruding()) == 1


async def test_files_go_after_two_days(uploads: Uploads, clock: Clock, tmp_path: Path) -> None:
    kept = await upload(uploads)

    clock.now += KEPT

    assert await uploads.find(kept.id, "p") is None
    assert await uploads.owned("p") == []
    await uploads.clean()
    assert files_below(tmp_path) == []


async def test_unfinished_uploads_go_after_some_hours(uploads: Uploads, clock: Clock, tmp_path: Path) -> None:
    token = await uploads.begin(begun())

    clock.now += UNFINISHED

    with pytest.raises(NotFound):
        await uploads.progress(token)
    await uploads.clean()
    assert files_below(tmp_path) == []


async def test_deleted_and_cancelled_is_gone(uploads: Uploads, tmp_path: Path) -> None:
    kept = await upload(uploads, id="gone")
    token = await uploads.begin(begun())

    await uploads.delete(kept)
    await uploads.cancel(token)

    assert await uploads.find("gone", "p") is None
    with pytest.raises(NotFound):
        await uploads.cancel(token)
    await upload(uploads, id="gone")


async def test_a_name_is_taken_once(uploads: Uploads) -> None:
    token = await uploads.begin(begun(id="name"))
    await upload(uploads, id="name")

    with pytest.raises(AlreadyExists):
        await uploads.begin(begun(id="name"))
    with pytest.raises(AlreadyExists):
        await uploads.finish(token)


@pytest.mark.parametrize(("announced", "content"), [(2, b"abc"), (None, b"abcde")])
async def test_more_than_announced_or_allowed_is_refused(
    make: Make, announced: int | None, content: bytes
) -> None:
    uploads = make(file_bytes=4)
    token = await uploads.begin(begun(size=announced))

    with pytest.raises(InvalidArgument):
        await uploads.append(token, 0, chunks(content))


async def test_a_size_that_is_too_large_is_refused_at_once(make: Make) -> None:
    with pytest.raises(InvalidArgument, match="larger than the supported limit of 4 bytes"):
        await make(file_bytes=4).begin(begun(size=5))


async def test_a_file_with_bytes_missing_is_refused(uploads: Uploads) -> None:
    token = await uploads.begin(begun(size=2))

    with pytest.raises(InvalidArgument, match="has 0 bytes, and 2 were announced"):
        await uploads.finish(token)


async def test_an_offset_beyond_the_end_is_refused(uploads: Uploads) -> None:
    token = await uploads.begin(begun())

    with pytest.raises(OutOfRange):
        await uploads.append(token, 1, chunks(b"a"))


async def test_all_files_together_are_bounded(make: Make) -> None:
    uploads = make(total_bytes=3 * MIB)
    first = await upload(uploads, bytes(MIB), id="a")
    token = await uploads.begin(begun())

    with pytest.raises(ResourceExhausted):
        await uploads.append(token, 0, chunks(*[bytes(MIB)] * 3))
    await uploads.cancel(token)
    with pytest.raises(ResourceExhausted):
        await uploads.begin(begun(size=2 * MIB))
    await uploads.delete(first)
    await uploads.begin(begun(size=2 * MIB))


async def test_unfinished_uploads_are_counted_by_owner(uploads: Uploads) -> None:
    for _ in range(MOST_UNFINISHED):
        await uploads.begin(begun())

    with pytest.raises(ResourceExhausted):
        await uploads.begin(begun())
    await uploads.begin(begun(owner="q"))


async def test_others_of_this_machine_cannot_read_the_files(uploads: Uploads) -> None:
    kept = await upload(uploads)

    assert uploads.path(kept).stat().st_mode & 0o077 == 0
    assert uploads.path(kept).parent.stat().st_mode & 0o077 == 0
