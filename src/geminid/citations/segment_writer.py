"""Writes one ``segment`` file: beside its place, then renamed, so that it is there whole or not at all."""

from __future__ import annotations

import os
import re
import zlib
from array import array
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final

import msgspec

from geminid.citations.base import CitationsError, Work
from geminid.citations.postings import Postings
from geminid.citations.segment import GROUP, HEADER, MAGIC, STRIDE, Layout

PARTIAL: Final = ".partial"

LARGEST: Final = 2**32 - 2**28
"""Bytes of text: a place has 32 bits."""

_BLOCK = re.compile(rb"((?:[^ ]++ ){%d})(?:[^ ]++ ){%d}" % (GROUP, STRIDE - GROUP))
_REST = re.compile(rb"((?:[^ ]++ ){%d})" % GROUP)


class SegmentWriter:
    """Takes works one after the other; ``finish`` gives the file its name. Left without, it leaves nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(path.name + PARTIAL)
        self._file = self._partial.open("wb")
        self._file.write(bytes(HEADER.size))
        self._postings = Postings(path.parent)
        self._crc = 0
        self._at = HEADER.size
        self._starts = array("Q")
        self._ends = array("Q")
        self._records = bytearray()

    def __enter__(self) -> SegmentWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._file.close()
        self._postings.close()
        self._partial.unlink(missing_ok=True)

    @property
    def text_bytes(self) -> int:
        """Of the texts so far."""
        return self._at - HEADER.size

    def add(self, work: Work, pieces: Iterable[bytes]) -> int:
        """Adds a text, normalised, in pieces that end with a space (or are empty). How many words it has."""
        self._starts.append(self._at)
        self._write(b" ")
        self._at += 1
        words, waiting = 0, b""
        for piece in pieces:
            words += piece.count(b" ")
            self._write(piece)
            waiting = self._indexed(waiting + piece)
            if self.text_bytes + len(waiting) > LARGEST:
                raise CitationsError(f"{work.title or work.uri} is too large for one text: split it.")
        if rest := _REST.match(waiting):
            self._postings.add(zlib.crc32(rest[1]), self._at)
        self._at += len(waiting)
        self._records += msgspec.json.encode(work)
        self._ends.append(len(self._records))
        return words

    def _indexed(self, text: bytes) -> bytes:
        """Indexes the whole blocks of ``text``, which begins at ``_at``, and gives back what is left."""
        add, crc32, base, done = self._postings.add, zlib.crc32, self._at, 0
        for block in _BLOCK.finditer(text):
            add(crc32(block[1]), base + block.start())
            done = block.end()
        self._at += done
        return text[done:]

    def finish(self) -> None:
        """Writes the rest, and waits until it is on disk. Raises OSError."""
        text = self.text_bytes
        self._write(bytes(-text % 8))
        postings = 0
        for piece in self._postings.ascending():
            self._write(piece.tobytes())
            postings += len(piece)
        for part in (self._starts.tobytes(), self._ends.tobytes(), bytes(self._records)):
            self._write(part)
        layout = Layout(text, postings, len(self._starts), len(self._records))
        numbers = (MAGIC, layout.text, layout.postings, layout.works, layout.records, self._crc)
        own = zlib.crc32(HEADER.pack(*numbers, 0)[:44])
        self._file.seek(0)
        self._file.write(HEADER.pack(*numbers, own))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._partial.replace(self._path)

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._crc = zlib.crc32(data, self._crc)
