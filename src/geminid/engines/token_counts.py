"""Token counts that were asked for once are not asked for again.

A chat counts its whole history at every turn, and what is cached counts with every call.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

KEPT_TEXTS = 1024
WHOLE_CHARACTERS = 4096
"""Longer texts are known by a digest: 1024 of these are 4 MB."""
AT_ONCE = 4

_Key: TypeAlias = str | bytes


class TokenCounts:
    """Counts texts by ``count``, a few at a time, and remembers the recent ones."""

    def __init__(self, count: Callable[[str], Awaitable[int]]) -> None:
        self._count = count
        self._known: OrderedDict[_Key, int] = OrderedDict({"": 0})
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def of(self, texts: Sequence[str]) -> list[int]:
        """One count for each text. What ``count`` raises comes through."""
        keys = {text: _key(text) for text in texts}
        counts = {text: self._known[key] for text, key in keys.items() if key in self._known}
        missing = [text for text in keys if text not in counts]
        counts.update(zip(missing, await asyncio.gather(*map(self._ask, missing)), strict=True))
        for text, key in keys.items():
            self._keep(key, counts[text])
        return [counts[text] for text in texts]

    async def _ask(self, text: str) -> int:
        async with self._turns:
            return await self._count(text)

    def _keep(self, key: _Key, count: int) -> None:
        self._known[key] = count
        self._known.move_to_end(key)
        if len(self._known) > KEPT_TEXTS:
            self._known.popitem(last=False)


def _key(text: str) -> _Key:
    if len(text) <= WHOLE_CHARACTERS:
        return text
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
