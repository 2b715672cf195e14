"""Scores become levels, and levels are blocked or not."""

from __future__ import annotations

import pytest

from geminid.judgement import Category, Level, Method, Policy, Setting, Threshold
from geminid.safety.base import Score
from geminid.safety.policy import PROBABILITY_CUTS, SEVERITY_CUTS, blocks, ratings_of, worst


def policy(threshold: Threshold = Threshold.BLOCK_MEDIUM_AND_ABOVE, method: Method = Method.PROBABILITY) -> Policy:
    return Policy({category: Setting(threshold, method) for category in Category})


def test_ratings_come_in_googles_order_with_a_category_that_nobody_judged_at_zero() -> None:
    ratings = ratings_of({Category.HARASSMENT: Score(0.5, 0.3)}, policy())

    assert [rating.category for rating in ratings] == list(Category)
    assert [rating.probability_score for rating in ratings] == [0, 0, 0.5, 0]


@pytest.mark.parametrize(("cuts", "name"), [(PROBABILITY_CUTS, "probability"), (SEVERITY_CUTS, "severity")])
def test_a_level_begins_at_its_cut(cuts: tuple[float, ...], name: str) -> None:
    scores = [0.0, *(cut - 1e-9 for cut in cuts), *cuts, 1.0]

    levels = [
        getattr(ratings_of({Category.HARASSMENT: Score(score, score)}, policy())[2], name)
        for score in sorted(scores)
    ]

    assert levels == [level for level in Level for _ in range(2)]


def test_the_recorded_answer_is_rated_as_google_did() -> None:
    rating = ratings_of({Category.HARASSMENT: Score(0.613, 0.318)}, policy(Threshold.BLOCK_LOW_AND_ABOVE))[2]

    assert (rating.probability, rating.severity, rating.blocked) == (Level.LOW, Level.LOW, True)


def test_by_severity_what_is_improbable_is_negligible() -> None:
    asked = policy(Threshold.BLOCK_LOW_AND_ABOVE, Method.SEVERITY)

    assert not blocks(ratings_of({Category.HARASSMENT: Score(0.1, 1.0)}, asked))
    assert not blocks(ratings_of({Category.HARASSMENT: Score(1.0, 0.1)}, asked))
    assert blocks(ratings_of({Category.HARASSMENT: Score(0.5, 0.5)}, asked))


def test_a_category_that_is_off_is_not_rated() -> None:
    settings = {**policy().settings, Category.HARASSMENT: Setting(Threshold.OFF)}

    ratings = ratings_of({Category.HARASSMENT: Score(1, 1)}, Policy(settings))

    assert [rating.category for rating in ratings] == [
        each for each in Category if each is not Category.HARASSMENT
    ]
    assert Policy(settings).rates
    assert not policy(Threshold.OFF).rates


def test_of_several_scores_the_worst_counts() -> None:
    found = worst([{Category.HARASSMENT: Score(0.2, 0.9, "a")}, {Category.HARASSMENT: Score(0.7, 0.1, "b")}])

    assert found == {Category.HARASSMENT: Score(0.7, 0.9, "b")}
