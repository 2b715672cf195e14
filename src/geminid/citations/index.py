"""The index as a server reads it: mapped, never written, opened again when the command line changed it.

``Watched`` is what the composition root makes; a guard asks it for a ``Matcher`` for each answer. Which pages of
the files are in memory is the kernel's business; beyond them an index takes next to nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from geminid.citations import manifest
from geminid.citations.base import CitationsError, Limits
from geminid.citations.matching import Matcher
from geminid.citations.segment import Segment

_log = logging.getLogger(__name__)

_TRIES: Final = 5
"""How often the index may be changed while it is being opened."""

_Stamp: TypeAlias = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Index:
    """What was there at one moment."""

    segments: tuple[Segment, ...] = ()

    @classmethod
    def open(cls, folder: Path, before: Index | None = None) -> Index:
        """Checks every file that ``before`` does not have open already. Empty where there is no index.

        Raises CitationsError, which names the damaged file.
        """
        opened = {segment.path: segment for segment in (before.segments if before else ())}
        for left in reversed(range(_TRIES)):
            names = [piece.name for piece in manifest.read(folder).pieces]
            try:
                return cls(tuple(opened.get(folder / name) or Segment(folder / name) for name in names))
            except FileNotFoundError as error:
                if not left:
                    raise CitationsError(f"{error.filename} is missing.") from error
            except OSError as error:
                raise CitationsError(f"{folder} cannot be read: {error.strerror}.") from error
        raise AssertionError("the last try returns or raises")

    def matcher(self, limits: Limits = Limits()) -> Matcher:  # noqa: B008 - it is frozen
        """For one answer."""
        return Matcher(self.segments, limits)


class Watched:
    """The index in ``folder`` as it is now. One that was replaced by a damaged one goes on as it was."""

    def __init__(self, folder: Path, limits: Limits = Limits()) -> None:  # noqa: B008 - it is frozen
        self._folder = folder
        self._manifest = str(folder / manifest.NAME)
        self._limits = limits
        self._stamp: _Stamp = None
        self._index = Index()
        self._opening = asyncio.Lock()

    async def open(self) -> None:
        """Once, when the server starts. Raises CitationsError, which names the damaged file."""
        stamp = self._current()
        self._index = await asyncio.to_thread(Index.open, self._folder)
        self._stamp = stamp

    async def matcher(self) -> Matcher:
        """For one answer. Costs one ``stat`` while nothing changed; the next answer waits for the files."""
        if self._current() != self._stamp:
            async with self._opening:
                await self._open_again()
        return self._index.matcher(self._limits)

    async def _open_again(self) -> None:
        stamp = self._current()
        if stamp == self._stamp:
            return
        try:
            self._index = await asyncio.to_thread(Index.open, self._folder, self._index)
        except CitationsError as error:
            _log.error("citations: %s Answers are still cited from the index as it was before.", error)
        self._stamp = stamp

    def _current(self) -> _Stamp:
        try:
            stat = os.stat(self._manifest)
        except OSError:
            return None
        return stat.st_ino, stat.st_mtime_ns, stat.st_size
