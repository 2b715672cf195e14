"""What people say in recordings that packages carry, and how to tell how much of it was understood."""

from __future__ import annotations

from dataclasses import dataclass

from made_media.pictures import words

_MOONSHINE = "pypi:moonshine-voice==0.1.0/moonshine_voice/assets"


@dataclass(frozen=True, slots=True)
class Recording:
    """A WAV file in a package, pinned by its hash: https://pypi.org/project/moonshine-voice/0.1.0/"""

    name: str
    sha256: str
    text: str

    @property
    def source(self) -> str:
        return f"{_MOONSHINE}/{self.name}"


BECKETT = Recording(
    "beckett.wav",
    "e5a26b3d29e5b0bc8dbd72c11d16a3808a4ec0ac45b21f12a27d2a2fe5c5ae61",
    "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better.",
)
TWO_CITIES = Recording(
    "two_cities.wav",
    "f3348494d77cb74a02862f5e685ed09faf3e75832c5cc5c80703282c2cd8b52e",
    """It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of
foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the
season of Darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had
nothing before us, we were all going direct to Heaven, we were all going direct the other way - in short, the
period was so far like the present period, that some of its noisiest authorities insisted on its being received,
for good or for evil, in the superlative degree of comparison only.""",
)


def word_errors(wanted: str, found: str) -> tuple[int, int]:
    """Levenshtein's distance in words, and the number of words that were wanted."""
    one, other = words(wanted), words(found)
    row = list(range(len(other) + 1))
    for number, word in enumerate(one, 1):
        above, row[0] = row[0], number
        for column, each in enumerate(other, 1):
            above, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, above + (word != each))
    return row[-1], len(one)
