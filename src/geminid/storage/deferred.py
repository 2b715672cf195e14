"""Stores that services are given before their database is open: it is opened when the server starts.

Made by ``app.py``. Whoever asks before that is told UNAVAILABLE.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Generic, TypeVar

from geminid.errors import UNAVAILABLE, Unavailable
from geminid.storage.records import Buckets, CachedContentRecord, CachedContents, UsageRecord, UsageRecords

_S = TypeVar("_S")


class _Deferred(Generic[_S]):
    def __init__(self) -> None:
        self._opened: _S | None = None

    def opened(self, store: _S) -> None:
        """From now on it is this one that is asked."""
        self._opened = store

    @property
    def _store(self) -> _S:
        if self._opened is None:
            raise Unavailable(UNAVAILABLE)
        return self._opened


class DeferredCachedContents(_Deferred[CachedContents]):
    """CachedContents."""

    async def create(self, record: CachedContentRecord) -> None:
        await self._store.create(record)

    async def get(self, project: str, location: str, id: str, now: dt.datetime) -> CachedContentRecord | None:
        return await self._store.get(project, location, id, now)

    async def list(
        self, project: str, location: str, now: dt.datetime, *, size: int, after: str = ""
    ) -> Sequence[CachedContentRecord]:
        return await self._store.list(project, location, now, size=size, after=after)

    async def expire_at(
        self, project: str, location: str, id: str, expires: dt.datetime, now: dt.datetime
    ) -> CachedContentRecord | None:
        return await self._store.expire_at(project, location, id, expires, now)

    async def delete(self, project: str, location: str, id: str, now: dt.datetime) -> bool:
        return await self._store.delete(project, location, id, now)

    async def sweep(self, now: dt.datetime) -> Sequence[str]:
        return await self._store.sweep(now)


class DeferredBuckets(_Deferred[Buckets]):
    """Buckets."""

    async def take(self, key: str, amount: float, *, per_minute: float, burst: float, now: dt.datetime) -> float:
        return await self._store.take(key, amount, per_minute=per_minute, burst=burst, now=now)

    async def settle(self, key: str, amount: float, *, per_minute: float, burst: float, now: dt.datetime) -> None:
        await self._store.settle(key, amount, per_minute=per_minute, burst=burst, now=now)


class DeferredUsageRecords(_Deferred[UsageRecords]):
    """UsageRecords."""

    async def add(self, records: Sequence[UsageRecord]) -> None:
        await self._store.add(records)

    async def read(
        self, since: dt.datetime | None = None, until: dt.datetime | None = None
    ) -> Sequence[UsageRecord]:
        return await self._store.read(since, until)

    async def prune(self, before: dt.datetime) -> int:
        return await self._store.prune(before)
