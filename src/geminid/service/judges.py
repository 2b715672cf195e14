"""Who judges what goes in and out: the guard, and the index of texts that are recognised.

Used by ``generative.py``.
"""

from __future__ import annotations

from collections import Counter

from geminid.citations.index import Watched
from geminid.generation import Generation, spelled
from geminid.judgement import Policy, Verdict
from geminid.safety.guard import Guard
from geminid.service.holding import Holding


class Judges:
    def __init__(self, guard: Guard, works: Watched) -> None:
        self._guard = guard
        self._works = works

    @property
    def failures(self) -> Counter[str]:
        """How often a rater failed, by its name."""
        return self._guard.failures

    async def prompt(self, generation: Generation, policy: Policy) -> Verdict:
        """What the user says, piece by piece; what media says counts as the user's here."""
        if not self._guard.watches(policy):
            return Verdict()
        texts = [spelled(piece) for turn in generation.turns if turn.role == "user" for piece in turn.pieces]
        return await self._guard.prompt(texts, policy)

    async def holding(self, policy: Policy) -> Holding:
        """For one answer."""
        watch = self._guard.watch(policy) if self._guard.watches(policy) else None
        matcher = await self._works.matcher()
        return Holding(watch, None if matcher.idle else matcher)

    async def aclose(self) -> None:
        await self._guard.aclose()
