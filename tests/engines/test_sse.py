from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geminid.engines.sse import LINE_BYTES, EventReader, LineTooLong

STREAM = (
    b": a comment\r\n\r\n"
    b'data: {"text": "\xf0\x9f\x98\x80"}\r\n\r\n'
    b"event: message\ndata:no space\n\n"
    b"data: two\ndata: lines\n\n"
    b"\n\r\ndata: [DONE]\n\n"
)
EVENTS = [b'{"text": "\xf0\x9f\x98\x80"}', b"no space", b"two\nlines", b"[DONE]"]


@given(st.lists(st.integers(0, len(STREAM))))
def test_events_are_the_same_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    reader = EventReader()
    edges = [0, *sorted(cuts), len(STREAM)]

    found = [event for start, end in pairwise(edges) for event in reader.feed(STREAM[start:end])]

    assert found == EVENTS


def test_the_end_completes_what_lacks_an_empty_line() -> None:
    reader = EventReader()

    assert reader.feed(b"data: last") == []
    assert reader.rest() == [b"last"]


def test_a_line_without_end_is_refused() -> None:
    reader = EventReader()

    for _ in range(LINE_BYTES // 2**16):
        reader.feed(b"x" * 2**16)

    with pytest.raises(LineTooLong):
        reader.feed(b"x")
