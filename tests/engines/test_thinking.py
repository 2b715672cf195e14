from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geminid.engines.thinking import Kind, ThoughtReader


def read(*chunks: str) -> tuple[str, str]:
    """The thoughts and the text."""
    reader = ThoughtReader()
    pieces = [piece for chunk in chunks for piece in reader.feed(chunk)] + list(reader.flush())
    assert "".join(text for text, _ in pieces) == "".join(chunks)
    said = {kind: "".join(text for text, of in pieces if of is kind) for kind in Kind}
    assert [kind for kind, _ in groupby(kind for _, kind in pieces if kind is not Kind.TAG)] in (
        [],
        [Kind.THOUGHT],
        [Kind.TEXT],
        [Kind.THOUGHT, Kind.TEXT],
    )
    return said[Kind.THOUGHT], said[Kind.TEXT]


@pytest.mark.parametrize(
    ("answer", "thought", "text"),
    [
        ("Hello <think>x</think>", "", "Hello <think>x</think>"),
        ("<think>Hm. So.</think>Yes.", "Hm. So.", "Yes."),
        ("\n <think>\nHm.\n\nSo.\n</think>\n\nYes.\n", "Hm.\n\nSo.", "Yes.\n"),
        ("<think>\n\n</think>\n\nYes.", "", "Yes."),
        ("<think>1 < 2 </thin k> so</think>Yes", "1 < 2 </thin k> so", "Yes"),
        ("<think>a</think>b<think>c</think>", "a", "b<think>c</think>"),
        ("<think>cut off in mid-thou", "cut off in mid-thou", ""),
        ("<think>cut off in the tag</thi", "cut off in the tag</thi", ""),
        ("<thin", "", "<thin"),
        ("<thinner>", "", "<thinner>"),
        ("  \n", "", "  \n"),
        ("", "", ""),
    ],
)
def test_thoughts_and_text(answer: str, thought: str, text: str) -> None:
    assert read(answer) == (thought, text)
    assert read(*answer) == (thought, text)


@given(
    st.lists(st.sampled_from(["<think>", "</think>", "<", "/", "think>", " ", "\n", "a", "😀"])),
    st.integers(0, 99),
)
def test_borders_do_not_matter(parts: list[str], border: int) -> None:
    answer = "".join(parts)

    assert read(answer[:border], answer[border:]) == read(answer) == read(*answer)


def test_text_is_not_held_back() -> None:
    reader = ThoughtReader()

    assert list(reader.feed("H")) == [("H", Kind.TEXT)]
    assert reader.done
