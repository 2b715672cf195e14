"""Adds texts to an index on disk, and takes them away. Called by the command line; a server only reads.

New texts get a segment of their own, and the last few of like size are put together, so that there are few
segments and a text is copied a few times at most. One writer at a time; a crash leaves the index as it was.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from geminid.citations import manifest as manifests
from geminid.citations.base import CitationsError, Progress, Work
from geminid.citations.manifest import Manifest, Piece, Source
from geminid.citations.reading import Origin, Text, is_url, texts
from geminid.citations.segment import Segment
from geminid.citations.segment_writer import PARTIAL, SegmentWriter
from geminid.citations.words import normal
from geminid.file_lock import try_lock
from geminid.judgement import Date

SEGMENT: Final = ".segment"

FULL: Final = 1 << 30
"""Bytes of text after which nothing is added to a segment: copying one takes half a minute."""

SMALL: Final = 1 << 22
"""Bytes of text below which segments are put together whatever their sizes."""


@dataclass(frozen=True, slots=True)
class Details:
    """How to cite what is added, besides the URL of a page and the name of a file. A folder has a ``uri``, too."""

    uri: str = ""
    title: str = ""
    license: str = ""
    date: Date | None = None


class Library:
    """The index in ``folder``, which is made when something is added. Every method may raise CitationsError."""

    def __init__(self, folder: Path, full: int = FULL) -> None:
        self._folder = folder
        self._full = full

    def sources(self) -> tuple[Source, ...]:
        """In the order in which they were added."""
        return manifests.read(self._folder).sources

    def add(self, origins: Sequence[Origin], details: Details, progress: Progress) -> tuple[Source, ...]:
        """Adds all of them or, when one cannot be read, nothing. One that is there already is read anew."""
        with self._changing() as before:
            numbers = itertools.count(before.next)
            adding = _Adding(self._folder, numbers, progress, self._full)
            with adding:
                for origin in dict.fromkeys(origins):
                    adding.add(origin, details)
            replaced = {source.id for source in before.sources if source.origin in origins}
            kept = self._without(before.pieces, replaced, numbers)
            pieces = self._together([*kept, *adding.pieces], numbers, progress)
            stay = [source for source in before.sources if source.id not in replaced]
            self._commit(Manifest(1, next(numbers), (*stay, *adding.sources), pieces))
            return tuple(adding.sources)

    def remove(self, names: Collection[str]) -> tuple[Source, ...]:
        """Takes away the sources with these origins or numbers. Raises CitationsError when there is none."""
        with self._changing() as before:
            gone = [source for source in before.sources if source.origin in names or str(source.id) in names]
            missing = set(names) - {source.origin for source in gone} - {str(source.id) for source in gone}
            if missing:
                raise CitationsError(f"{min(missing)} is not in the index: see geminid citations list.")
            numbers = itertools.count(before.next)
            pieces = self._without(before.pieces, {source.id for source in gone}, numbers)
            stay = tuple(source for source in before.sources if source not in gone)
            self._commit(Manifest(1, next(numbers), stay, pieces))
            return tuple(gone)

    @contextlib.contextmanager
    def _changing(self) -> Iterator[Manifest]:
        """Holds the lock, which goes with the process."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                if not try_lock(lock):
                    raise CitationsError(f"another command is changing {self._folder}: try again when it is done.")
                before = manifests.read(self._folder)
                self._sweep(before)
                yield before
            finally:
                os.close(lock)
        except OSError as error:
            raise CitationsError(f"{error.filename or self._folder}: {error.strerror}.") from error

    def _commit(self, manifest: Manifest) -> None:
        manifests.write(self._folder, manifest)
        self._sweep(manifest)

    def _sweep(self, manifest: Manifest) -> None:
        """Removes what a crash left, and what was replaced. A server may have it open still."""
        names = {piece.name for piece in manifest.pieces}
        for path in self._folder.iterdir():
            if path.suffix == PARTIAL or (path.suffix == SEGMENT and path.name not in names):
                with contextlib.suppress(OSError):  # Windows keeps open files; the next command removes them
                    path.unlink()

    def _without(
        self, pieces: Iterable[Piece], sources: Collection[int], numbers: Iterator[int]
    ) -> tuple[Piece, ...]:
        kept = (self._rewritten([p], sources, numbers) if {*p.sources} & {*sources} else p for p in pieces)
        return tuple(piece for piece in kept if piece is not None)

    def _together(self, pieces: Sequence[Piece], numbers: Iterator[int], progress: Progress) -> tuple[Piece, ...]:
        """With the last ones made one, as long as the one before is not more than twice as large as they are."""
        first, size = len(pieces), 0
        while first and _alike(pieces[first - 1].size, size, self._full):
            first -= 1
            size += pieces[first].size
        if len(pieces) - first < 2:
            return tuple(pieces)
        if size > SMALL:
            progress.note(f"Putting {len(pieces) - first} parts of the index together.")
        whole = self._rewritten(pieces[first:], (), numbers)
        return (*pieces[:first], *([whole] if whole else []))

    def _rewritten(
        self, pieces: Iterable[Piece], leaving: Collection[int], numbers: Iterator[int]
    ) -> Piece | None:
        """One segment with the texts of ``pieces``; None when none stays."""
        name = _name(numbers)
        sources: dict[int, None] = {}
        with SegmentWriter(self._folder / name) as writer:
            for piece in pieces:
                for work, text in self._open(piece).works():
                    if work.source not in leaving:
                        writer.add(work, text)
                        sources[work.source] = None
            if not sources:
                return None
            writer.finish()
            return Piece(name, writer.text_bytes, tuple(sources))

    def _open(self, piece: Piece) -> Segment:
        try:
            return Segment(self._folder / piece.name)
        except FileNotFoundError as error:
            raise CitationsError(f"{self._folder / piece.name} is missing.") from error


class _Adding:
    """New segments while they are written. ``pieces`` are those that are whole; all are, after the ``with``."""

    def __init__(self, folder: Path, numbers: Iterator[int], progress: Progress, full: int) -> None:
        self._full = full
        self._folder = folder
        self._numbers = numbers
        self._progress = progress
        self._writer: SegmentWriter | None = None
        self._name = ""
        self._here: dict[int, None] = {}
        self.sources: list[Source] = []
        self.pieces: list[Piece] = []

    def __enter__(self) -> _Adding:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, at: object) -> None:
        if self._writer is None:
            return
        with self._writer:
            if kind is None:
                self._finish()

    def add(self, origin: Origin, details: Details) -> None:
        number = next(self._numbers)
        count = words = size = 0
        for text in texts(origin, self._progress):
            words += self._write(_work(number, origin, text, details), text)
            count += 1
            size += text.size
        if not words:
            raise CitationsError(f"{origin} has no text.")
        now = dt.datetime.now(dt.UTC).replace(microsecond=0)
        told = (details.uri, details.title, details.license, details.date)
        self.sources.append(Source(number, origin, now, *told, count, words, size))

    def _write(self, work: Work, text: Text) -> int:
        if self._writer is None:
            self._name, self._here = _name(self._numbers), {}
            self._writer = SegmentWriter(self._folder / self._name)
        self._here[work.source] = None
        words = self._writer.add(work, (spelled + b" " if (spelled := normal(p)) else b"" for p in text.pieces))
        if self._writer.text_bytes >= self._full:
            with self._writer:
                self._finish()
        return words

    def _finish(self) -> None:
        assert self._writer
        self._writer.finish()
        self.pieces.append(Piece(self._name, self._writer.text_bytes, tuple(self._here)))
        self._writer = None


def _alike(before: int, after: int, full: int) -> bool:
    if before + after > full:
        return False
    return not after or before <= 2 * after or before + after <= SMALL


def _name(numbers: Iterator[int]) -> str:
    return f"{next(numbers):08}{SEGMENT}"


def _work(source: int, origin: Origin, text: Text, details: Details) -> Work:
    uri = details.uri or (origin if is_url(origin) else "")
    if uri and text.tail:
        uri = f"{uri.rstrip('/')}/{text.tail}"
    return Work(source, uri, details.title or text.title, details.license, details.date)
