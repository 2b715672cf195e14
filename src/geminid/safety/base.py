"""What is rated, and how a rater is asked. Called through by ``guard.py``; implemented in ``raters/``.

Values only, and one Protocol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from geminid.judgement import Category, Level

__all__ = ["Category", "Level", "Rater", "Score", "Scores"]


@dataclass(frozen=True, slots=True)
class Score:
    """Of one category: how likely the text is harmful, and how bad it would be. Both 0 to 1.

    ``evidence`` is what the rater went by, for the operator's log, where it can say it: a word, a rule, a label.
    """

    probability: float
    severity: float
    evidence: str = ""


Scores: TypeAlias = Mapping[Category, Score]
"""A category that is not there was not judged by this rater."""


class Rater(Protocol):
    @property
    def name(self) -> str:
        """For logs and metrics."""

    def ready(self) -> str | None:
        """None when it can be used, otherwise what to do about it, mostly a command. Cheap."""

    async def rate(self, texts: Sequence[str]) -> list[Scores]:
        """The scores of each text, in order. Raises ``errors.ApiError`` when it fails."""

    async def aclose(self) -> None:
        """Idempotent."""
