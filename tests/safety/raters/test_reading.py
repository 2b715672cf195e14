from __future__ import annotations

import pytest

from geminid.safety.raters import reading


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("You are GREAT.", ["you", "are", "great", ""]),
        ("It's mine; take it", ["it's", "mine", "", "take", "it"]),
        ("you st\u03bcpid 1d10t, $illy", ["you", "st\u03bcpid", "idiot", "illy"]),
        ("an i d i o t here", ["an", "idiot", "here"]),
        ("in 1945 and 2001", ["in", "1945", "and", "2001"]),
        ("self-harm", ["self-harm"]),
        ("\uff49\uff44\uff49\uff4f\uff54", ["idiot"]),
        ("", []),
    ],
)
def test_words_are_read_as_they_are_meant(text: str, words: list[str]) -> None:
    assert list(reading.words(text)) == words


def test_stretched_letters_may_stand_for_two_or_one() -> None:
    assert reading.squeezed("fooool") == ("fool", "fol")
    assert reading.squeezed("fool") == ()


@pytest.mark.parametrize(
    ("word", "meant"), [("id*ot", "idiot"), ("m***n", "moron"), ("l*s*r", "loser"), ("wan*", "wand")]
)
def test_stars_stand_for_letters(word: str, meant: str) -> None:
    assert reading.fits(reading.shown(word), meant)


@pytest.mark.parametrize(
    ("word", "other"), [("id*ot", "idot"), ("i*t", "idiots"), ("l*s*r", "lesr"), ("ab*ba", "aba")]
)
def test_stars_stand_for_one_letter_at_least(word: str, other: str) -> None:
    assert not reading.fits(reading.shown(word), other)


@pytest.mark.parametrize("word", ["idiot", "a*", "a*b*c*d*e"])
def test_what_has_no_stars_or_too_few_letters_or_too_many_gaps_tells_nothing(word: str) -> None:
    assert reading.shown(word) == ()
