"""Scores -> ratings, and whether a policy blocks them. Pure; called by ``guard.py``.

The cut-offs are ours: Google tells labels and scores and not what is between them. The one recorded answer with a
low label has a probability of 0.613 and a severity of 0.318.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from geminid.judgement import Category, Level, Method, Policy, Rating, Setting, Threshold
from geminid.safety.base import Score, Scores

PROBABILITY_CUTS = (0.4, 0.65, 0.85)
SEVERITY_CUTS = (0.25, 0.5, 0.75)
"""From which score on a level is LOW, MEDIUM, HIGH."""

_NOTHING = Score(0.0, 0.0)


def ratings_of(scores: Scores, policy: Policy) -> tuple[Rating, ...]:
    """One for each category that is not OFF, in Google's order; none where all of them are."""
    return tuple(
        _rating(category, scores.get(category, _NOTHING), policy.settings[category])
        for category in Category
        if policy.settings[category].threshold is not Threshold.OFF
    )


def blocks(ratings: Iterable[Rating]) -> bool:
    return any(rating.blocked for rating in ratings)


def worst(several: Sequence[Scores]) -> Scores:
    """The highest scores of each category: those of a text that was rated in pieces, or by several raters."""
    found: dict[Category, Score] = {}
    for scores in several:
        for category, score in scores.items():
            known = found.get(category, _NOTHING)
            found[category] = Score(
                max(known.probability, score.probability),
                max(known.severity, score.severity),
                score.evidence if score.probability > known.probability else known.evidence,
            )
    return found


def _rating(category: Category, score: Score, setting: Setting) -> Rating:
    probability = _level(score.probability, PROBABILITY_CUTS)
    severity = _level(score.severity, SEVERITY_CUTS)
    return Rating(
        category,
        probability,
        score.probability,
        severity,
        score.severity,
        blocked=_blocks(_judged(probability, severity, setting.method), setting.threshold),
    )


def _judged(probability: Level, severity: Level, method: Method) -> Level:
    """By SEVERITY, what is improbable is negligible however bad it would be."""
    if method is Method.PROBABILITY or probability is Level.NEGLIGIBLE:
        return probability
    return severity


def _blocks(level: Level, threshold: Threshold) -> bool:
    return isinstance(threshold.value, Level) and level >= threshold.value


def _level(score: float, cuts: Sequence[float]) -> Level:
    return Level(bisect_right(cuts, score) + 1)
