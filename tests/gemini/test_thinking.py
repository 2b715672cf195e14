"""ThinkingConfig: which models think, and how much."""

from __future__ import annotations

import pytest

from geminid.errors import InvalidArgument
from geminid.gemini.profiles import Catalogue
from geminid.gemini.thinking import thinking_of
from geminid.generation import Thinking
from geminid.wire.generation import ThinkingConfig, ThinkingLevel


def thinking(
    model: str, budget: int | None = None, level: str | None = None, include: bool | None = None
) -> Thinking | None:
    found = Catalogue().find(model)
    assert found
    asked = ThinkingLevel[level] if level else None
    config = ThinkingConfig(thinking_budget=budget, thinking_level=asked, include_thoughts=include)
    return thinking_of(config, found.profile)


def test_nothing_is_asked_for() -> None:
    found = Catalogue().find("gemini-2.5-flash")
    assert found

    assert thinking_of(None, found.profile) is None
    assert thinking("gemini-2.5-flash") is None
    assert thinking("gemini-1.5-flash", include=False) is None


@pytest.mark.parametrize(
    ("model", "budget"),
    [
        ("gemini-2.5-flash", 0),
        ("gemini-2.5-flash", 1),
        ("gemini-2.5-flash", 24_576),
        ("gemini-2.5-flash-lite", 0),
        ("gemini-2.5-flash-lite", 512),
        ("gemini-2.5-pro", 128),
        ("gemini-2.5-pro", 32_768),
        ("gemini-3-pro-preview", 128),
        ("gemini-1.5-flash", 0),
        ("gemini-2.0-flash", 0),
    ],
)
def test_a_budget(model: str, budget: int) -> None:
    assert thinking(model, budget=budget) == Thinking(budget=budget)


@pytest.mark.parametrize(
    "model", ["gemini-2.5-flash", "gemini-2.5-flash-lite", "gemini-2.5-pro", "gemini-3.5-pro"]
)
def test_a_budget_may_be_left_to_the_model(model: str) -> None:
    assert thinking(model, budget=-1, include=True) == Thinking(include=True)


@pytest.mark.parametrize("level", ["MINIMAL", "LOW", "MEDIUM", "HIGH"])
def test_later_models_take_a_level(level: str) -> None:
    assert thinking("gemini-3.5-flash", level=level) == Thinking(effort=level.lower())  # type: ignore[arg-type]


def test_thoughts_may_be_asked_for_alone() -> None:
    assert thinking("gemini-2.5-flash-lite", include=True) == Thinking(include=True)


LEARN_MORE = " Learn more: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/gemini"


@pytest.mark.parametrize(
    ("model", "low", "high", "budgets"),
    [
        ("gemini-2.5-flash", 1, 24_576, (-2, 24_577)),
        ("gemini-2.5-flash-lite", 512, 24_576, (511, 24_577)),
        ("gemini-2.5-pro", 128, 32_768, (0, 127, 32_769)),
        ("gemini-3.1-pro-preview", 128, 32_768, (0,)),
    ],
)
def test_a_budget_out_of_range(model: str, low: int, high: int, budgets: tuple[int, ...]) -> None:
    for budget in budgets:
        with pytest.raises(InvalidArgument) as error:
            thinking(model, budget=budget)
        assert error.value.message == (
            "Unable to submit request because thinking_budget is out of range; supported values are integers from "
            f"{low} to {high}.{LEARN_MORE}"
        )


@pytest.mark.parametrize(("budget", "level"), [(100, None), (-1, None), (None, "LOW")])
@pytest.mark.parametrize("model", ["gemini-1.0-pro", "gemini-1.5-pro", "gemini-2.0-flash"])
def test_a_model_that_does_not_think(model: str, budget: int | None, level: str | None) -> None:
    with pytest.raises(InvalidArgument, match=r"because thinking is not supported by this model\. Learn more"):
        thinking(model, budget, level)


@pytest.mark.parametrize(("model", "budget"), [("gemini-2.0-flash", None), ("gemini-2.5-flash", 0)])
def test_there_are_no_thoughts_without_thinking(model: str, budget: int | None) -> None:
    with pytest.raises(InvalidArgument, match="include_thoughts is only enabled when thinking is enabled"):
        thinking(model, budget, include=True)


def test_earlier_models_take_no_level() -> None:
    with pytest.raises(InvalidArgument, match=r"^Thinking level is not supported for this model\.$"):
        thinking("gemini-2.5-flash", level="HIGH")


@pytest.mark.parametrize("budget", [0, -1, 1024])
def test_a_budget_and_a_level_exclude_each_other(budget: int) -> None:
    with pytest.raises(InvalidArgument, match="only one of thinking budget and thinking level"):
        thinking("gemini-3.5-flash", budget, "LOW")
