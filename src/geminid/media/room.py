"""How much of a window is left while media is being described: what cannot fit is not described to its end.

Called by ``understand.py`` and those that it leads.
"""

from __future__ import annotations

from collections.abc import Sequence

from geminid.engines.base import Engine
from geminid.errors import ApiError, PromptTooLong


class Room:
    """``tokens`` is the window. Texts that do not come near to it are not counted: a token has a byte or more."""

    def __init__(self, engine: Engine, tokens: int) -> None:
        self._engine = engine
        self._window = tokens
        self._taken = 0
        self._uncounted: list[str] = []
        self._bytes = 0

    async def take(self, *texts: str) -> None:
        """Raises PromptTooLong where all that was taken does not fit."""
        self._uncounted += texts
        self._bytes += sum(len(text.encode()) for text in texts)
        if self._taken + self._bytes > self._window:
            self._taken += await self._count(self._uncounted)
            self._uncounted, self._bytes = [], 0
        if self._taken > self._window:
            raise PromptTooLong(self._taken, self._window)

    async def require(self, text: str) -> None:
        """Raises PromptTooLong where ``text`` could not be taken. Takes nothing."""
        if self._taken + self._bytes + len(text.encode()) <= self._window:
            return
        tokens = self._taken + await self._count([*self._uncounted, text])
        if tokens > self._window:
            raise PromptTooLong(tokens, self._window)

    async def _count(self, texts: Sequence[str]) -> int:
        """0 where the engine cannot count: it will say itself that a prompt is too long."""
        try:
            return sum(await self._engine.count_tokens(texts))
        except ApiError:
            return 0
