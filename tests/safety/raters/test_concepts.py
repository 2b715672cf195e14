from __future__ import annotations

import codecs

import pytest

from geminid.safety.raters.concepts import NEAR, Lexicon

LEXICON = f"""
[harmful]
insult = "rascal, good for nothing"
[suspect]
attack = "hurl~, batter~, hurry~, rasp"
[neutral]
you = "you, i"
[about]
kitchen = "cake, batter mix"
[rot13]
slur = "{codecs.encode("knave", "rot13")}"
"""


@pytest.fixture
def lexicon() -> Lexicon:
    return Lexicon(LEXICON)


def alone(lexicon: Lexicon, text: str) -> set[str]:
    return {lexicon.names[concept] for concept in lexicon.features(text).single}


def together(lexicon: Lexicon, text: str) -> set[str]:
    return {f"{lexicon.names[one]}+{lexicon.names[other]}" for one, other in lexicon.features(text).paired}


@pytest.mark.parametrize(
    "word", ["rascal", "Rascals", "rascal's", "rasc*l", "raaascal", "r4scal", "r a s c a l", "knave"]
)
def test_what_is_harmful_is_seen_however_it_is_spelled(lexicon: Lexicon, word: str) -> None:
    assert alone(lexicon, f"the {word} was here") in ({"insult"}, {"slur"})


def test_a_term_may_have_several_words(lexicon: Lexicon) -> None:
    assert alone(lexicon, "good for nothing") == {"insult"}
    assert alone(lexicon, "good for you") == set()


def test_a_short_word_has_no_plural(lexicon: Lexicon) -> None:
    assert together(lexicon, "the rascal is here") == set()


@pytest.mark.parametrize("form", ["hurl", "hurls", "hurled", "hurling", "hurries", "hurried", "hurrying"])
def test_a_verb_is_seen_in_all_its_forms(lexicon: Lexicon, form: str) -> None:
    assert together(lexicon, f"you {form}") == {"attack+you"}


def test_what_is_suspect_or_neutral_is_nothing_alone(lexicon: Lexicon) -> None:
    assert alone(lexicon, "you batter it") == set()
    assert together(lexicon, "you and I, you and the cake") == set()


def test_two_are_taken_together_once(lexicon: Lexicon) -> None:
    assert together(lexicon, "battering a rascal, a rascal battered") == {"insult+attack"}


@pytest.mark.parametrize(
    "text", ["You came. A rascal came too.", "you" + " and" * NEAR + " the rascal"], ids=["sentence", "distance"]
)
def test_what_stands_far_off_is_not_taken_together(lexicon: Lexicon, text: str) -> None:
    assert together(lexicon, text) == set()


def test_what_a_text_is_about_holds_for_all_of_it(lexicon: Lexicon) -> None:
    assert together(lexicon, "There is cake. Then you mix. Batter it.") == {"attack+kitchen"}


def test_the_words_are_told(lexicon: Lexicon) -> None:
    assert set(lexicon.features("You RASCAL").paired.values()) == {("rascal", "you")}


def test_a_word_is_not_seen_within_a_term_of_what_a_text_is_about(lexicon: Lexicon) -> None:
    assert together(lexicon, "you and the batter mix") == set()
