"""Stores that services are given before their database is open: it is opened when the server starts.

Made by ``app.py``. Whoever asks before that is told UNAVAILABLE.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Generic, TypeVar

from geminid.errors import UNAVAILABLE, Unavailable
from geminid.storage.records import (
    CachedContentRecord,
    CachedContents,
    Shares,
    SweptBuckets,
    UsageRecord,
    UsageRecords,
)

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

    async def create(self, record: CachedContentRecord, body: bytes) -> None:
        await self._store.create(record, body)

    async def get(self, project: str, location: str, id: str, now: dt.datetime) -> CachedContentRecord | None:
        return await self._store.get(project, location, id, now)

    async def body(self, record: CachedContentRecord) -> bytes | None:
        return await self._store.body(record)

    async def list(
        self,
        project: str,
        location: str,
        now: dt.datetime,
        *,
        size: int,
        after: tuple[dt.datetime, str] | None = None,
    ) -> Sequence[CachedContentRecord]:
        return await self._store.list(project, location, now, size=size, after=after)

    async def expire_at(
        self, project: str, location: str, id: str, expires: dt.datetime, now: dt.datetime
    ) -> CachedContentRecord | None:
        return await self._store.expire_at(project, location, id, expires, now)

    async def delete(self, project: str, location: str, id: str, now: dt.datetime) -> CachedContentRecord | None:
        return await self._store.delete(project, location, id, now)

    async def sweep(self, now: dt.datetime) -> Sequence[CachedContentRecord]:
        return await self._store.sweep(now)

    async def alive(self, ids: Collection[str], now: dt.datetime) -> set[str]:
        return await self._store.alive(ids, now)


class DeferredBuckets(_Deferred[SweptBuckets]):
    """SweptBuckets."""

    async def take(self, key: str, amount: float, *, per_minute: float, burst: float, now: dt.datetime) -> float:
        return await self._store.take(key, amount, per_minute=per_minute, burst=burst, now=now)

    async def settle(self, key: str, amount: float, *, per_minute: float, burst: float, now: dt.datetime) -> None:
        await self._store.settle(key, amount, per_minute=per_minute, burst=burst, now=now)

    async def sweep(self, now: dt.datetime) -> int:
        return await self._store.sweep(now)


class DeferredShares(_Deferred[Shares]):
    """Shares."""

    async def hold(
        self, key: str, holder: str, wanted: int, *, limit: int, now: dt.datetime, until: dt.datetime
    ) -> int:
        return await self._store.hold(key, holder, wanted, limit=limit, now=now, until=until)

    async def prolong(self, holder: str, *, now: dt.datetime, until: dt.datetime) -> None:
        await self._store.prolong(holder, now=now, until=until)


class DeferredUsageRecords(_Deferred[UsageRecords]):
    """UsageRecords."""

    async def add(self, records: Sequence[UsageRecord]) -> None:
        await self._store.add(records)

    def read(
        self, since: dt.datetime | None = None, until: dt.datetime | None = None
    ) -> AsyncIterator[Sequence[UsageRecord]]:
        return self._store.read(since, until)

    async def prune(self, before: dt.datetime) -> int:
        return await self._store.prune(before)
