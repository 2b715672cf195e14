from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from geminid.errors import Unavailable
from geminid.storage.journal import Journal
from geminid.storage.recorder import Pace, Recorder
from geminid.storage.records import UsageRecord

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
PACE = Pace(every=0.01, batch=3, retry=0.01, longest_retry=0.02, stop=5)


class Kept:
    """``UsageRecords`` in memory, which can be out of reach."""

    def __init__(self) -> None:
        self.by_id: dict[str, UsageRecord] = {}
        self.batches: list[int] = []
        self.refused = 0
        self.reachable = True
        self.pruned: list[dt.datetime] = []
        self._changed = asyncio.Condition()

    async def add(self, records: Sequence[UsageRecord]) -> None:
        async with self._changed:
            self._changed.notify_all()
            if not self.reachable:
                self.refused += 1
                raise Unavailable("no database")
            self.batches.append(len(records))
            for record in records:
                self.by_id.setdefault(record.id, record)

    async def read(
        self, since: dt.datetime | None = None, until: dt.datetime | None = None
    ) -> AsyncIterator[Sequence[UsageRecord]]:
        yield list(self.by_id.values())

    async def prune(self, before: dt.datetime) -> int:
        async with self._changed:
            self.pruned.append(before)
            self._changed.notify_all()
        return 0

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(true)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
async def recorder(kept: Kept, tmp_path: Path) -> AsyncIterator[Recorder]:
    recorder = Recorder(Journal(tmp_path), kept, PACE)
    await recorder.start()
    yield recorder
    await recorder.stop()


def records(count: int) -> list[UsageRecord]:
    return [UsageRecord(f"{number:04}", NOW, "p", "me", "m", "GenerateContent", "OK") for number in range(count)]


def left_in(folder: Path) -> list[Path]:
    return list(folder.glob("*.jsonl"))


async def test_records_come_to_the_database_in_batches(recorder: Recorder, kept: Kept) -> None:
    for record in records(8):
        recorder.add(record)

    await kept.until(lambda: len(kept.by_id) == 8)

    assert list(kept.by_id.values()) == records(8)
    assert max(kept.batches) <= 3


async def test_stopping_brings_the_last_ones(recorder: Recorder, kept: Kept, tmp_path: Path) -> None:
    for record in records(8):
        recorder.add(record)

    await recorder.stop()

    assert len(kept.by_id) == 8
    assert left_in(tmp_path) == []


async def test_a_database_that_comes_back_gets_all(recorder: Recorder, kept: Kept) -> None:
    kept.reachable = False
    recorder.add(records(1)[0])
    await kept.until(lambda: kept.refused >= 2)
    for record in records(8)[1:]:
        recorder.add(record)

    kept.reachable = True
    await kept.until(lambda: len(kept.by_id) == 8)

    assert recorder.lost == 0


async def test_what_a_database_never_got_is_brought_by_the_next_server(kept: Kept, tmp_path: Path) -> None:
    kept.reachable = False
    first = Recorder(Journal(tmp_path), kept, Pace(every=0.01, retry=0.01, longest_retry=0.02, stop=0.05))
    await first.start()
    for record in records(8):
        first.add(record)
    await first.stop()
    kept.reachable = True

    second = Recorder(Journal(tmp_path), kept, PACE)
    await second.start()
    await kept.until(lambda: len(kept.by_id) == 8)
    await second.stop()

    assert left_in(tmp_path) == []


async def test_two_servers_with_one_folder_leave_each_other_alone(
    recorder: Recorder, kept: Kept, tmp_path: Path
) -> None:
    other = Recorder(Journal(tmp_path), kept, PACE)
    await other.start()

    for index, record in enumerate(records(8)):
        (recorder if index % 2 else other).add(record)
    await asyncio.gather(other.stop(), recorder.stop())

    assert len(kept.by_id) == 8
    assert left_in(tmp_path) == []


async def test_what_is_too_old_is_deleted(kept: Kept, tmp_path: Path) -> None:
    before = dt.datetime.now(dt.UTC)
    recorder = Recorder(Journal(tmp_path), kept, PACE, keep=dt.timedelta(days=400))
    await recorder.start()

    await kept.until(lambda: bool(kept.pruned))
    await recorder.stop()

    assert dt.timedelta(0) <= kept.pruned[0] + dt.timedelta(days=400) - before < dt.timedelta(minutes=1)


async def test_what_comes_after_the_end_is_counted_as_lost(recorder: Recorder) -> None:
    await recorder.stop()

    recorder.add(records(1)[0])

    assert recorder.lost == 1
