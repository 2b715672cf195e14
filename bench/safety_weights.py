"""Learns what the concepts of the embedded rater weigh, and writes embedded_weights.json.

    python bench/safety_weights.py [--check]

It learns from the texts of bench/data/safety alone; those of tests/safety/texts are for ``safety.py``. With
``--check`` it writes nothing, and tells how well each fifth of the texts is rated by weights that the others gave.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from rich.console import Console
from rich.table import Table

import geminid.safety.raters
from geminid.judgement import Category
from geminid.safety.raters.concepts import Lexicon
from safety_texts import NEUTRAL, Labelled, auc, is_negative, read

FOLDER = Path(geminid.safety.raters.__file__).parent
TARGET = FOLDER / "embedded_weights.json"
TEXTS = Path(__file__).parent / "data" / "safety"

GRADES = {"low": 0.35, "medium": 0.6, "high": 0.9}
"""What the labels mean on the scale of severity: within what ``policy.py`` calls by the same names."""
LEAST_TEXTS = 2
RIDGE = 1.0
SEVERITY_RIDGE = 4.0
HARMFUL = 2.0
"""What a harmful text counts against a harmless one, of which there are more than of any category."""
FOLDS = 5

PRIOR = {
    Category.HATE_SPEECH: {
        "slur": 3.0,
        "exterminate+group": 2.0,
        "dehumanise+group": 2.0,
        "stereotype+group": 1.0,
    },
    Category.HARASSMENT: {"slur": 1.0, "threat": 2.0, "insult+you": 1.0, "profanity+you": 2.0, "kill+you": 1.0},
    Category.DANGEROUS_CONTENT: {
        "self_harm": 1.5,
        "explosive+how_to": 1.0,
        "poison+how_to": 1.0,
        "crime+how_to": 1.0,
    },
    Category.SEXUALLY_EXPLICIT: {"sex_act": 2.5, "porn": 2.0, "sex_mood": 1.0, "sex_crude+touch": 1.0},
}
"""What is known before any text: the log-odds that weights are drawn to. Those of other features: to zero."""
PRIOR_ODDS = -3.0

Vector: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
Matrix: TypeAlias = Vector


class Seen:
    """The texts as rows of features, the last of which is always there."""

    def __init__(self, lexicon: Lexicon, texts: list[Labelled]) -> None:
        rows = [features(lexicon, each.text) for each in texts]
        counts = Counter(name for row in rows for name in row)
        self.names = sorted(name for name, count in counts.items() if count >= LEAST_TEXTS)
        self.matrix: Matrix = np.array([[*(float(name in row) for name in self.names), 1.0] for row in rows])

    def prior(self, category: Category) -> Vector:
        return np.array([*(PRIOR[category].get(name, 0.0) for name in self.names), PRIOR_ODDS])


def features(lexicon: Lexicon, text: str) -> set[str]:
    found = lexicon.features(text)
    pairs = {f"{lexicon.names[one]}+{lexicon.names[other]}" for one, other in found.paired}
    return {lexicon.names[concept] for concept in found.single} | pairs


def logistic(rows: Matrix, labels: Vector, prior: Vector) -> Vector:
    """Weights by Newton's method, in steps of at most one."""
    ridge = np.full(rows.shape[1], RIDGE)
    ridge[-1] = 1e-3
    weights = prior.copy()
    counts = np.where(labels > 0, HARMFUL, 1.0)
    for _ in range(100):
        chances = 1 / (1 + np.exp(-rows @ weights))
        slope = rows.T @ (counts * (chances - labels)) + ridge * (weights - prior)
        curve = (rows.T * (counts * chances * (1 - chances) + 1e-6)) @ rows + np.diag(ridge)
        step = np.linalg.solve(curve, slope)
        step *= min(1.0, 1 / float(np.abs(step).max()))
        weights -= step
        if np.abs(step).max() < 1e-6:
            break
    return weights


def graded(rows: Matrix, grades: Vector) -> Vector:
    """Weights of the severity of what is harmful. The last, the mean, is not drawn to zero."""
    ridge = np.full(rows.shape[1], SEVERITY_RIDGE)
    ridge[-1] = 1e-3
    return np.linalg.solve(rows.T @ rows + np.diag(ridge), rows.T @ grades)


def learn(seen: Seen, texts: list[Labelled], category: Category) -> tuple[Vector, Vector]:
    """What each feature adds to the log-odds and to the severity of a category."""
    mine = np.array([each.category is category for each in texts])
    used = mine | np.array([is_negative(each, category) for each in texts])
    grades = np.array([GRADES[each.kind] for each in texts if each.category is category])
    odds = logistic(seen.matrix[used], mine[used].astype(float), seen.prior(category))
    return odds, graded(seen.matrix[mine], grades)


def check(lexicon: Lexicon, texts: list[Labelled]) -> Table:
    """AUC against harmless texts, and how well severity goes with its label."""
    table = Table("category", "AUC", "severity, r", title=f"{FOLDS} folds of {len(texts)} texts")
    seen = Seen(lexicon, texts)
    folds = np.random.default_rng(0).integers(0, FOLDS, len(texts))
    neutral = np.array([each.category is NEUTRAL for each in texts])
    for category in Category:
        odds, severity = np.zeros(len(texts)), np.zeros(len(texts))
        for fold in range(FOLDS):
            others = [index for index in range(len(texts)) if folds[index] != fold]
            part = Seen.__new__(Seen)
            part.names, part.matrix = seen.names, seen.matrix[others]
            weights = learn(part, [texts[index] for index in others], category)
            odds[folds == fold] = seen.matrix[folds == fold] @ weights[0]
            severity[folds == fold] = seen.matrix[folds == fold] @ weights[1]
        mine = np.array([each.category is category for each in texts])
        grades = [GRADES[each.kind] for each in texts if each.category is category]
        correlation = np.corrcoef(grades, severity[mine])[0, 1]
        table.add_row(category.value, f"{auc(odds[mine], odds[neutral]):.3f}", f"{correlation:.2f}")
    return table


def written(lexicon: Lexicon, texts: list[Labelled]) -> str:
    """The file: figures of three digits, and none of features that weigh nothing."""
    seen = Seen(lexicon, texts)
    file = {}
    for category in Category:
        odds, severity = (np.round(weights, 3).tolist() for weights in learn(seen, texts, category))
        pairs = zip(seen.names, odds, severity, strict=False)
        concepts = {name: [one, other] for name, one, other in pairs if one or other}
        file[category.value] = {"probability": odds[-1], "severity": severity[-1], "concepts": concepts}
    lines = json.dumps(file, indent=1)
    return lines.replace("[\n    ", "[").replace(",\n    ", ", ").replace("\n   ]", "]") + "\n"


def main(only_check: bool) -> None:
    lexicon = Lexicon((FOLDER / "lexicon.toml").read_text("utf-8"))
    texts = read(TEXTS)
    if only_check:
        Console().print(check(lexicon, texts))
    else:
        TARGET.write_text(written(lexicon, texts), "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="tell how well it learns, and write nothing")
    main(parser.parse_args().check)
