from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geminid.elsewhere.events import LINE_BYTES, Events
from geminid.errors import Internal

STREAM = b': hello\r\n\r\ndata: {"a": "\xc3\xa9"}\r\n\r\ndata:{"b": 2}\n\ndata: {"c": 3}'


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_documents_are_read_however_they_are_cut(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    events = Events()

    got = [one for start, end in pairwise(places) for one in events.feed(STREAM[start:end])]

    assert [*got, *events.end()] == [b'{"a": "\xc3\xa9"}', b'{"b": 2}', b'{"c": 3}']
    assert events.stray == b""


def test_what_is_no_event_is_told_apart() -> None:
    events = Events()

    events.feed(b'data: {}\r\n\r\n{\n  "error": {}\n}\n')

    assert events.stray == b'{\n  "error": {}\n}'


def test_a_line_without_an_end_is_bounded() -> None:
    events, part = Events(), b"x" * (LINE_BYTES // 4)

    with pytest.raises(Internal):
        [events.feed(part) for _ in range(5)]
