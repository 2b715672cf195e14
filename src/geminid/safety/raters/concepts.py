"""Which concepts a text speaks of, by a lexicon of words: the features that the embedded rater weighs. Pure."""

from __future__ import annotations

import codecs
import itertools
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from geminid.safety.raters import reading

NEAR = 10
"""Concepts of one sentence that are at most so many words apart are taken together."""

LONG_ENOUGH = 2
"""Letters of a word that has no plural: ``is`` is not that of ``i``."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A concept, the words that stand for it, and where: the place of its first word, counted over the text."""

    concept: int
    words: str
    place: int
    sentence: int


@dataclass(slots=True)
class Features:
    """What may be harmful in a text, alone, and together with another concept; with the words that say it."""

    single: dict[int, str] = field(default_factory=dict)
    paired: dict[tuple[int, int], tuple[str, str]] = field(default_factory=dict)


class Lexicon:
    """Read from TOML: four tables of concepts with their terms, and ``rot13``, harmful ones in that cipher."""

    def __init__(self, toml: str) -> None:
        tables = tomllib.loads(toml)
        hidden = {name: codecs.decode(terms, "rot13") for name, terms in tables["rot13"].items()}
        parts = ({**tables["harmful"], **hidden}, tables["suspect"], tables["neutral"], tables["about"])
        self._harmful, self._suspect, self._near, _ = itertools.accumulate(map(len, parts))
        concepts = {name: terms for part in parts for name, terms in part.items()}
        self.names: Sequence[str] = tuple(concepts)
        self._terms: dict[str, list[int]] = {}
        for number, terms in enumerate(concepts.values()):
            for form in {form for term in terms.split(",") for form in _forms(term.strip())}:
                self._terms.setdefault(form, []).append(number)
        self._longest: dict[str, int] = {}
        for form in self._terms:
            first, *rest = form.split(" ")
            self._longest[first] = max(self._longest.get(first, 0), 1 + len(rest))
        self._maskable = self._by_ends()
        self._plain = lru_cache(maxsize=4096)(self._undisguised)

    def features(self, text: str) -> Features:
        """What is seen in a text of a few hundred characters. The time it takes grows with the square of them."""
        sightings = list(self._sightings(text))
        found = Features()
        for one in sightings:
            if one.concept >= self._suspect:
                continue
            if one.concept < self._harmful:
                found.single.setdefault(one.concept, one.words)
            for other in sightings:
                if self._together(one, other):
                    found.paired.setdefault((one.concept, other.concept), (one.words, other.words))
        return found

    def _together(self, one: Sighting, other: Sighting) -> bool:
        """``one`` is harmful or suspect. Two that are, are taken together once, the smaller number first."""
        if other.concept >= self._near:
            return True
        if other.concept <= one.concept:
            return False
        return one.sentence == other.sentence and abs(other.place - one.place) <= NEAR

    def _sightings(self, text: str) -> Iterator[Sighting]:
        words = [word if word in self._longest else self._plain(word) for word in reading.words(text)]
        sentence, free = 0, 0
        for place, word in enumerate(words):
            sentence += word == reading.END
            for length in range(self._longest.get(word, 0) if place >= free else 0, 0, -1):
                term = " ".join(words[place : place + length])
                concepts = self._terms.get(term, ())
                for concept in concepts:
                    yield Sighting(concept, term, place, sentence)
                if length > 1 and concepts and min(concepts) >= self._near:
                    free = place + length
                    break

    def _by_ends(self) -> dict[str, list[str]]:
        """What people write with stars in it, by its first letter, and by first and last: harmful words first."""
        found: dict[str, list[str]] = {}
        for form, concepts in sorted(
            self._terms.items(), key=lambda each: (min(each[1]) >= self._harmful, each[0])
        ):
            if min(concepts) < self._suspect and form.isalpha():
                found.setdefault(form[0], []).append(form)
                found.setdefault(form[0] + form[-1], []).append(form)
        return found

    def _undisguised(self, word: str) -> str:
        """The word of the lexicon that a word stands for, itself if there is none."""
        for candidate in (*reading.squeezed(word), word.removesuffix("'s"), word.removesuffix("'")):
            if candidate in self._longest:
                return candidate
        if pieces := reading.shown(word):
            return next(
                (
                    form
                    for form in self._maskable.get(pieces[0][:1] + pieces[-1][-1:], ())
                    if reading.fits(pieces, form)
                ),
                word,
            )
        return word


def _forms(term: str) -> Iterator[str]:
    """A term and its plural; of a verb, marked by a tilde, its regular forms."""
    stem = term.removesuffix("~")
    yield stem
    if len(stem) <= LONG_ENOUGH or not stem[-1].isalpha():
        return
    soft = stem.endswith(("s", "x", "z", "ch", "sh"))
    yield stem + ("es" if soft else "s")
    if stem.endswith("y") and stem[-2:-1] not in "aeiou":
        yield stem[:-1] + "ies"
    if term.endswith("~"):
        base = stem.removesuffix("e")
        yield from (base + "ed", base + "ing")
        if stem.endswith("y"):
            yield stem[:-1] + "ied"
        if stem[-1] in "bgpt" and stem[-2:-1] in tuple("aeiou"):
            yield from (stem + stem[-1] + "ed", stem + stem[-1] + "ing")
