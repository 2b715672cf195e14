"""The places at one engine and the bounded queue before them: who goes next, and who is told not to wait.

Projects take turns, and within a project who came first goes first. Whoever could probably not start in time is
refused at once, by the rate at which places became free of late. Entered and left by ``gates/admission.py``; knows
no call.
"""

from __future__ import annotations

import asyncio
import enum
import math
import time
from collections import Counter, OrderedDict
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
    turn: asyncio.Future[Reason | None]


class Reason(enum.Enum):
    """Why a call was told not to wait, or not any longer."""

    LATE = "late"
    """It would probably not have started in time."""
    FULL = "full"
    """So many wait that nobody else may."""
    DISPLACED = "displaced"
    """It made room for a project that had less than its share of the queue."""
    WAITED = "waited"
    """It waited for as long as anyone may."""
    DEADLINE = "deadline"
    """Its client's own deadline passed."""


class Lane:
    """``places`` tells how many there are now, ``waiting`` how many may wait, ``seconds`` how long at most.

    ``taken`` and ``queued`` count places and waiters, ``refused`` those who were told to come back later.
    """

    def __init__(
        self,
        places: Callable[[], float],
        *,
        waiting: int,
        seconds: float,
        name: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.taken = self.queued = 0
        self.refused: Counter[Reason] = Counter()
        self._places = places
        self._waiting = waiting
        self._seconds = seconds
        self._clock = clock
        self._queues: OrderedDict[str, OrderedDict[_Waiter, None]] = OrderedDict()
        self._held = 0.0

    @property
    def places(self) -> float:
        """How many there are now; infinite where any number may."""
        return self._places()

    def check(self, project: str, places: int, deadline: float | None) -> None:
        """Raises what ``wait`` would raise at once. Nothing is taken, and nobody makes room."""
        if not self._is_free(places):
            self._patience(project, places, deadline)

    def take(self, places: int) -> bool:
        """Takes ``places`` where they are free and nobody waits. Who wants more than there are goes alone."""
        if not self._is_free(places):
            return False
        self.taken += places
        return True

    async def wait(self, project: str, places: int, deadline: float | None) -> None:
        """Returns with ``places`` taken. ``deadline`` is in seconds of the clock.

        Raises Unavailable where that would take too long, DeadlineExceeded where the deadline passes. Whoever is
        cancelled leaves nothing behind.
        """
        patience, reason = self._patience(project, places, deadline)
        if self.queued >= self._waiting:
            self._refuse(next(reversed(self._longest())), Reason.DISPLACED)
        waiter = self._join(project, places)
        timer = waiter.turn.get_loop().call_later(patience, self._refuse, waiter, reason)
        try:
            refused = await waiter.turn
        except asyncio.CancelledError:
            self._abandon(waiter)
            raise
        finally:
            timer.cancel()
        if refused is not None:
            raise self._refusal(refused)

    def leave(self, places: int, seconds: float) -> None:
        """Gives back ``places`` that were held for ``seconds``."""
        self._held += (seconds - self._held) * _WEIGHT if self._held else seconds
        self.give_back(places)

    def give_back(self, places: int) -> None:
        """The same of places that nobody used, which tell nothing about how long they are held."""
        self.taken -= places
        self._advance()

    def _is_free(self, places: int) -> bool:
        return not self._queues and self._fits(places)

    def _fits(self, places: int) -> bool:
        return not self.taken or self.taken + places <= self._places()

    def _patience(self, project: str, places: int, deadline: float | None) -> tuple[float, Reason]:
        """For how many seconds one more of ``project`` may wait, and why no longer.

        Raises DeadlineExceeded, and Unavailable where it had better not wait at all.
        """
        left = math.inf if deadline is None else deadline - self._clock()
        if left <= 0:
            raise self._refusal(Reason.DEADLINE)
        patience = min(left, self._seconds)
        if self._expected(project, places) > patience:
            raise self._refusal(Reason.LATE)
        if self.queued >= self._waiting and not self._is_due_room(project):
            raise self._refusal(Reason.FULL)
        return patience, Reason.DEADLINE if left < self._seconds else Reason.WAITED

    def _refusal(self, reason: Reason) -> ApiError:
        self.refused[reason] += 1
        return DeadlineExceeded(EXPIRED) if reason is Reason.DEADLINE else Unavailable(OVERLOADED)

    def _expected(self, project: str, places: int) -> float:
        """Seconds until one more of ``project`` would start: of those who wait, some come before it.

        As many turns are needed as there are places ahead; the spread is that of times that are exponential.
        """
        own = len(self._queues.get(project, ()))
        others = sum(min(len(queue), own + 1) for name, queue in self._queues.items() if name != project)
        turns = own + others + places
        return (turns + _SPREADS * math.sqrt(turns)) * self._held / max(1, self._places())

    def _is_due_room(self, project: str) -> bool:
        """Whether a full queue has to make room for ``project``, which has less than its share of it."""
        return len(self._longest()) > len(self._queues.get(project, ())) + 1

    def _longest(self) -> OrderedDict[_Waiter, None]:
        return max(self._queues.values(), key=len, default=OrderedDict())

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

    def _refuse(self, waiter: _Waiter, reason: Reason) -> None:
        self._drop(waiter)
        if not waiter.turn.done():
            waiter.turn.set_result(reason)
        self._advance()

    def _abandon(self, waiter: _Waiter) -> None:
        """A waiter was cancelled, perhaps just when its turn had come."""
        turn = waiter.turn
        if not turn.cancelled() and turn.done() and turn.result() is None:
            self.give_back(waiter.places)
        else:
            self._drop(waiter)
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
