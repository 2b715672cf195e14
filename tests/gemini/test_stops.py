from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geminid.gemini.stops import StopFilter


def cut(chunks: list[str], *sequences: str) -> str:
    """What a client sees of ``chunks``."""
    stops = StopFilter(sequences)
    seen = []
    for chunk in chunks:
        text, stopped = stops.feed(chunk)
        seen.append(text)
        if stopped:
            return "".join(seen)
    return "".join([*seen, stops.flush()])


@pytest.mark.parametrize(
    ("text", "sequences", "expected"),
    [
        ("public static string reverse(string myString)", ["Str", "reverse"], "public static string "),
        ("one two three", ["two"], "one "),
        ("one two three", ["TWO"], "one two three"),
        ("one two three", ["one"], ""),
        ("abc", ["abcd", "bc"], "a"),
        ("abcd", ["abcd", "bcd"], ""),
        ("xx\n\nyy", ["\n\n"], "xx"),
        ("ends with a half sto", ["stop"], "ends with a half sto"),
        ("emoji 👩‍👩‍👧 here", ["👧"], "emoji 👩‍👩‍"),
    ],
)
def test_text_is_cut_before_the_first_sequence(text: str, sequences: list[str], expected: str) -> None:
    assert cut([text], *sequences) == expected


def test_a_sequence_split_over_chunks_never_gets_out() -> None:
    assert cut(["say S", "T", "O", "P now"], "STOP") == "say "


def test_what_cannot_be_a_sequence_goes_out_at_once() -> None:
    assert StopFilter(("STOP",)).feed("no stop in sight S") == ("no stop in sight ", False)


@given(st.text("abc", max_size=40), st.lists(st.text("abc", min_size=1, max_size=4), max_size=5), st.data())
def test_the_result_does_not_depend_on_where_chunks_are_cut(
    text: str, sequences: list[str], data: st.DataObject
) -> None:
    places = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    edges = [0, *places, len(text)]
    chunks = [text[start:end] for start, end in pairwise(edges)]

    assert cut(chunks, *sequences) == cut([text], *sequences)


@given(st.text("abc", max_size=40), st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=5))
def test_no_sequence_is_ever_left_in_the_text(text: str, sequences: list[str]) -> None:
    assert not any(sequence in cut(list(text), *sequences) for sequence in sequences)
