"""Asks a database that may be away: no call waits for it for long, and few find out that it is away.

Used by what servers count together, ``shared_buckets.py`` and ``at_once.py``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from geminid.errors import UNAVAILABLE, Unavailable

log = logging.getLogger("geminid.quotas")

SECONDS = 2.0
"""How long an answer may take: some hundred times what it usually takes."""

_AGAIN_SECONDS = 1.0
"""How long nobody asks after a failure."""

_T = TypeVar("_T")


class Reach:
    """Whether a database can be reached, as those found out who asked last. ``seconds`` are for one answer."""

    def __init__(self, seconds: float = SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._away = False
        self._again = 0.0
        self._late: set[asyncio.Future[Any]] = set()

    async def ask(self, question: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """What ``question`` answers. Raises Unavailable where it does, where it takes too long, and for a second
        after that without asking."""
        if self._away and self._clock() < self._again:
            raise Unavailable(UNAVAILABLE)
        if self._away:
            self._again = self._clock() + self._seconds + _AGAIN_SECONDS  # one asks, the others do not wait for it
        try:
            answer = await self._in_time(question())
        except Unavailable:
            self._failed()
            raise
        if self._away:
            self._away = False
            log.warning("the database answers again; quotas are shared")
        return answer

    async def _in_time(self, question: Coroutine[Any, Any, _T]) -> _T:
        """A driver that is cancelled may take seconds to tell a silent server of it. Nobody waits for that."""
        asked = asyncio.ensure_future(question)
        try:
            done, _ = await asyncio.wait({asked}, timeout=self._seconds)
        except asyncio.CancelledError:
            self._abandon(asked)
            raise
        if done:
            return asked.result()
        self._abandon(asked)
        raise Unavailable(UNAVAILABLE)

    def _abandon(self, asked: asyncio.Future[_T]) -> None:
        self._late.add(asked)
        asked.add_done_callback(self._forget)
        asked.cancel()

    def _forget(self, asked: asyncio.Future[_T]) -> None:
        self._late.discard(asked)
        if not asked.cancelled():
            asked.exception()  # nobody else will look at it

    def _failed(self) -> None:
        if not self._away:
            log.warning("the database does not answer; quotas are not shared until it does")
        self._away = True
        self._again = self._clock() + _AGAIN_SECONDS

    async def aclose(self) -> None:
        """Returns when nothing is asked any more."""
        await asyncio.gather(*self._late, return_exceptions=True)
