"""What concepts weigh, and how they add up to scores. Pure; called by ``embedded.py``.

A logistic regression for each category, and a linear one for how bad it is, both over the same features. Their
figures are written by ``bench/safety_weights.py``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import msgspec

from geminid.judgement import Category
from geminid.safety.base import Score, Scores
from geminid.safety.raters.concepts import Features

WHOLE = 0.5
"""From this probability on severity is told as it is; below, in proportion: what is not there is not bad."""

Feature: TypeAlias = tuple[int, int]
"""Two concepts that are taken together. For one alone, it twice."""

_Table: TypeAlias = dict[Category, tuple[float, float]]


class CategoryWeights(msgspec.Struct, frozen=True):
    """``concepts``: what a concept, or two joined by a plus sign, adds to the log-odds and to the severity."""

    probability: float
    severity: float
    concepts: dict[str, tuple[float, float]]


@dataclass(slots=True)
class _Sum:
    odds: float
    severity: float
    most: float = 0.0
    evidence: str = ""


class Weights:
    """Of all categories. ``names`` are the concepts by their numbers."""

    def __init__(self, file: bytes, names: Sequence[str]) -> None:
        read = msgspec.json.decode(file, type=dict[str, CategoryWeights])
        self._base = {Category(name): (each.probability, each.severity) for name, each in read.items()}
        self._names = names
        numbers = {name: number for number, name in enumerate(names)}
        self._tables: dict[Feature, _Table] = {}
        for name, each in read.items():
            for concepts, pair in each.concepts.items():
                self._tables.setdefault(_feature(concepts, numbers), {})[Category(name)] = pair

    def scores(self, features: Features) -> Scores:
        sums = {category: _Sum(*base) for category, base in self._base.items()}
        for feature, words in _all(features):
            for category, (odds, severity) in self._tables.get(feature, {}).items():
                total = sums[category]
                total.odds += odds
                total.severity += severity
                if odds > total.most:
                    total.most, total.evidence = odds, self._evidence(feature, words)
        return {category: _score(total) for category, total in sums.items()}

    def _evidence(self, feature: Feature, words: Sequence[str]) -> str:
        names = dict.fromkeys(self._names[number] for number in feature)
        return f"{'+'.join(names)}: {' … '.join(words)}"


def _feature(concepts: str, numbers: Mapping[str, int]) -> Feature:
    first, _, second = concepts.partition("+")
    return numbers[first], numbers[second or first]


def _all(features: Features) -> Iterator[tuple[Feature, Sequence[str]]]:
    for concept, words in features.single.items():
        yield (concept, concept), (words,)
    yield from features.paired.items()


def _score(total: _Sum) -> Score:
    probability = 1 / (1 + math.exp(-max(-30.0, min(30.0, total.odds))))
    severity = max(0.0, min(1.0, total.severity)) * min(1.0, probability / WHOLE)
    return Score(probability, severity, total.evidence)
