"""Token counts that were asked for once are not asked for again: a chat counts its whole history at every turn."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

KEPT_TEXTS = 1024
KEPT_CHARACTERS = 4096
"""Longer texts are seldom sent twice, and 1024 of these are 4 MB."""
AT_ONCE = 4


class TokenCounts:
    """Counts texts by ``count``, a few at a time, and remembers the recent ones."""

    def __init__(self, count: Callable[[str], Awaitable[int]]) -> None:
        self._count = count
        self._known: OrderedDict[str, int] = OrderedDict({"": 0})
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def of(self, texts: Sequence[str]) -> list[int]:
        """One count for each text. What ``count`` raises comes through."""
        counts = {text: self._known[text] for text in texts if text in self._known}
        missing = [text for text in dict.fromkeys(texts) if text not in counts]
        counts.update(zip(missing, await asyncio.gather(*map(self._ask, missing)), strict=True))
        for text in counts:
            self._keep(text, counts[text])
        return [counts[text] for text in texts]

    async def _ask(self, text: str) -> int:
        async with self._turns:
            return await self._count(text)

    def _keep(self, text: str, count: int) -> None:
        if len(text) <= KEPT_CHARACTERS:
            self._known[text] = count
            self._known.move_to_end(text)
        if len(self._known) > KEPT_TEXTS:
            self._known.popitem(last=False)
