"""Downloads that are kept: by what is in them, within a bound, the least recently used going first.

It knows nothing of policies: who asks has been let through, and asks the source whether the copy is still good.
Only the event loop calls it; files are read, written and removed on threads. Used by what downloads: ``http.py``,
``gcs.py``, ``youtube.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from geminid.media import base
from geminid.media.fetch import refusals
from geminid.media.fetch.lease import Lease

if sys.platform == "win32":
    from pathlib import WindowsPath as _Concrete
else:
    from pathlib import PosixPath as _Concrete

MOST_FILES = 20_000
"""However small they are: each costs about 1 KB of memory and a name in a folder."""


class HeldPath(_Concrete):
    """A path that holds its file: while it is referenced the file is not removed to make room."""

    __slots__ = ("__weakref__",)


@dataclass(frozen=True, slots=True)
class Validator:
    """What the source calls this version of its content. ``etag`` holds the generation of an object, too."""

    etag: str = ""
    last_modified: str = ""

    def __bool__(self) -> bool:
        return bool(self.etag or self.last_modified)


@dataclass(slots=True)
class _Blob:
    path: Path
    size: int
    keys: set[str] = field(default_factory=set)
    handed: weakref.ref[HeldPath] | None = None

    def hold(self) -> HeldPath:
        held = self.handed() if self.handed else None
        if held is None:
            held = HeldPath(self.path)
            self.handed = weakref.ref(held)
        return held

    @property
    def in_use(self) -> bool:
        return self.handed is not None and self.handed() is not None


@dataclass(frozen=True, slots=True)
class Known:
    """What was kept for a key; it stays while this is referenced."""

    path: HeldPath
    size: int
    mime_type: str
    validator: Validator

    async def file(self) -> base.File:
        if self.size > base.IN_MEMORY_BYTES:
            return base.File(self.path, self.mime_type)
        return base.File(await asyncio.to_thread(self.path.read_bytes), self.mime_type)


class Cache:
    """At most ``max_bytes`` of files below ``folder``, those included that are still being written."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._parent = folder
        self._max_bytes = max_bytes
        self._lease: asyncio.Task[Lease] | None = None
        self._blobs: OrderedDict[str, _Blob] = OrderedDict()
        self._known: dict[str, tuple[str, str, Validator]] = {}
        self._parts = 0
        self._removing: set[asyncio.Task[None]] = set()
        self.used_bytes = 0

    async def part(self) -> Path:
        """A new name in the folder, which is made with the first."""
        if self._lease is None or (self._lease.done() and self._lease.exception()):
            self._lease = asyncio.create_task(asyncio.to_thread(Lease, self._parent))
        lease = await asyncio.shield(self._lease)
        self._parts += 1
        return lease.folder / str(self._parts)

    def known(self, key: str) -> Known | None:
        """What was last kept for ``key``."""
        if (row := self._known.get(key)) is None:
            return None
        digest, mime_type, validator = row
        blob = self._blobs[digest]
        self._blobs.move_to_end(digest)
        return Known(blob.hold(), blob.size, mime_type, validator)

    def reserve(self, size: int) -> None:
        """Takes ``size`` bytes of the bound for a file that is being written; else ResourceExhausted."""
        if not self._fits(size):
            self._evict(size)
        if not self._fits(size):
            raise refusals.no_room()
        self.used_bytes += size

    def release(self, size: int) -> None:
        """Gives back what ``reserve`` took."""
        self.used_bytes -= size

    def adopt(self, part: Path, size: int, digest: str) -> HeldPath:
        """Takes over a file that was written to ``part`` and reserved, and holds it."""
        blob = self._blobs.get(digest)
        if blob is None:
            blob = self._blobs[digest] = _Blob(part, size)
        else:
            self.release(size)
            self.remove(part)
        self._blobs.move_to_end(digest)
        return blob.hold()

    def remember(self, key: str, digest: str, mime_type: str, validator: Validator) -> None:
        """Lets ``known`` find the adopted file under ``key`` instead of what was kept for it before."""
        self._forget(key)
        self._known[key] = (digest, mime_type, validator)
        self._blobs[digest].keys.add(key)
        if len(self._known) > MOST_FILES:  # many keys of one file
            self._forget(next(iter(self._known)))

    def remove(self, path: Path) -> None:
        """Sees to it that ``path`` goes: on a thread, for a file system takes its time to free gigabytes."""
        task = asyncio.create_task(asyncio.to_thread(_unlink, path))
        self._removing.add(task)
        task.add_done_callback(self._removing.discard)

    async def settle(self) -> None:
        """Waits until what is to go has gone."""
        await asyncio.gather(*self._removing)

    async def aclose(self) -> None:
        """Removes all that is kept."""
        self._blobs.clear()
        self._known.clear()
        await self.settle()
        if self._lease is not None:
            with contextlib.suppress(OSError):  # that of a folder that could not be made
                await asyncio.to_thread((await self._lease).end)

    def _forget(self, key: str) -> None:
        if (row := self._known.pop(key, None)) is not None:
            self._blobs[row[0]].keys.discard(key)

    def _fits(self, size: int) -> bool:
        return self.used_bytes + size <= self._max_bytes and len(self._blobs) < MOST_FILES

    def _evict(self, size: int) -> None:
        """Drops what was used least recently and is not in use until ``size`` more bytes fit."""
        for digest in [digest for digest, blob in self._blobs.items() if not blob.in_use]:
            blob = self._blobs.pop(digest)
            for key in blob.keys:
                del self._known[key]
            self.release(blob.size)
            self.remove(blob.path)
            if self._fits(size):
                return


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
