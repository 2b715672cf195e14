"""A rater that asks a model: a guard model, or a general one with a constrained verdict.

The engine is somebody else's: it is neither started nor closed here. ``guard_models.py`` has the questions and
reads the answers; this file asks them, side by side and within limits. Built by ``build/``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

from geminid import errors
from geminid.abreast import all_of
from geminid.engines.base import Engine
from geminid.generation import Delta, Generation, TokenLogprobs
from geminid.safety.base import Scores
from geminid.safety.policy import worst
from geminid.safety.raters.guard_models import GuardModel
from geminid.safety.raters.verdicts import Said, Unreadable

_log = logging.getLogger(__name__)

OVERLAP = 200
"""Characters that two pieces of a long text share."""


class Judge:
    """``title`` is the model's name. At most ``at_once`` questions are open, each text has ``seconds`` in all.

    A text of more than ``longest`` characters is judged in pieces, of which the worst counts.
    """

    def __init__(
        self,
        engine: Engine,
        model: GuardModel,
        *,
        title: str,
        at_once: int = 4,
        seconds: float = 10.0,
        longest: int = 8000,
    ) -> None:
        self.name = title
        self._engine = engine
        self._model = model
        self._open = asyncio.Semaphore(at_once)
        self._seconds = seconds
        self._longest = longest

    def ready(self) -> str | None:
        return None

    async def rate(self, texts: Sequence[str]) -> list[Scores]:
        """Raises DeadlineExceeded, Unavailable, or Internal for an answer that is no verdict."""
        return await all_of([self._rated(text) for text in texts]) if texts else []

    async def aclose(self) -> None:
        pass

    async def _rated(self, text: str) -> Scores:
        try:
            async with asyncio.timeout(self._seconds):
                return worst(await all_of([self._judged(piece) for piece in pieces(text, self._longest)]))
        except TimeoutError as error:
            _log.warning("%s took more than %g s", self.name, self._seconds)
            raise errors.DeadlineExceeded(errors.EXPIRED) from error

    async def _judged(self, text: str) -> Scores:
        answers = await all_of([self._answer(question) for question in self._model.questions(text)])
        try:
            return self._model.scores(answers)
        except Unreadable as error:
            _log.warning("%s gave what is no verdict: %.80r", self.name, [answer.text for answer in answers])
            raise errors.Internal(errors.INTERNAL) from error

    async def _answer(self, question: Generation) -> Said:
        parts: list[str] = []
        tokens: list[TokenLogprobs] = []
        try:
            async with self._open, aclosing(self._engine.generate(self._tellable(question))) as events:
                async for event in events:
                    if isinstance(event, Delta) and not event.thought:
                        parts.append(event.text)
                        tokens.extend(event.logprobs)
        except errors.InvalidArgument as error:  # our question was refused, not the client's
            _log.warning("%s refused to judge: %s", self.name, error.message)
            raise errors.Unavailable(errors.UNAVAILABLE) from error
        return Said("".join(parts), tokens)

    def _tellable(self, question: Generation) -> Generation:
        """With no more log probabilities than the engine tells."""
        wanted, told = question.sampling.logprobs, self._engine.capabilities.top_logprobs
        if wanted is None or wanted <= told:
            return question
        return replace(question, sampling=replace(question.sampling, logprobs=told or None))


def pieces(text: str, longest: int) -> list[str]:
    """The text in pieces of at most ``longest`` characters that overlap."""
    step = max(1, longest - OVERLAP)
    return [text[start : start + longest] for start in range(0, max(1, len(text) - OVERLAP), step)]
