"""Token buckets that several servers share, and what a server does while it cannot reach them.

``storage/records.Buckets``, between ``quotas.py`` and a database.
"""

from __future__ import annotations

import datetime as dt

from geminid.errors import Unavailable
from geminid.gates.reach import Reach
from geminid.storage.records import Buckets

_SECONDS = 0.25
"""How long at most a refusal is told again without asking. What is given back meanwhile is late by so much."""

_REMEMBERED = 1024
"""Refusals. A flood is of few projects at a time."""


class SharedBuckets:
    """``shared`` while they can be reached, else ``own``; where there are none of those Unavailable is raised.

    Who is refused for now is refused for others who ask for as much, so that a flood does not reach the database.
    """

    def __init__(self, shared: Buckets, own: Buckets | None, reach: Reach) -> None:
        self._shared = shared
        self._own = own
        self._reach = reach
        self._refused: dict[str, tuple[float, dt.datetime, float]] = {}

    async def take(self, key: str, amount: float, *, per_minute: float, burst: float, now: dt.datetime) -> float:
        """As ``records.Buckets`` says."""
        refused = self._refused.get(key)
        if refused is not None:
            least, since, wait = refused
            past = (now - since).total_seconds()
            if amount >= least and 0 <= past < min(wait, _SECONDS):
                return wait - past
            del self._refused[key]
        try:
            wait = await self._reach.ask(
                lambda: self._shared.take(key, amount, per_minute=per_minute, burst=burst, now=now)
            )
            if wait:
                self._remember(key, (amount, now, wait))
            return wait
        except Unavailable:
            if self._own is None:
                raise
            return await self._own.take(key, amount, per_minute=per_minute, burst=burst, now=now)

    async def settle(self, key: str, amount: float, *, per_minute: float, burst: float, now: dt.datetime) -> None:
        """As ``records.Buckets`` says."""
        try:
            await self._reach.ask(
                lambda: self._shared.settle(key, amount, per_minute=per_minute, burst=burst, now=now)
            )
        except Unavailable:
            if self._own is None:
                raise
            await self._own.settle(key, amount, per_minute=per_minute, burst=burst, now=now)

    def _remember(self, key: str, refused: tuple[float, dt.datetime, float]) -> None:
        if len(self._refused) >= _REMEMBERED:
            self._refused.clear()
        self._refused[key] = refused
