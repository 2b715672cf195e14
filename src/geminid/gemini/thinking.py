"""ThinkingConfig -> Thinking: which models think, and how much they can be asked to.

Budgets and levels by model: https://cloud.google.com/vertex-ai/generative-ai/docs/thinking. Called by
``request.py``.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from geminid.errors import InvalidArgument
from geminid.gemini.profiles import Profile, ThinkingRange
from geminid.gemini.wording import unable
from geminid.generation import Thinking
from geminid.wire.generation import ThinkingConfig, ThinkingLevel

_Effort: TypeAlias = Literal["minimal", "low", "medium", "high"]

_EFFORTS: dict[ThinkingLevel, _Effort] = {
    ThinkingLevel.MINIMAL: "minimal",
    ThinkingLevel.LOW: "low",
    ThinkingLevel.MEDIUM: "medium",
    ThinkingLevel.HIGH: "high",
}
_DYNAMIC = -1
"""The budget that leaves it to the model."""


def thinking_of(config: ThinkingConfig | None, profile: Profile) -> Thinking | None:
    """None where nothing is asked for. Raises InvalidArgument for what the model refuses."""
    if config is None:
        return None
    budget, level, include = config.thinking_budget, config.thinking_level, bool(config.include_thoughts)
    if budget or level:
        _check(budget, level, profile.thinking)
    elif budget == 0 and profile.thinking and not profile.thinking.off:
        raise _out_of_range(profile.thinking)
    if include and (budget == 0 or profile.thinking is None):
        raise unable("Thinking_config.include_thoughts is only enabled when thinking is enabled.")
    if budget == _DYNAMIC:
        budget = None
    thinking = Thinking(include, budget, _EFFORTS[level] if level else None)
    return None if thinking == Thinking() else thinking


def _check(budget: int | None, level: ThinkingLevel | None, known: ThinkingRange | None) -> None:
    """Of something that is asked for. Models that take a level take a budget in its place, as older ones do."""
    if known is None:
        raise unable("thinking is not supported by this model")
    if level and not known.levels:
        raise InvalidArgument("Thinking level is not supported for this model.")
    if level and budget is not None:
        raise InvalidArgument("You can only set only one of thinking budget and thinking level.")
    if budget and budget != _DYNAMIC and budget not in known.budgets:
        raise _out_of_range(known)


def _out_of_range(known: ThinkingRange) -> InvalidArgument:
    low, high = int(known.budgets.low), int(known.budgets.high) - 1
    return unable(f"thinking_budget is out of range; supported values are integers from {low} to {high}")
