"""Settings -> the database, opened when the server starts, and what is brought there while it runs."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from geminid.errors import ApiError
from geminid.gates.local_buckets import LocalBuckets
from geminid.settings import SettingsError, Storage, Usage
from geminid.storage.base import StorageError
from geminid.storage.blob_bucket import open_bucket
from geminid.storage.blob_folder import BlobFolder
from geminid.storage.blobbed_contents import BlobbedCachedContents
from geminid.storage.blobs import Blobs
from geminid.storage.deferred import DeferredBuckets, DeferredCachedContents, DeferredShares, DeferredUsageRecords
from geminid.storage.journal import Journal
from geminid.storage.recorder import Recorder
from geminid.storage.records import Buckets, UsageRecords
from geminid.storage.sql.database import Database, open_database, sqlite_file

_SWEEP_SECONDS = 60.0
_log = logging.getLogger(__name__)


class Stores:
    """What the database keeps, and what is too large for it. Services are given these before it is open.

    ``after_sweep`` is called each time that what has expired was removed.
    """

    def __init__(
        self, storage: Storage, state: Path, after_sweep: Callable[[], Awaitable[None]] | None = None
    ) -> None:
        self._storage = storage
        self._after_sweep = after_sweep
        self.cached_contents = DeferredCachedContents()
        self.usage_records = DeferredUsageRecords()
        self._url = storage.url or f"sqlite:///{state / 'geminid.db'}"
        # A file is one server's, which counts faster by itself; several share what PostgreSQL counts.
        self._shared = None if self._url.startswith("sqlite") else DeferredBuckets()
        self.buckets: Buckets = self._shared or LocalBuckets()
        self.shares = DeferredShares() if self._shared else None
        self._database: Database | None = None
        self._contents: BlobbedCachedContents | None = None
        self._sweeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Raises SettingsError for a database that cannot be used, and for a place of blobs that cannot be."""
        try:
            self._database = await open_database(self._url)
        except StorageError as error:
            raise SettingsError(f"[storage] {error}") from error
        self._contents = await self._open_contents(self._database)
        self.cached_contents.opened(self._contents or self._database.cached_contents)
        self.usage_records.opened(self._database.usage_records)
        if self._shared is not None and self.shares is not None:
            self._shared.opened(self._database.buckets)
            self.shares.opened(self._database.shares)
        self._sweeping = asyncio.create_task(self._sweep())

    async def aclose(self) -> None:
        """Finishes what was begun."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeping
        if self._contents is not None:
            await self._contents.aclose()
        if self._database is not None:
            await self._database.aclose()

    async def _open_contents(self, database: Database) -> BlobbedCachedContents | None:
        """None where bodies are in the database, whatever their size."""
        try:
            blobs = blobs_of(self._storage, self._url)
            if blobs is None:
                return None
            contents = BlobbedCachedContents(database.cached_contents, blobs)
            await contents.open()
        except StorageError as error:
            await database.aclose()
            raise SettingsError(f"[storage] blobs: {error}") from error
        except ApiError as error:
            await database.aclose()
            raise SettingsError("[storage] blobs: its place cannot be used; the log says why.") from error
        return contents

    async def _sweep(self) -> None:
        """What has expired is not given out any more, and a full bucket is as good as none; this makes room."""
        while True:
            now = dt.datetime.now(dt.UTC)
            try:
                await self.cached_contents.sweep(now)
                if self._shared is not None:
                    await self._shared.sweep(now)
                if self._after_sweep is not None:
                    await self._after_sweep()
                if self._contents is not None:
                    await self._contents.clean()
            except ApiError as error:
                _log.warning("what has expired could not be removed: %s", error.message)
            await asyncio.sleep(_SWEEP_SECONDS)


def blobs_of(storage: Storage, url: str) -> Blobs | None:
    """Where ``blobs`` says, otherwise beside the file of the database at ``url``. Raises StorageError.

    None for PostgreSQL, which may have servers on several machines: it keeps large bodies itself.
    """
    if "://" in storage.blobs:
        return open_bucket(storage.blobs, storage.blobs_endpoint)
    if storage.blobs:
        return BlobFolder(Path(storage.blobs).expanduser().absolute())
    if not url.startswith("sqlite"):
        return None
    return BlobFolder(sqlite_file(url).with_suffix(".blobs"))


def recorder_of(usage: Usage, folder: Path, records: UsageRecords) -> Recorder | None:
    """What brings usage records to the database, by way of a journal in ``folder``; None where none are kept."""
    if not usage.records:
        return None
    keep = dt.timedelta(days=usage.keep_days) if usage.keep_days else None
    return Recorder(Journal(folder, limit_bytes=usage.journal_bytes), records, keep=keep)
