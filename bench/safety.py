"""How well the embedded rater tells harm from what only looks like it, and what it costs.

    python bench/safety.py [--foreign samples-1680.jsonl.gz]

The texts are those of tests/safety/texts, which it did not learn from. They were written by whoever wrote the
lexicon, though: for texts of others, give the file of https://github.com/openai/moderation-api-release. Every
second line of it was looked at while the rater was made; the figures are of the other ones.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import itertools
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from geminid.judgement import Category
from geminid.safety.base import Score, Scores
from geminid.safety.policy import PROBABILITY_CUTS
from geminid.safety.raters.embedded import EmbeddedRater, loaded
from safety_texts import NEUTRAL, Labelled, auc, is_negative, read

TEXTS = Path(__file__).parent.parent / "tests" / "safety" / "texts"
GRADES = {"low": 1, "medium": 2, "high": 3}
FOREIGN = {
    Category.HATE_SPEECH: "H",
    Category.DANGEROUS_CONTENT: "SH",
    Category.HARASSMENT: "HR",
    Category.SEXUALLY_EXPLICIT: "S",
}
"""The labels of the foreign file. Of danger it has self-harm only."""
TOKENS_A_SECOND = 125
TOKENS_A_WINDOW = 20
"""What the guard is measured against: the embedded model's speed, and how often its text is judged."""

console = Console()


def probabilities(rated: Sequence[Scores], category: Category) -> list[float]:
    return [scores[category].probability for scores in rated]


def shares(values: Sequence[float]) -> list[str]:
    """How many reach LOW, MEDIUM and HIGH."""
    return [
        f"{statistics.fmean(value >= cut for value in values):.0%}" if values else "-" for cut in PROBABILITY_CUTS
    ]


def quality(texts: list[Labelled], rated: list[Scores]) -> Table:
    """Each category: its texts against harmless ones, and against all that do not belong to it."""
    table = Table(
        "category", "texts", "AUC", "AUC, all", "severity, r", title="recall and false positives at cut-offs"
    )
    for name in ("recall", "false"):
        for level in ("LOW", "MEDIUM", "HIGH"):
            table.add_column(f"{name} {level}", justify="right")

    def of(category: Category, chosen: Callable[[Labelled], bool]) -> list[Score]:
        return [scores[category] for each, scores in zip(texts, rated, strict=True) if chosen(each)]

    for category in Category:
        mine = of(category, lambda each, category=category: each.category is category)  # type: ignore[misc]
        neutral = of(category, lambda each: each.category is NEUTRAL)
        others = of(category, lambda each, category=category: is_negative(each, category))  # type: ignore[misc]
        found, wrong, rest = ([score.probability for score in scores] for scores in (mine, neutral, others))
        grades = [GRADES[each.kind] for each in texts if each.category is category]
        correlation = np.corrcoef(grades, [score.severity for score in mine])[0, 1]
        row = (f"{len(mine)}", f"{auc(found, wrong):.3f}", f"{auc(found, rest):.3f}", f"{correlation:.2f}")
        table.add_row(category.value, *row, *shares(found), *shares(wrong))
    return table


def traps(texts: list[Labelled], rated: list[Scores]) -> Table:
    """Harmless texts that are held for harm, of any category, by what they speak of."""
    table = Table("harmless", "texts", "LOW", "MEDIUM", "HIGH", title="false positives of any category")
    highest = [
        (each.kind, max(score.probability for score in scores.values()), each.text)
        for each, scores in zip(texts, rated, strict=True)
        if each.category is NEUTRAL
    ]
    for kind, group in itertools.groupby(highest, lambda each: each[0]):
        values = [value for _, value, _ in group]
        table.add_row(kind, f"{len(values)}", *shares(values))
    table.add_row("all", f"{len(highest)}", *shares([value for _, value, _ in highest]))
    return table


async def languages(rater: EmbeddedRater) -> Table:
    """What it makes of languages that it does not know."""
    table = Table("other languages", "texts", "LOW", "MEDIUM", "HIGH")
    for name, texts in yaml.safe_load((TEXTS / "other_languages.yaml").read_text("utf-8")).items():
        rated = await rater.rate(texts)
        values = [max(score.probability for score in scores.values()) for scores in rated]
        table.add_row(name, f"{len(texts)}", *shares(values))
    return table


async def foreign(rater: EmbeddedRater, path: Path) -> Table:
    """Against texts that were labelled by others, those without any label."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        lines = [json.loads(line) for line in file][1::2]
    rated = await rater.rate([line["prompt"] for line in lines])
    clean = [index for index, line in enumerate(lines) if not any(line[key] for key in line if key != "prompt")]
    table = Table("texts of others", "label", "texts", "AUC", title=f"against {len(clean)} harmless ones")
    for name in ("recall", "false"):
        for level in ("LOW", "MEDIUM", "HIGH"):
            table.add_column(f"{name} {level}", justify="right")
    for category, label in FOREIGN.items():
        values = probabilities(rated, category)
        found = [value for value, line in zip(values, lines, strict=True) if line.get(label)]
        wrong = [values[index] for index in clean]
        row = (label, f"{len(found)}", f"{auc(found, wrong):.3f}")
        table.add_row(category.value, *row, *shares(found), *shares(wrong))
    return table


def cost(texts: list[Labelled]) -> Table:
    """CPU time of one window of 200 characters, which is mostly new to the rater and never cached."""
    lexicon, weights = loaded()
    everything = " ".join(each.text for each in texts)
    times = []
    for start in range(0, len(everything) - 200, 40):
        began = time.perf_counter()
        weights.scores(lexicon.features(everything[start : start + 200]))
        times.append(1e3 * (time.perf_counter() - began))
    times.sort()
    budget = 1e3 * TOKENS_A_WINDOW / TOKENS_A_SECOND
    table = Table("200 characters", "median", "99 %", f"of {TOKENS_A_WINDOW} tokens at {TOKENS_A_SECOND} a second")
    middle, last = statistics.median(times), times[int(0.99 * len(times))]
    table.add_row("", f"{middle:.3f} ms", f"{last:.3f} ms", f"{middle / budget:.2%}")
    return table


async def main(others: Path | None) -> None:
    console.print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    rater = EmbeddedRater()
    texts = read(TEXTS)
    began = time.perf_counter()
    loaded()
    console.print(f"{len(texts)} texts; the lexicon was read in {1e3 * (time.perf_counter() - began):.0f} ms")
    rated = await rater.rate([each.text for each in texts])
    for table in (quality(texts, rated), traps(texts, rated), await languages(rater), cost(texts)):
        console.print(table)
    if others:
        console.print(await foreign(rater, others))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--foreign", type=Path, help="the file of OpenAI's moderation samples")
    asyncio.run(main(parser.parse_args().foreign))
