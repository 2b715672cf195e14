"""How many requests run at the same time: counted by one server for itself, or by several together.

Asked by ``quotas.py``. Servers that count together tell a database how many they have, each time that this
changes, and every ten seconds that they are still there: what one had that was killed is free again after thirty.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import secrets
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from geminid.errors import UNAVAILABLE, Unavailable
from geminid.gates.reach import Reach
from geminid.storage.records import Shares

LEASE = dt.timedelta(seconds=30)
"""How long a server that tells nothing more is believed to be there."""

_TOLD_AGAIN = 3
"""So many times within a lease, so that one answer of the database that fails costs nothing."""


class AtOnce(Protocol):
    """Counts what runs under a key."""

    async def enter(self, key: str, limit: int) -> bool:
        """Whether one more may run, which then does. Raises Unavailable where nobody can tell."""

    def leave(self, key: str) -> None:
        """One ends that was let in."""

    async def aclose(self) -> None:
        """Returns when nothing is left to be told."""


class LocalCount:
    """Implements ``AtOnce`` for one server alone."""

    def __init__(self) -> None:
        self._running: Counter[str] = Counter()

    async def enter(self, key: str, limit: int) -> bool:
        if self._running[key] >= limit:
            return False
        self._running[key] += 1
        return True

    def leave(self, key: str) -> None:
        self._running[key] -= 1
        if not self._running[key]:
            del self._running[key]

    async def aclose(self) -> None:
        pass


@dataclass(slots=True)
class _Count:
    """What runs here under a key, who asks to, and the task that tells of it. ``due``: it is to be told."""

    limit: int = 0
    running: int = 0
    asking: list[asyncio.Future[bool]] = field(default_factory=list)
    due: bool = False
    telling: asyncio.Task[None] | None = None


class SharedCount:
    """Implements ``AtOnce`` for several servers. With ``alone`` each counts for itself while ``shares`` are away.

    Those who come while the database is asked are asked for together, so that it hears of a key from one place at
    a time, however many come.
    """

    def __init__(
        self,
        shares: Shares,
        reach: Reach,
        *,
        alone: bool,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
        lease: dt.timedelta = LEASE,
    ) -> None:
        self._shares = shares
        self._reach = reach
        self._alone = alone
        self._clock = clock
        self._lease = lease
        self._holder = secrets.token_hex(16)
        self._counts: dict[str, _Count] = {}
        self._prolonging: asyncio.Task[None] | None = None

    async def enter(self, key: str, limit: int) -> bool:
        count = self._counts.setdefault(key, _Count())
        count.limit = limit
        asked: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        count.asking.append(asked)
        self._tell(key, count)
        if self._prolonging is None:
            self._prolonging = asyncio.create_task(self._prolong())
        try:
            return await asked
        except asyncio.CancelledError:
            if asked.done() and not asked.cancelled() and asked.exception() is None and asked.result():
                self.leave(key)
            raise

    def leave(self, key: str) -> None:
        count = self._counts[key]
        count.running -= 1
        self._tell(key, count)

    def _tell(self, key: str, count: _Count) -> None:
        count.due = True
        if count.telling is None:
            count.telling = asyncio.create_task(self._tell_all(key, count))

    async def _tell_all(self, key: str, count: _Count) -> None:
        """Ends when all is told, or nobody listens; what was not told then is told with the next one."""
        reached = True
        while count.due and (reached or count.asking):
            count.due = False
            asking, count.asking = count.asking, []
            places, reached = 0, False
            with suppress(Unavailable):
                places = await self._hold(key, count, count.running + len(asking))
                reached = True
            self._answer(count, asking, places if reached else None)
            count.due = count.due or not reached
        count.telling = None
        if not (count.running or count.due):
            del self._counts[key]

    async def _hold(self, key: str, count: _Count, wanted: int) -> int:
        now = self._clock()
        return await self._reach.ask(
            lambda: self._shares.hold(
                key, self._holder, wanted, limit=count.limit, now=now, until=now + self._lease
            )
        )

    def _answer(self, count: _Count, asking: list[asyncio.Future[bool]], places: int | None) -> None:
        """``places`` is None where the database did not answer."""
        if places is None and self._alone:
            places = count.limit
        for asked in asking:
            if asked.done():  # who asked has left, and what was asked for is given back
                count.due = True
            elif places is None:
                asked.set_exception(Unavailable(UNAVAILABLE))
            elif count.running < places:
                count.running += 1
                asked.set_result(True)
            else:
                asked.set_result(False)

    async def _prolong(self) -> None:
        """As long as anything runs here."""
        while self._counts:
            await asyncio.sleep(self._lease.total_seconds() / _TOLD_AGAIN)
            await self.prolong()
        self._prolonging = None

    async def prolong(self) -> None:
        """Tells that this server is there, and of all that it could not tell."""
        now = self._clock()
        try:
            await self._reach.ask(lambda: self._shares.prolong(self._holder, now=now, until=now + self._lease))
        except Unavailable:  # what is here may be forgotten there until it is reached again
            for count in self._counts.values():
                count.due = True
            return
        for key, count in list(self._counts.items()):
            if count.due:
                self._tell(key, count)

    async def aclose(self) -> None:
        if self._prolonging is not None:
            self._prolonging.cancel()
            self._prolonging = None
        telling = [count.telling for count in self._counts.values() if count.telling]
        await asyncio.gather(*telling)
        await self._reach.aclose()
