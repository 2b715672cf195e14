"""The places at one engine and the bounded queue before them: who goes next, and who is told not to wait.

Projects take turns, and within a project who came first goes first. Whoever could probably not start in time is
refused at once, by the rate at which places became free of late. Entered and left by ``gates/admission.py``; knows
no call.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from geminid.errors import EXPIRED, OVERLOADED, ApiError, DeadlineExceeded, Unavailable

_WEIGHT = 1 / 32
"""Of one call in the mean time that a place is held: a few dozen calls set it, one slow one does not."""

_SPREADS = 2.0
"""How many standard deviations beyond the mean a wait is expected to last: of 40 that are let wait, one is too
long."""


@dataclass(eq=False, slots=True)
class _Waiter:
    """One who waits. ``turn`` is set to None when its places are its own, else to why it does not get them."""

    project: str
    places: int
    turn: asyncio.Future[ApiError | None]


class Lane:
    """``places`` tells how many there are now, ``waiting`` how many may wait, ``seconds`` how long at most.

    ``taken`` and ``queued`` count places and waiters, ``refused`` those who were told to come back later.
    """

    def __init__(
        self,
        places: Callable[[], int],
        *,
        waiting: int,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.taken = self.queued = self.refused = 0
        self._places = places
        self._waiting = waiting
        self._seconds = seconds
        self._clock = clock
        self._queues: OrderedDict[str, OrderedDict[_Waiter, None]] = OrderedDict()
        self._held = 0.0

    def take(self, places: int) -> bool:
        """Takes ``places`` where they are free and nobody waits. Who wants more than there are goes alone."""
        if self._queues or not self._fits(places):
            return False
        self.taken += places
        return True

    async def wait(self, project: str, places: int, deadline: float | None) -> None:
        """Returns with ``places`` taken. ``deadline`` is in seconds of the clock.

        Raises Unavailable where that would take too long, DeadlineExceeded where the deadline passes. Whoever is
        cancelled leaves nothing behind.
        """
        left = math.inf if deadline is None else deadline - self._clock()
        if left <= 0:
            raise DeadlineExceeded(EXPIRED)
        limit = min(left, self._seconds)
        self._check(project, places, limit)
        waiter = self._join(project, places)
        error = DeadlineExceeded(EXPIRED) if left < self._seconds else Unavailable(OVERLOADED)
        timer = waiter.turn.get_loop().call_later(limit, self._refuse, waiter, error)
        try:
            refused = await waiter.turn
        except asyncio.CancelledError:
            self._abandon(waiter)
            raise
        finally:
            timer.cancel()
        if refused is not None:
            raise refused

    def leave(self, places: int, seconds: float) -> None:
        """Gives back ``places`` that were held for ``seconds``."""
        self._held += (seconds - self._held) * _WEIGHT if self._held else seconds
        self._free(places)

    def _fits(self, places: int) -> bool:
        return not self.taken or self.taken + places <= self._places()

    def _check(self, project: str, places: int, limit: float) -> None:
        """Raises Unavailable where one more of ``project`` had better not wait."""
        late = self._expected(project, places) > limit
        if late or (self.queued >= self._waiting and not self._displace(project)):
            self.refused += 1
            raise Unavailable(OVERLOADED)

    def _expected(self, project: str, places: int) -> float:
        """Seconds until one more of ``project`` would start: of those who wait, some come before it.

        As many turns are needed as there are places ahead; the spread is that of times that are exponential.
        """
        own = len(self._queues.get(project, ()))
        others = sum(min(len(queue), own + 1) for name, queue in self._queues.items() if name != project)
        turns = own + others + places
        return (turns + _SPREADS * math.sqrt(turns)) * self._held / max(1, self._places())

    def _displace(self, project: str) -> bool:
        """Makes room in a full queue for a project that has less than its share of it."""
        longest = max(self._queues.values(), key=len, default=None)
        if longest is None or len(longest) <= len(self._queues.get(project, ())) + 1:
            return False
        self._refuse(next(reversed(longest)), Unavailable(OVERLOADED))
        return True

    def _join(self, project: str, places: int) -> _Waiter:
        waiter = _Waiter(project, places, asyncio.get_running_loop().create_future())
        self._queues.setdefault(project, OrderedDict())[waiter] = None
        self.queued += 1
        return waiter

    def _drop(self, waiter: _Waiter) -> None:
        queue = self._queues.get(waiter.project)
        if queue is None or waiter not in queue:
            return
        del queue[waiter]
        self.queued -= 1
        if not queue:
            del self._queues[waiter.project]

    def _refuse(self, waiter: _Waiter, error: ApiError) -> None:
        self._drop(waiter)
        if not waiter.turn.done():
            self.refused += 1
            waiter.turn.set_result(error)
        self._advance()

    def _abandon(self, waiter: _Waiter) -> None:
        """A waiter was cancelled, perhaps just when its turn had come."""
        turn = waiter.turn
        if not turn.cancelled() and turn.done() and turn.result() is None:
            self._free(waiter.places)
        else:
            self._drop(waiter)
            self._advance()

    def _free(self, places: int) -> None:
        self.taken -= places
        self._advance()

    def _advance(self) -> None:
        """Hands free places to those whose turn it is; nobody who comes meanwhile can take them."""
        while self._queues:
            project, queue = next(iter(self._queues.items()))
            waiter = next(iter(queue))
            if waiter.turn.done():
                self._drop(waiter)
                continue
            if not self._fits(waiter.places):
                return
            self._drop(waiter)
            if queue:
                self._queues.move_to_end(project)
            self.taken += waiter.places
            waiter.turn.set_result(None)
