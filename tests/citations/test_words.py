"""What a word is, and that two ways of writing it come to the same."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geminid.citations.words import LONGEST, WORD, normal


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Free  Software,\n\tfreely!", b"free software freely"),
        ("the “quoted” word—don\u2019t", b"the quoted word don t"),
        ('the "quoted" word-don\'t', b"the quoted word don t"),
        ("snake_case(camelCase)", b"snake case camelcase"),
        ("*_emphasis_*", b"emphasis"),
        ("soft\u00adly zero\u200bwidth", b"softly zerowidth"),
        ("ﬁne \uff37\uff29\uff24\uff25", b"fine wide"),
        ("Straße", b"strasse"),
        ("x = 3.14;", b"x 3 14"),
        ("😀 👩‍🔬", b""),
    ],
)
def test_case_space_and_punctuation_are_nothing(text: str, words: bytes) -> None:
    assert normal(text) == words


def test_accents_count_however_they_are_written() -> None:
    composed, decomposed = (unicodedata.normalize(form, "Élan vital, naïve") for form in ("NFC", "NFD"))

    assert normal(composed) == normal(decomposed) == "élan vital naïve".encode()
    assert normal(composed) != normal("Elan vital, naive")


def test_scripts_without_spaces_have_a_word_for_each_character() -> None:
    assert normal("言葉はある").split() == [character.encode() for character in "言葉はある"]
    assert len(normal("ที่นี่").split()) == 2, "signs belong to their letter"


def test_vowel_signs_belong_to_their_word() -> None:
    assert normal("हिन्दी भाषा") == "हिन्दी भाषा".encode()


def test_a_word_without_end_is_cut() -> None:
    assert [len(word) for word in WORD.findall("x" * (2 * LONGEST + 1))] == [LONGEST, LONGEST, 1]


@given(st.text())
def test_a_text_is_its_words_one_by_one(text: str) -> None:
    one_by_one = b" ".join(filter(None, (normal(word) for word in WORD.findall(text))))

    assert normal(text) == one_by_one
