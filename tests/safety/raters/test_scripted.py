from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from geminid import errors
from geminid.judgement import Category, Level, Method, Policy, Setting, Threshold
from geminid.safety.base import Score
from geminid.safety.policy import ratings_of
from geminid.safety.raters.scripted import HARMLESS, Rules, RulesError, ScriptedRater

HATE, DANGER, HARASSMENT, SEXUAL = Category
ALL = Policy({category: Setting(Threshold.BLOCK_NONE, Method.PROBABILITY) for category in Category})


@pytest.fixture
def rater_of(tmp_path: Path) -> Any:
    def make(toml: str) -> ScriptedRater:
        path = tmp_path / "rules.toml"
        path.write_text(toml, encoding="utf-8")
        return ScriptedRater(Rules.load(path))

    return make


@pytest.mark.parametrize("category", Category)
@pytest.mark.parametrize("probability", Level)
@pytest.mark.parametrize("severity", Level)
async def test_a_mark_gives_every_level(category: Category, probability: Level, severity: Level) -> None:
    text = f"Once {category.name}:{probability.name}/{severity.name}, and never again."

    (scores,) = await ScriptedRater().rate([text])

    levels = {rating.category: (rating.probability, rating.severity) for rating in ratings_of(scores, ALL)}
    negligible = (Level.NEGLIGIBLE, Level.NEGLIGIBLE)
    assert levels == {**dict.fromkeys(Category, negligible), category: (probability, severity)}


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("HATE_SPEECH:0.9/0.8", Score(0.9, 0.8, "HATE_SPEECH:0.9/0.8")),
        ("(HATE_SPEECH:0.5)", Score(0.5, 0.5, "HATE_SPEECH:0.5")),
        ("HATE_SPEECH:1/0", Score(1.0, 0.01, "HATE_SPEECH:1/0")),
        ("hate_speech:0.9", HARMLESS),
        ("HATE_SPEECH", HARMLESS),
    ],
)
async def test_a_mark_may_have_numbers(text: str, score: Score) -> None:
    (scores,) = await ScriptedRater().rate([text])

    assert scores[HATE] == score


async def test_rules_find_words(rater_of: Any) -> None:
    rater = rater_of("""
        [[rules]]
        when = "bomb"
        category = "DANGEROUS_CONTENT"
        probability = 0.9
        severity = "HIGH"

        [[rules]]
        when = "bomb site"
        category = "DANGEROUS_CONTENT"
        probability = 0.95
    """)

    calm, news = await rater.rate(["A flower.", "The bomb site is cleared."])

    assert calm[DANGER] == HARMLESS
    assert news[DANGER] == Score(0.95, 0.95, "bomb site")


async def test_rules_fail_when_they_are_told_to(rater_of: Any) -> None:
    rater = rater_of('[[rules]]\nwhen = "broken"\nfail = {code = "RESOURCE_EXHAUSTED", message = "Enough."}')

    assert await rater.rate(["whole"])
    with pytest.raises(errors.ResourceExhausted, match="Enough"):
        await rater.rate(["whole", "broken"])


async def test_rules_take_their_time(rater_of: Any) -> None:
    rater = rater_of('[[rules]]\nwhen = "slow"\ndelay_ms = 60000')

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await rater.rate(["slow"])

    assert rater.rated == ["slow"]


@pytest.mark.parametrize(
    ("toml", "key"),
    [
        ('[[rules]]\ncategory = "RUDE"\nprobability = 1', "category"),
        ('[[rules]]\ncategory = "HARASSMENT"', "probability"),
        ('[[rules]]\nseverity = "LOW"', "severity"),
        ('[[rules]]\ncategory = "HARASSMENT"\nprobability = 1.5', "probability"),
        ('[[rules]]\nfail = {code = "OK"}', "code"),
        ("rules = 1", "rules"),
        ("[[rule]]", "rule"),
        ("[[rules", "rules.toml"),
    ],
)
def test_a_wrong_file_is_refused_by_name(rater_of: Any, toml: str, key: str) -> None:
    with pytest.raises(RulesError, match=key):
        rater_of(toml)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"cannot read .*none\.toml"):
        Rules.load(tmp_path / "none.toml")
