"""Where the indexed word groups of a growing text are, sorted on disk. Used by ``segment_writer``.

A posting is one number of 64 bits: 32 of the group's CRC, then 32 of its place. The CRC is but a hint, since each
match is compared with the text itself.
"""

from __future__ import annotations

import mmap
import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Final

BATCH: Final = 1 << 19
"""Postings that are sorted in memory: 20 MB as Python's numbers."""

_PARTS_BITS: Final = 7
"""The sorted batches are merged in 128 parts by their first bits, which keeps a part of 1 GB below 10 MB."""


class Postings:
    """Takes postings in any order and gives them back in ascending order."""

    def __init__(self, folder: Path, batch: int = BATCH) -> None:
        self._most = batch
        self._batch = array("Q")
        self._lengths: list[int] = []
        self._spilled = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - close() does

    def close(self) -> None:
        """What was added is gone."""
        self._spilled.close()

    def add(self, code: int, place: int) -> None:
        self._batch.append(code << 32 | place)
        if len(self._batch) >= self._most:
            self._spill()

    def ascending(self) -> Iterator[array[int]]:
        """All of them, in pieces. Nothing is added afterwards."""
        if not self._lengths:
            yield array("Q", sorted(self._batch))
            return
        self._spill()
        self._spilled.flush()
        with mmap.mmap(self._spilled.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            yield from self._merged(memoryview(mapped).cast("Q"))

    def _spill(self) -> None:
        array("Q", sorted(self._batch)).tofile(self._spilled)
        self._lengths.append(len(self._batch))
        del self._batch[:]

    def _merged(self, spilled: memoryview[int]) -> Iterator[array[int]]:
        ends: list[int] = []
        for length in self._lengths:
            ends.append((ends[-1] if ends else 0) + length)
        reached = [end - length for end, length in zip(ends, self._lengths, strict=True)]
        for part in range(1, 2**_PARTS_BITS + 1):
            limit = part << (64 - _PARTS_BITS)
            found: list[int] = []
            for batch, end in enumerate(ends):
                stop = bisect_left(spilled, limit, reached[batch], end)
                found += spilled[reached[batch] : stop].tolist()
                reached[batch] = stop
            yield array("Q", sorted(found))
        spilled.release()
