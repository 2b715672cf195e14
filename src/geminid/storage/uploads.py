"""Files that clients upload: received piece by piece, kept for two days, seen by their owner alone.

The rules: sizes, names, times. ``upload_folder.py`` has the disk, which holds all that is known, so that a restart
loses nothing. ``service/files.py`` is who calls. An upload is named by a token that only its client knows; on disk
is the hash of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import errno
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from geminid.errors import Aborted, AlreadyExists, InvalidArgument, NotFound, OutOfRange, ResourceExhausted
from geminid.storage.base import digest
from geminid.storage.upload_folder import Begun, Kept, UploadFolder

# https://ai.google.dev/gemini-api/docs/files: 2 GB a file, 20 GB a project, 48 hours.
FILE_BYTES: Final = 2 * 1024**3
TOTAL_BYTES: Final = 20 * 1024**3
KEPT: Final = dt.timedelta(hours=48)

UNFINISHED: Final = dt.timedelta(hours=6)
MOST_UNFINISHED: Final = 100
MOST_FILES: Final = 10_000
"""Of one owner, each."""

_ID_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an upload is, in bytes, and the file that it became."""

    received: int
    kept: Kept | None = None


class Uploads:
    """The files of ``folder``, which need not exist. ``total_bytes`` bounds all of them, unfinished ones too."""

    def __init__(
        self,
        folder: Path,
        *,
        file_bytes: int = FILE_BYTES,
        total_bytes: int = TOTAL_BYTES,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self.file_bytes = file_bytes
        self._total_bytes = total_bytes
        self._folder = UploadFolder(folder)
        self._clock = clock
        self._used = 0
        self._changing = asyncio.Lock()
        self._busy: set[str] = set()

    async def clean(self) -> None:
        """Removes what is over. Also done before every upload."""
        async with self._changing:
            await self._sweep()

    # Uploading.

    async def begin(self, begun: Begun) -> str:
        """The token of a new upload. ``begun.id`` may be empty, and ``begun.expires`` is set here.

        Raises InvalidArgument for a size that is too large, AlreadyExists for an id that is taken,
        ResourceExhausted where there is no room.
        """
        self._require_size(begun.size or 0)
        async with self._changing:
            await self._sweep()
            self._require_room(begun.size or 0)
            return await asyncio.to_thread(self._begin, begun)

    def _begin(self, begun: Begun) -> str:
        owner = begun.owner
        if begun.id and self._folder.kept(owner, begun.id):
            raise AlreadyExists("Requested entity already exists")
        if self._folder.unfinished(owner) >= MOST_UNFINISHED or self._folder.count(owner) >= MOST_FILES:
            raise ResourceExhausted("There are too many files. Delete some, or wait until some expire.")
        token = secrets.token_urlsafe(32)
        file_id = begun.id or "".join(secrets.choice(_ID_ALPHABET) for _ in range(12))
        self._folder.begin(digest(token), replace(begun, id=file_id, expires=self._clock() + UNFINISHED))
        return token

    async def progress(self, token: str) -> Progress:
        """How far an upload is. Raises NotFound for one that never was, that was cancelled, or is over."""
        begun = await self._upload(token)
        if not begun.finished:
            return Progress(await asyncio.to_thread(self._folder.received, digest(token)))
        kept = await self.find(begun.id, begun.owner)
        if kept is None:
            raise _unknown_upload()
        return Progress(kept.size, kept)

    async def append(self, token: str, offset: int, chunks: AsyncIterator[bytes]) -> int:
        """Writes ``chunks`` at ``offset``, over what came after it before; how many bytes there are then.

        What was received stays when ``chunks`` fails. Raises OutOfRange for an offset beyond what there is,
        InvalidArgument for more than was announced or may be, ResourceExhausted where there is no room.
        """
        begun = await self._unfinished(token)
        key = digest(token)
        with self._alone(key), _disk_errors():
            end = await asyncio.to_thread(self._folder.received, key)
            if offset > end:
                raise OutOfRange(f"The upload has {end} bytes, and so cannot go on at the offset {offset}.")
            file = await asyncio.to_thread(self._folder.open, key, offset)
            end = offset
            try:
                async for chunk in chunks:
                    end += len(chunk)
                    self._require_size(end, begun.size)
                    self._require_room(len(chunk))
                    self._used += len(chunk)
                    await asyncio.to_thread(file.write, chunk)
            finally:
                await asyncio.to_thread(file.close)  # waits for a write that was cancelled
            return end

    async def finish(self, token: str) -> Kept:
        """Makes the upload a file. Raises InvalidArgument if bytes are missing, AlreadyExists."""
        begun = await self._unfinished(token)
        key = digest(token)
        with self._alone(key):
            size = await asyncio.to_thread(self._folder.received, key)
            if begun.size is not None and size != begun.size:
                raise InvalidArgument(f"The upload has {size} bytes, and {begun.size} were announced.")
            sha256 = await asyncio.to_thread(self._folder.sha256, key)
            now = self._clock()
            kept = Kept(
                id=begun.id, owner=begun.owner, display_name=begun.display_name, mime_type=begun.mime_type,
                size=size, sha256=sha256, created=now, expires=now + KEPT,
            )  # fmt: skip
            async with self._changing:
                await asyncio.to_thread(self._finish, key, begun, kept)
            return kept

    def _finish(self, key: str, begun: Begun, kept: Kept) -> None:
        if self._folder.kept(kept.owner, kept.id):
            raise AlreadyExists("Requested entity already exists")
        self._folder.finish(key, replace(begun, finished=True), kept)

    async def cancel(self, token: str) -> None:
        """Ends an upload and drops what it brought."""
        await self._unfinished(token)
        with self._alone(digest(token)):
            await asyncio.to_thread(self._folder.drop, digest(token))

    async def _unfinished(self, token: str) -> Begun:
        begun = await self._upload(token)
        if begun.finished:
            raise _unknown_upload()
        return begun

    async def _upload(self, token: str) -> Begun:
        begun = await asyncio.to_thread(self._folder.begun, digest(token))
        if begun is None or begun.expires <= self._clock():
            raise _unknown_upload()
        return begun

    @contextlib.contextmanager
    def _alone(self, key: str) -> Iterator[None]:
        if key in self._busy:
            raise Aborted("Another request for the same upload is under way.")
        self._busy.add(key)
        try:
            yield
        finally:
            self._busy.discard(key)

    # Finished files.

    async def find(self, file_id: str, owner: str) -> Kept | None:
        """The file of this id that ``owner`` has. ``file_id`` must be one that ``begin`` was given or made."""
        kept = await asyncio.to_thread(self._folder.kept, owner, file_id)
        return kept if kept and kept.expires > self._clock() else None

    async def owned(self, owner: str) -> list[Kept]:
        """The files of ``owner``, the newest first."""
        now = self._clock()
        found = await asyncio.to_thread(self._folder.owned, owner)
        return sorted(
            (kept for kept in found if kept.expires > now), key=lambda kept: (kept.created, kept.id), reverse=True
        )

    async def delete(self, kept: Kept) -> None:
        async with self._changing:
            await asyncio.to_thread(self._folder.delete, kept)

    def path(self, kept: Kept) -> Path:
        """Where the bytes of a file are."""
        return self._folder.path(kept)

    # Room.

    async def _sweep(self) -> None:
        self._used = await asyncio.to_thread(self._folder.sweep, self._clock())

    def _require_size(self, size: int, announced: int | None = None) -> None:
        if size > self.file_bytes:
            raise InvalidArgument(f"The file is larger than the supported limit of {self.file_bytes} bytes.")
        if announced is not None and size > announced:
            raise InvalidArgument(f"The upload brings more than the {announced} bytes that were announced.")

    def _require_room(self, size: int) -> None:
        if self._used + size > self._total_bytes:
            raise _no_room()


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _no_room() from error
        raise


def _unknown_upload() -> NotFound:
    return NotFound("There is no such upload: it is unknown, cancelled, finished or too old. Start a new one.")


def _no_room() -> ResourceExhausted:
    return ResourceExhausted(
        "There is no room for the file. Delete files that are no longer needed, or wait until some expire."
    )
