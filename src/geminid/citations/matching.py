"""Follows one answer as it is written, and finds the runs of words that stand in the index as they are.

Called by the guard around an engine, with every piece of text. A group of words that has a posting is compared
with the text itself, grown to the left once, and to the right word by word for as long as it holds.
"""

from __future__ import annotations

import zlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from geminid.citations.base import Limits
from geminid.citations.segment import GROUP, Segment
from geminid.citations.words import WORD, normal
from geminid.judgement import Citation

ABREAST: Final = 32
"""Runs that are followed at once, and places looked at for one group.

What stands in more places, as the head of every file of a project does, is cited from one of the first of them,
unless what follows tells them apart.
"""

_PLACE_BITS: Final = 40
_PLACE: Final = (1 << _PLACE_BITS) - 1


class Matcher:
    """One answer. A run is known by the place where its next word would be, over all segments: its key."""

    def __init__(self, segments: Sequence[Segment], limits: Limits) -> None:
        self._segments = segments
        self._limits = limits
        self._tail = ""  # a word that may go on
        self._bytes = 0  # of the answer before it
        self._normal = bytearray(b" ")  # the words so far, each with a space after it
        self._at = array("Q")  # where each begins in _normal
        self._starts = array("Q")  # where each begins and ends in the answer
        self._ends = array("Q")
        self._running: dict[int, int] = {}  # key: its first word
        self._runs: dict[tuple[int, int], int] = {}  # first and last word: key
        self._longest = 0

    @property
    def idle(self) -> bool:
        """Whether there is nothing that could be found."""
        return not self._segments

    def feed(self, text: str) -> None:
        """More of the answer, cut anywhere. A word at its end, which may go on, does not count yet."""
        if not self._segments:
            return
        text = self._tail + text
        done, tail = 0, len(text)
        for word in WORD.finditer(text):
            if word.end() == len(text):
                tail = word.start()
                break
            self._read(text[done : word.start()], word[0])
            done = word.end()
        self._bytes += _length(text[done:tail])
        self._tail = text[tail:]

    def finish(self) -> None:
        """The answer is whole, and so is the word at its end, which counts from now on."""
        word, self._tail = self._tail, ""
        if word:
            self._read("", word)

    def citations(self) -> list[Citation]:
        """Of what was fed, in order: no run within another; of equal ones that which was added first."""
        runs = dict(self._runs)
        last = len(self._at) - 1
        for key, first in self._running.items():
            if self._is_cited(first, last):
                runs[first, last] = min(key, runs.get((first, last), key))
        return [self._citation(*run) for run in _outermost(runs)]

    @property
    def longest_run_words(self) -> int:
        """Words of the longest run so far; 0 below a group of 8."""
        first = min(self._running.values(), default=len(self._at))
        return max(self._longest, len(self._at) - first)

    @property
    def recites(self) -> bool:
        """Whether a run is longer than an answer may repeat."""
        return 0 < self._limits.recited_words < self.longest_run_words

    def _read(self, between: str, word: str) -> None:
        start = self._bytes + _length(between)
        self._bytes = start + _length(word)
        spelled = normal(word) + b" "
        if spelled == b" ":
            return
        self._at.append(len(self._normal))
        self._starts.append(start)
        self._ends.append(self._bytes)
        self._normal += spelled
        self._running = self._continued(spelled) if self._running else {}
        if len(self._at) >= GROUP:
            self._begin()

    def _continued(self, word: bytes) -> dict[int, int]:
        """The runs that go on with ``word``; the others end before it."""
        expected, length = b" " + word, len(word)
        running = {}
        for key, first in self._running.items():
            place = key & _PLACE
            if self._segments[key >> _PLACE_BITS].text[place - 1 : place + length] == expected:
                running[key + length] = first
            else:
                self._end(key, first, len(self._at) - 2)
        return running

    def _begin(self) -> None:
        """Begins the runs that are found by the group that ends here."""
        first = len(self._at) - GROUP
        group = bytes(self._normal[self._at[first] - 1 :])
        code, length = zlib.crc32(group[1:]), len(group) - 1
        for number, segment in enumerate(self._segments):
            for place in segment.places(code, ABREAST):
                key = number << _PLACE_BITS | place + length
                if key in self._running or segment.text[place - 1 : place + length] != group:
                    continue
                if len(self._running) == ABREAST:
                    return
                self._running[key] = self._leftmost(segment, place, first)

    def _leftmost(self, segment: Segment, place: int, first: int) -> int:
        """The first word of the run that has its word ``first`` at ``place``."""
        while first:
            word = self._normal[self._at[first - 1] - 1 : self._at[first]]
            if segment.text[max(place - len(word), 0) : place] != word:
                break
            place -= len(word) - 1
            first -= 1
        return first

    def _end(self, key: int, first: int, last: int) -> None:
        self._longest = max(self._longest, last - first + 1)
        if self._is_cited(first, last):
            self._runs[first, last] = min(key, self._runs.get((first, last), key))

    def _is_cited(self, first: int, last: int) -> bool:
        end = self._at[last + 1] if last + 1 < len(self._at) else len(self._normal)
        limits = self._limits
        return last - first + 1 >= limits.cited_words and end - self._at[first] >= limits.cited_bytes

    def _citation(self, first: int, last: int, key: int) -> Citation:
        work = self._segments[key >> _PLACE_BITS].work((key & _PLACE) - 1)
        return Citation(self._starts[first], self._ends[last], work.uri, work.title, work.license, work.date)


def _outermost(runs: Mapping[tuple[int, int], int]) -> Iterator[tuple[int, int, int]]:
    reached = -1
    for (first, last), key in sorted(runs.items(), key=lambda run: (run[0][0], -run[0][1])):
        if last > reached:
            reached = last
            yield first, last, key


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))
