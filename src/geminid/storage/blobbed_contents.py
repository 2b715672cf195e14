"""Cached contents whose bodies are blobs when they are large: ``records.CachedContents`` over rows and blobs.

A blob is safe before there is a row that names it, and the row is gone before its blob is: whatever is killed in
between leaves an orphan, never a row without its blob. ``clean`` removes orphans. Made by ``build/stores.py``.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from geminid.errors import UNAVAILABLE, ApiError, Unavailable
from geminid.storage.blobs import Blobs, new_name
from geminid.storage.records import CachedContentRecord, CachedContents

BLOB_BYTES: Final = 256 * 1024
"""Of a body: a larger one is a blob."""
GRACE: Final = dt.timedelta(hours=1)
"""How old an orphan is when it is removed: of a younger one another server may be about to write the row."""

_NONE: Final = dt.timedelta(0)
_log = logging.getLogger("geminid.storage")


class Rows(CachedContents, Protocol):
    """What a database has of them."""

    async def blobs(self) -> Collection[str]:
        """The names of all blobs that rows name."""


class BlobbedCachedContents:
    """Implements ``records.CachedContents``. ``blobs`` belong to the database of ``rows`` alone."""

    def __init__(
        self, rows: Rows, blobs: Blobs, *, clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    ) -> None:
        self._rows = rows
        self._blobs = blobs
        self._clock = clock
        self._writing: set[str] = set()

    async def open(self) -> None:
        """Removes what a crash has left: all of it where no other server could be writing."""
        alone = await self._blobs.open()
        try:
            await self.clean(_NONE if alone else GRACE)
        finally:
            await self._blobs.admit()

    async def create(self, record: CachedContentRecord, body: bytes) -> None:
        """As ``records.CachedContents`` says.

        After a failure the blob stays until it is cleaned away, since the row may be there all the same.
        """
        if len(body) <= BLOB_BYTES:
            await self._rows.create(record, body)
            return
        name, begun = new_name(), self._clock()
        self._writing.add(name)
        try:
            await self._blobs.put(name, body)
            if self._clock() - begun > GRACE / 2:  # another server may take it for an orphan any time
                raise Unavailable(UNAVAILABLE)
            await self._rows.create(replace(record, blob=name), b"")
        finally:
            self._writing.discard(name)

    async def get(self, project: str, location: str, id: str, now: dt.datetime) -> CachedContentRecord | None:
        """As ``records.CachedContents`` says."""
        return await self._rows.get(project, location, id, now)

    async def body(self, record: CachedContentRecord) -> bytes | None:
        """As ``records.CachedContents`` says."""
        if not record.blob:
            return await self._rows.body(record)
        body = await self._blobs.get(record.blob)
        if body is None and record.id in await self._rows.alive([record.id], self._clock()):
            _log.error("the blob %s of the cached content %s is missing", record.blob, record.id)
        return body

    async def list(
        self,
        project: str,
        location: str,
        now: dt.datetime,
        *,
        size: int,
        after: tuple[dt.datetime, str] | None = None,
    ) -> Sequence[CachedContentRecord]:
        """As ``records.CachedContents`` says."""
        return await self._rows.list(project, location, now, size=size, after=after)

    async def expire_at(
        self, project: str, location: str, id: str, expires: dt.datetime, now: dt.datetime
    ) -> CachedContentRecord | None:
        """As ``records.CachedContents`` says."""
        return await self._rows.expire_at(project, location, id, expires, now)

    async def delete(self, project: str, location: str, id: str, now: dt.datetime) -> CachedContentRecord | None:
        """As ``records.CachedContents`` says."""
        deleted = await self._rows.delete(project, location, id, now)
        if deleted is not None:
            await self._remove([deleted.blob])
        return deleted

    async def sweep(self, now: dt.datetime) -> Sequence[CachedContentRecord]:
        """As ``records.CachedContents`` says."""
        deleted = await self._rows.sweep(now)
        await self._remove(record.blob for record in deleted)
        return deleted

    async def alive(self, ids: Collection[str], now: dt.datetime) -> set[str]:
        """As ``records.CachedContents`` says."""
        return await self._rows.alive(ids, now)

    async def clean(self, grace: dt.timedelta = GRACE) -> int:
        """Removes orphans that are older than ``grace``; how many there were.

        What was there before it is looked for in the database: a row that comes later is of a younger blob.
        """
        found = set(await self._blobs.names(self._clock() - grace if grace else None))
        found -= self._writing
        if not found:
            return 0
        orphans = found.difference(await self._rows.blobs())
        await self._remove(orphans)
        return len(orphans)

    async def missing(self) -> Collection[str]:
        """The blobs that rows name and that are not there."""
        if not (named := set(await self._rows.blobs())):
            return []
        absent = named.difference(await self._blobs.names())
        return absent.intersection(await self._rows.blobs())  # some may have been deleted in between

    async def aclose(self) -> None:
        await self._blobs.aclose()

    async def _remove(self, names: Iterable[str]) -> None:
        """Those that cannot be removed are orphans from now on."""
        for name in filter(None, names):
            try:
                await self._blobs.delete(name)
            except ApiError:
                _log.warning("the blob %s could not be removed", name)
