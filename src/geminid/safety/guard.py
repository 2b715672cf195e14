"""Judges prompts, and answers while they are written. Called by ``service/``; made by ``build/safety.py``.

Knows texts, policies and verdicts, and neither requests nor engines. What is judged is looked at in windows; each
overlaps with what came before it, so that nothing hides on the seam.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

from geminid.errors import ApiError, Unavailable
from geminid.judgement import Policy, Rating, Reason, Verdict
from geminid.safety.base import Rater, Scores
from geminid.safety.policy import blocks, ratings_of, worst

WINDOW = 1000
"""Characters that are rated at once. What is hateful in one paragraph is not made up for by the next ten."""
_OVERLAP = 200

_log = logging.getLogger(__name__)


class Finder(Protocol):
    """Looks for what must not be said whatever the policy: ``lists.py``, ``patterns.py``."""

    @property
    def overlap(self) -> int:
        """How many characters of one window the next one has to begin with."""

    def find(self, text: str, *, begins: bool = True, ends: bool = True) -> str | None:
        """What was found, in words for the log. A find at an edge counts where the text really begins or ends."""


class Guard:
    """``finders`` are tried in order, each for its reason; ``of_prompts`` are reasons that hold for prompts, too.

    ``lenient``: where the rater fails, what it was to judge passes without ratings; otherwise it is refused as
    UNAVAILABLE. ``failures`` counts both.
    """

    of_prompts = frozenset({Reason.BLOCKLIST, Reason.PROHIBITED_CONTENT})

    def __init__(self, rater: Rater | None, finders: Mapping[Reason, Finder], *, lenient: bool) -> None:
        self._rater = rater
        self._finders = finders
        self._lenient = lenient
        self.failures: Counter[str] = Counter()

    def watches(self, policy: Policy) -> bool:
        """Whether there is anything to do."""
        return bool(self._finders) or (self._rater is not None and policy.rates)

    async def prompt(self, texts: Sequence[str], policy: Policy) -> Verdict:
        """``texts`` are judged one by one, and count as the worst of them. Raises Unavailable as above."""
        for reason, finder in self._finders.items():
            if reason in self.of_prompts and any(self._finds(reason, finder, text) for text in texts):
                return Verdict(reason=reason)
        ratings = ratings_of(await self.scores([each for text in texts for each in windows(text)], policy), policy)
        return Verdict(ratings, Reason.SAFETY if blocks(ratings) else None)

    def watch(self, policy: Policy) -> Watch:
        """For one answer."""
        return Watch(self, self._finders, policy)

    async def scores(self, texts: Sequence[str], policy: Policy) -> Scores:
        """The worst scores of several texts; none where nothing is rated, or the rater failed."""
        texts = [text for text in texts if text.strip()]
        if self._rater is None or not policy.rates or not texts:
            return {}
        try:
            return worst(await self._rater.rate(texts))
        except ApiError as error:
            self.failures[self._rater.name] += 1
            _log.warning("the rater %s failed: %s", self._rater.name, error.message)
            if self._lenient:
                return {}
            raise Unavailable(
                "The safety of this content cannot be judged at the moment. Please retry."
            ) from error

    async def aclose(self) -> None:
        if self._rater is not None:
            await self._rater.aclose()

    def _finds(self, reason: Reason, finder: Finder, text: str) -> bool:
        evidence = finder.find(text)
        if evidence:
            _log.info("a prompt is blocked (%s): %s", reason.name, evidence)
        return evidence is not None


class Watch:
    """One answer, judged window by window. ``ratings`` are the worst of each category in all windows so far.

    ``lag`` is how many characters at the end of what was judged are not sure yet: they may be the beginning of
    something that is looked for.
    """

    def __init__(self, guard: Guard, finders: Mapping[Reason, Finder], policy: Policy) -> None:
        self._guard = guard
        self._finders = finders
        self._policy = policy
        self._scores: Scores = {}
        self._before = ""
        self._begins = True
        self._keeps = max([_OVERLAP, *(finder.overlap for finder in finders.values())])
        self.lag = max((finder.overlap for finder in finders.values()), default=0)

    @property
    def ratings(self) -> tuple[Rating, ...]:
        return ratings_of(self._scores, self._policy)

    async def judge(self, text: str, *, ends: bool) -> Reason | None:
        """Why what was said so far, ``text`` being its newest part, must not be. Raises as ``Guard.prompt``."""
        window = self._before + text
        for reason, finder in self._finders.items():
            if evidence := finder.find(window, begins=self._begins, ends=ends):
                _log.info("an answer is blocked (%s): %s", reason.name, evidence)
                return reason
        found = await self._guard.scores(windows(window), self._policy)
        self._scores = worst([self._scores, found])
        self._begins = self._begins and len(window) <= self._keeps
        self._before = window[-self._keeps :]
        return Reason.SAFETY if blocks(self.ratings) else None


def windows(text: str) -> list[str]:
    """Pieces of at most ``WINDOW`` characters that overlap."""
    step = WINDOW - _OVERLAP
    return [text[start : start + WINDOW] for start in range(0, max(len(text) - _OVERLAP, 1), step)]
