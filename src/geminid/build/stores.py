"""Settings -> the database, opened when the server starts, and what is done to it while it runs."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from contextlib import suppress
from pathlib import Path

from geminid.errors import ApiError
from geminid.gates.local_buckets import LocalBuckets
from geminid.settings import SettingsError, Storage
from geminid.storage.base import StorageError
from geminid.storage.deferred import DeferredBuckets, DeferredCachedContents, DeferredUsageRecords
from geminid.storage.records import Buckets
from geminid.storage.sql.database import Database, open_database

_SWEEP_SECONDS = 60.0
_log = logging.getLogger(__name__)


class Stores:
    """What the database keeps. Services are given these before it is open."""

    def __init__(self, storage: Storage, state: Path) -> None:
        self.cached_contents = DeferredCachedContents()
        self.usage_records = DeferredUsageRecords()
        self._url = storage.url or f"sqlite:///{state / 'geminid.db'}"
        # A file is one server's, which counts faster by itself; several share what PostgreSQL counts.
        self._shared = None if self._url.startswith("sqlite") else DeferredBuckets()
        self.buckets: Buckets = self._shared or LocalBuckets()
        self._database: Database | None = None
        self._sweeping: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Raises SettingsError for a database that cannot be used."""
        try:
            self._database = await open_database(self._url)
        except StorageError as error:
            raise SettingsError(f"[storage] {error}") from error
        self.cached_contents.opened(self._database.cached_contents)
        self.usage_records.opened(self._database.usage_records)
        if self._shared is not None:
            self._shared.opened(self._database.buckets)
        self._sweeping = asyncio.create_task(self._sweep())

    async def aclose(self) -> None:
        """Finishes what was begun."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeping
        if self._database is not None:
            await self._database.aclose()

    async def _sweep(self) -> None:
        """What has expired is not given out any more; this gives its room back."""
        while True:
            try:
                await self.cached_contents.sweep(dt.datetime.now(dt.UTC))
            except ApiError as error:
                _log.warning("expired caches could not be removed: %s", error.message)
            await asyncio.sleep(_SWEEP_SECONDS)
