"""Usage records on their way to the database: files to which lines are appended, and which outlive the process.

Not a log to be read by people, and not a database: a segment goes when its records are kept elsewhere. Led by
``recorder.py``. ``append`` and ``put`` belong to the event loop, whatever blocks to a thread.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from geminid.file_lock import try_lock
from geminid.storage import durable
from geminid.storage.records import UsageRecord

log = logging.getLogger("geminid.usage")

LIMIT_BYTES: Final = 1024**3
"""About three million records, for as long as no database can be reached."""

_NAME = "{:020d}-{}.jsonl"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(UsageRecord).decode


@dataclass(slots=True)
class Segment:
    """One file, locked for as long as ``descriptor`` is open, so that no other process takes it for abandoned."""

    path: Path
    descriptor: int
    size: int = 0
    torn: bool = False

    def batches(self, size: int) -> Iterator[Sequence[UsageRecord]]:
        """All records in the order in which they were appended, ``size`` at a time, without those damaged."""
        damaged = 0
        batch: list[UsageRecord] = []
        with open(os.dup(self.descriptor), "rb") as file:
            file.seek(0)
            for line in file:
                record = _record(line)
                if record is None:
                    damaged += bool(line.strip())
                    continue
                batch.append(record)
                if len(batch) == size:
                    yield batch
                    batch = []
        if batch:
            yield batch
        if damaged:
            log.error("%s has %d damaged lines; those calls are not in the usage records.", self.path, damaged)

    def remove(self) -> None:
        """Its records are kept elsewhere."""
        os.close(self.descriptor)
        self.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Leaves it to the next start."""
        os.close(self.descriptor)
        if not self.size:
            self.path.unlink(missing_ok=True)


class Journal:
    """The segments in ``folder``. One at a time is appended to: the one that was ``put`` there."""

    def __init__(self, folder: Path, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._current: Segment | None = None
        self.sealed_bytes = 0
        self.lost = 0

    @property
    def waiting_bytes(self) -> int:
        return self.sealed_bytes + (self._current.size if self._current else 0)

    def append(self, record: UsageRecord) -> None:
        """On return the kernel has the line: a process that is killed loses nothing, a machine without power does.

        What cannot be written is counted in ``lost``; no call fails for it.
        """
        segment = self._current
        line = _encode(record) + b"\n"
        if segment is None or self.sealed_bytes + segment.size + len(line) > self._limit:
            self._lose("the journal is full or not open")
            return
        if segment.torn:
            line = b"\n" + line
        try:
            written = os.write(segment.descriptor, line)
        except OSError as error:
            self._lose(error.strerror or str(error))
            return
        segment.size += written
        segment.torn = written < len(line)
        if segment.torn:
            self._lose("the disk is full")

    def put(self, segment: Segment | None) -> Segment | None:
        """Has records appended to ``segment`` from now on; the one before it."""
        before, self._current = self._current, segment
        self.sealed_bytes += before.size if before else 0
        return before

    def create(self) -> Segment:
        """A new file. Raises OSError. Blocks."""
        with durable.exclusive(self._folder / "segments"):
            path = self._folder / _NAME.format(time.time_ns(), os.getpid())
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, durable.PRIVATE)
            try_lock(descriptor)
            return Segment(path, descriptor)

    def abandoned(self) -> list[Segment]:
        """Those of processes that are no more, oldest first; they are this one's from now on. Blocks."""
        found = []
        with durable.exclusive(self._folder / "segments"):
            for path in sorted(self._folder.glob("*.jsonl")):
                descriptor = os.open(path, os.O_RDWR | os.O_APPEND)
                if try_lock(descriptor):
                    found.append(Segment(path, descriptor, path.stat().st_size))
                else:
                    os.close(descriptor)
        self.sealed_bytes += sum(segment.size for segment in found)
        return found

    def sync(self, segments: Sequence[Segment]) -> None:
        """Puts these and the current one on the disk, so that they outlive the machine's end too. Blocks."""
        for segment in (*segments, *([self._current] if self._current else [])):
            os.fsync(segment.descriptor)
        with contextlib.suppress(PermissionError):  # a folder cannot be opened on Windows
            descriptor = os.open(self._folder, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)

    def _lose(self, why: str) -> None:
        if not self.lost:
            log.error("Usage records are lost: %s (%s). The number is in /metrics.", why, self._folder)
        self.lost += 1


def _record(line: bytes) -> UsageRecord | None:
    try:
        return _decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
