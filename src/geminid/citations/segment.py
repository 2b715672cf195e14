"""One file of an index, mapped into memory: normalised texts, the places of their word groups, how to cite them.

It never changes once it has its name. ``segment_writer`` makes it, ``index`` opens it, ``matching`` asks it.

    header (64 bytes) | texts | padding to 8 | postings | starts of the texts | ends of the works | works (JSON)

Each text is `` word word word ``, so that two spaces part two texts. Numbers are in the order of the machine.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from geminid.citations.base import CitationsError, Work

GROUP: Final = 8
"""Words of a group. Shorter groups are found in too many places."""

STRIDE: Final = 13
"""A text is indexed by the group at every 13th word, an answer is looked up at each of its words.

So a run of GROUP + STRIDE - 1 = 20 words is always found. That is half the postings that winnowing needs for it,
and the answer, which is looked up at every word, is the small side.
"""

MAGIC: Final = int.from_bytes(b"gemcite1", "little")
HEADER: Final = struct.Struct("=5QII16x")
"""Magic; bytes of the texts, postings, works, bytes of the works; CRC of what follows, CRC of what precedes."""

_PIECE = 1 << 24


@dataclass(frozen=True, slots=True)
class Layout:
    """How long the parts are: bytes of the texts, numbers of postings and works, bytes of the works."""

    text: int
    postings: int
    works: int
    records: int

    @property
    def postings_at(self) -> int:
        return HEADER.size + self.text + -self.text % 8

    @property
    def starts_at(self) -> int:
        return self.postings_at + 8 * self.postings

    @property
    def records_at(self) -> int:
        return self.starts_at + 16 * self.works

    @property
    def size(self) -> int:
        return self.records_at + self.records


class Segment:
    """An open file. ``text`` is indexed by the places that ``places`` gives; slices of it are ``bytes``."""

    def __init__(self, path: Path) -> None:
        """Checks all of it, at about 1 GB a second. Raises CitationsError, naming the file; FileNotFoundError."""
        self.path = path
        with path.open("rb") as file:
            try:
                self.text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError as error:
                raise CitationsError(f"{path} is damaged: it is empty.") from error
        self._layout = layout = _checked(path, self.text)
        whole = memoryview(self.text)
        self._postings = whole[layout.postings_at : layout.starts_at].cast("Q")
        numbers = whole[layout.starts_at : layout.records_at].cast("Q")
        self._starts, self._ends = numbers[: layout.works], numbers[layout.works :]

    def places(self, code: int, most: int) -> Iterator[int]:
        """Where groups with this CRC begin, in the order in which the texts were added; at most ``most``."""
        postings = self._postings
        first = bisect_left(postings, code << 32)
        for posting in postings[first : first + most]:
            if posting >> 32 != code:
                return
            yield posting & 0xFFFFFFFF

    def work(self, place: int) -> Work:
        """The text that the place is in."""
        return self._work(bisect_right(self._starts, place) - 1)

    @property
    def text_bytes(self) -> int:
        """Of its texts, normalised."""
        return self._layout.text

    def works(self) -> Iterator[tuple[Work, Iterator[bytes]]]:
        """Every text with how to cite it, in pieces that end with a space."""
        for number, start in enumerate(self._starts):
            last = number + 1 == self._layout.works
            end = HEADER.size + self._layout.text if last else self._starts[number + 1]
            yield self._work(number), self._pieces(start + 1, end)

    def _pieces(self, start: int, end: int) -> Iterator[bytes]:
        while start < end:
            stop = self.text.find(b" ", min(start + _PIECE, end - 1)) + 1
            yield self.text[start:stop]
            start = stop

    def _work(self, number: int) -> Work:
        at = self._layout.records_at
        start = self._ends[number - 1] if number else 0
        return msgspec.json.decode(self.text[at + start : at + self._ends[number]], type=Work)


def _checked(path: Path, content: mmap.mmap) -> Layout:
    head = content[: HEADER.size]
    if len(head) < HEADER.size:
        raise CitationsError(f"{path} is damaged: it is cut off.")
    magic, text, postings, works, records, body, own = HEADER.unpack(head)
    if magic != MAGIC or zlib.crc32(head[:44]) != own:
        raise CitationsError(f"{path} is damaged, or was not made by this version on such a machine.")
    layout = Layout(text, postings, works, records)
    if layout.size != len(content):
        raise CitationsError(f"{path} is damaged: it has {len(content)} bytes of {layout.size}.")
    crc = 0
    with memoryview(content) as whole:
        for at in range(HEADER.size, len(content), _PIECE):
            crc = zlib.crc32(whole[at : at + _PIECE], crc)
    if crc != body:
        raise CitationsError(f"{path} is damaged: its checksum is another.")
    return layout
