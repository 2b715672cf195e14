"""What guard models have in common: how one is asked, and how the likelihood of a verdict is read. Pure.

Called by ``guard_models.py``, and by other raters for what a level counts.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from geminid.generation import Constraint, Generation, Sampling, Text, Thinking, TokenLogprobs, Turn
from geminid.judgement import Category, Level
from geminid.safety.base import Score, Scores

SURE, UNSURE, UNLIKELY = 0.9, 0.5, 0.05
"""Probabilities of a verdict where the engine tells none."""
HARMLESS = 0.05
"""Severity of what was judged to be harmless."""
BY_LEVEL: Mapping[Level, float] = {Level.NEGLIGIBLE: 0.05, Level.LOW: 0.45, Level.MEDIUM: 0.7, Level.HIGH: 0.95}
"""What a level counts where somebody speaks in levels: a score between the cut-offs of ``policy.py``."""

_TOP = 10


class Unreadable(Exception):
    """An answer that is no verdict."""


@dataclass(frozen=True, slots=True)
class Said:
    """A whole answer without thoughts, and the tokens it was made of, if they were told."""

    text: str
    tokens: Sequence[TokenLogprobs] = ()


def framed(text: str) -> str:
    """The text between two lines that it cannot have in it, since they have its own checksum."""
    mark = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]
    return f"[text {mark}]\n{text}\n[end of text {mark}]"


def asked(*texts: str, tokens: int, system: str | None = None, constraint: Constraint | None = None) -> Generation:
    return Generation(
        tuple(Turn("user", (Text(text),)) for text in texts),
        (Text(system),) if system else (),
        Sampling(temperature=0, max_output_tokens=tokens, logprobs=None if constraint else _TOP),
        constraint=constraint,
        thinking=Thinking(budget=0),
    )


def yes_or_no(answer: Said, evidence: str, severity: float) -> Score:
    after = "<score>" if "<score>" in answer.text.lower() else ""
    word = re.match(r"\W*(yes|no)\b", answer.text.lower().partition(after)[2] if after else answer.text.lower())
    if word is None:
        raise Unreadable
    by_tokens = told(answer, unsafe=("yes",), safe=("no",), after=after)
    probability = (SURE if word[1] == "yes" else UNLIKELY) if by_tokens is None else by_tokens
    return Score(probability, severity if word[1] == "yes" else HARMLESS, evidence)


def rest(found: Mapping[Category, Score], probability: float) -> Scores:
    """With the categories that were not named, which are at most as probable as the whole verdict."""
    return {category: found.get(category, Score(probability, HARMLESS)) for category in Category}


def told(
    answer: Said, *, unsafe: Sequence[str], safe: Sequence[str], half: Sequence[str] = (), after: str = ""
) -> float | None:
    """The probability of harm by the tokens at the place of the verdict; what is ``half`` counts half.

    A verdict may be cut into tokens (``un`` and ``safe``): the first one tells. None where nothing is told.
    """
    written = ""
    for place in answer.tokens:
        if after in written.lower() and place.chosen.token.strip(" \n\"'*"):
            harm = sum(math.exp(each.logprob) for each in place.top if _begins(each.token, unsafe))
            doubt = sum(math.exp(each.logprob) for each in place.top if _begins(each.token, half))
            none = sum(math.exp(each.logprob) for each in place.top if _begins(each.token, safe))
            total = harm + doubt + none
            return (harm + doubt / 2) / total if total else None
        written += place.chosen.token
    return None


def _begins(token: str, words: Sequence[str]) -> bool:
    token = token.strip().lower()
    return bool(token) and any(word.startswith(token) for word in words)
