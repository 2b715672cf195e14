"""The rater that is always there: a lexicon and learnt weights, both in the package. English, small and weak.

It knows words and what stands near them, not meaning; docs/safety.md says how often it errs. It asks nobody and
loads nothing. Built by ``build/``; ``guard.py`` calls it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources

from geminid.safety.base import Scores
from geminid.safety.policy import worst
from geminid.safety.raters.concepts import Lexicon
from geminid.safety.raters.weights import Weights

WINDOW = 400
"""Characters that are rated at once: more of them hold more words that have nothing to do with each other."""
OVERLAP = 100
"""Characters that are rated with what precedes them, and with what follows."""

_NOT_A_LETTER = re.compile(r"\W")


class EmbeddedRater:
    """A Rater. The first text waits some 10 ms for the lexicon. Others have their turn between windows."""

    name = "embedded"

    def ready(self) -> str | None:
        return None

    async def rate(self, texts: Sequence[str]) -> list[Scores]:
        return [await self._rate(text) for text in texts]

    async def aclose(self) -> None:
        pass

    async def _rate(self, text: str) -> Scores:
        lexicon, weights = loaded()
        rated: Scores = {}
        for start, end in windows(text):
            await asyncio.sleep(0)
            scores = weights.scores(lexicon.features(text[start:end]))
            rated = worst([rated, scores])
        return rated


def windows(text: str) -> list[tuple[int, int]]:
    """Where to cut a text, so that what is shorter than OVERLAP is whole in a piece, or nearly."""
    found = []
    start = 0
    while True:
        end = min(len(text), start + WINDOW)
        found.append((start, end))
        if end == len(text):
            return found
        start = _word_start(text, end - OVERLAP)


@lru_cache(maxsize=1)
def loaded() -> tuple[Lexicon, Weights]:
    files = resources.files(__package__)
    lexicon = Lexicon(files.joinpath("lexicon.toml").read_text("utf-8"))
    return lexicon, Weights(files.joinpath("embedded_weights.json").read_bytes(), lexicon.names)


def _word_start(text: str, at: int) -> int:
    """The beginning of the word that ``at`` is in, where that is near."""
    for place in range(at, at - OVERLAP // 2, -1):
        if _NOT_A_LETTER.match(text[place - 1]):
            return place
    return at
