"""One file of an index: what is put in comes out, and damage does not go unnoticed."""

from __future__ import annotations

import random
import zlib
from pathlib import Path

import pytest

from geminid.citations.base import CitationsError, Work
from geminid.citations.postings import Postings
from geminid.citations.segment import HEADER, Segment
from geminid.citations.segment_writer import SegmentWriter
from geminid.judgement import Date

FIRST = Work(1, "https://example.com/a", "A", "MIT", Date(2024, 5))
SECOND = Work(2)
WORDS = b"one two three four five six seven eight nine ten eleven twelve thirteen fourteen "


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "00000001.segment"
    with SegmentWriter(path) as writer:
        writer.add(FIRST, [WORDS[:30], WORDS[30:], b""])
        writer.add(SECOND, [])
        writer.add(SECOND, [WORDS * 3])
        writer.finish()
    return path


def test_works_come_out_as_they_went_in(written: Path) -> None:
    works = [(work, b"".join(pieces)) for work, pieces in Segment(written).works()]

    assert works == [(FIRST, WORDS), (SECOND, b""), (SECOND, WORDS * 3)]


def test_a_group_is_found_in_every_work_that_has_it_in_order(written: Path) -> None:
    segment = Segment(written)
    group = WORDS[: WORDS.index(b"nine")]

    places = list(segment.places(zlib.crc32(group), 10))

    assert [segment.work(place) for place in places] == [FIRST, SECOND]
    assert all(segment.text[place - 1 : place + len(group)] == b" " + group for place in places)
    assert list(segment.places(zlib.crc32(group), 1)) == places[:1]


def test_without_finish_there_is_nothing(tmp_path: Path) -> None:
    with SegmentWriter(tmp_path / "a.segment") as writer:
        writer.add(FIRST, [WORDS])

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", [0, 20, 45, HEADER.size + 3, -3, -100])
def test_a_byte_that_is_wrong_is_found_out_and_the_file_named(written: Path, place: int) -> None:
    data = bytearray(written.read_bytes())
    data[place] ^= 1
    written.write_bytes(data)

    with pytest.raises(CitationsError, match=r"00000001.segment is damaged"):
        Segment(written)


@pytest.mark.parametrize("length", [0, 10, HEADER.size, -1])
def test_a_file_that_is_cut_off_is_found_out(written: Path, length: int) -> None:
    written.write_bytes(written.read_bytes()[:length])

    with pytest.raises(CitationsError, match=r"00000001.segment is damaged"):
        Segment(written)


@pytest.mark.parametrize("count", [0, 5, 100, 1_001])
def test_postings_are_sorted_on_disk_as_in_memory(tmp_path: Path, count: int) -> None:
    dice = random.Random(count)
    added = [(dice.randrange(2**32), place) for place in range(count)]
    postings = Postings(tmp_path, batch=100)
    for code, place in added:
        postings.add(code, place)

    ascending = [number for piece in postings.ascending() for number in piece]
    postings.close()

    assert ascending == [code << 32 | place for code, place in sorted(added)]
