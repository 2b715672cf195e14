"""Takes usage records at once and brings them to the database later, in batches, until it has them.

From the moment that ``add`` returns, a record is in the journal or in the database. After a crash between the two
it is brought again; the database knows it by its id. Called by ``gates/metering.py``; started by ``app.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from geminid.errors import ApiError
from geminid.storage.journal import Journal, Segment
from geminid.storage.records import UsageRecord, UsageRecords

log = logging.getLogger("geminid.usage")

_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between two flushes, records in one transaction, and seconds between two tries, which double."""

    every: float = 1.0
    batch: int = 2_000
    retry: float = 1.0
    longest_retry: float = 30.0
    stop: float = 5.0
    """How long the last flush may take; what it does not bring is left to the next start."""


class Recorder:
    """Between ``start`` and ``stop`` it has one task. ``keep`` is how long the database is to remember."""

    def __init__(
        self,
        journal: Journal,
        records: UsageRecords,
        pace: Pace | None = None,
        *,
        keep: dt.timedelta | None = None,
    ) -> None:
        self.add = journal.append
        self._journal = journal
        self._records = records
        self._pace = pace or Pace()
        self._keep = keep
        self._sealed: deque[Segment] = deque()
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def lost(self) -> int:
        """How many records could not be written down."""
        return self._journal.lost

    @property
    def waiting_bytes(self) -> int:
        """What is in the journal: next to nothing, unless the database cannot be reached."""
        return self._journal.waiting_bytes

    async def start(self) -> None:
        """Takes up what an earlier process left. Raises OSError where the journal cannot be written."""
        self._sealed.extend(await asyncio.to_thread(self._journal.abandoned))
        self._journal.put(await asyncio.to_thread(self._journal.create))
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(_report)

    async def stop(self) -> None:
        """Brings what it can. No record may be added any more."""
        self._stopping.set()
        if self._task is None:
            return
        done, _ = await asyncio.wait([self._task], timeout=self._pace.stop)
        if not done:
            self._task.cancel()
            await asyncio.wait([self._task])
        if (current := self._journal.put(None)) is not None:
            self._sealed.append(current)
        await asyncio.to_thread(self._leave)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        prune_at = loop.time()
        while not self._stopping.is_set():
            await self._flush()
            if loop.time() >= prune_at:
                await self._prune()
                prune_at = loop.time() + _DAY
            await self._pause(self._pace.every)
        await self._flush()

    async def _flush(self) -> None:
        await self._seal()
        while self._sealed:
            segment = self._sealed[0]
            await self._bring(segment)
            self._sealed.popleft()
            self._journal.sealed_bytes -= segment.size
            await asyncio.to_thread(segment.remove)

    async def _seal(self) -> None:
        """Nothing is awaited between the last record of one segment and the first of the next."""
        if self._journal.waiting_bytes == self._journal.sealed_bytes:
            return
        try:
            fresh = await asyncio.to_thread(self._journal.create)
        except OSError as error:
            log.warning("No new file for usage records: %s. The old one is used on.", error)
            return
        if (sealed := self._journal.put(fresh)) is not None:
            self._sealed.append(sealed)

    async def _bring(self, segment: Segment) -> None:
        batches = segment.batches(self._pace.batch)
        while batch := await asyncio.to_thread(_next, batches):
            await self._insist(batch)

    async def _insist(self, batch: Sequence[UsageRecord]) -> None:
        """Tries until the database has the batch; meanwhile the disk has it."""
        wait = self._pace.retry
        while True:
            try:
                await self._records.add(batch)
            except ApiError as error:
                log.warning("Usage records wait for the database: %s", error.message)
            else:
                return
            await asyncio.to_thread(self._secure)
            await self._pause(wait)
            wait = min(2 * wait, self._pace.longest_retry)

    async def _prune(self) -> None:
        if self._keep is None:
            return
        try:
            pruned = await self._records.prune(dt.datetime.now(dt.UTC) - self._keep)
        except ApiError as error:
            log.warning("Old usage records stay until tomorrow: %s", error.message)
            return
        if pruned:
            log.info("%d old usage records were deleted.", pruned)

    async def _pause(self, seconds: float) -> None:
        """It ends early when it is to stop; after that it is short."""
        if self._stopping.is_set():
            await asyncio.sleep(min(seconds, self._pace.retry))
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _secure(self) -> None:
        try:
            self._journal.sync(list(self._sealed))
        except OSError as error:
            log.warning("The journal of usage records cannot be put on the disk: %s", error)

    def _leave(self) -> None:
        if self._sealed:
            self._secure()
        for segment in self._sealed:
            segment.close()
        self._sealed.clear()


def _next(batches: Iterator[Sequence[UsageRecord]]) -> Sequence[UsageRecord] | None:
    return next(batches, None)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("Usage records go to the journal only, until a restart: %r", error, exc_info=error)
