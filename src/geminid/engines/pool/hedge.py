"""Has a call begun at one replica and, where that is slow to, at another one beside it: the earlier answer stands.

Not a retry: nothing has failed. See Dean and Barroso, "The Tail at Scale", https://doi.org/10.1145/2408776.2408794.
Called by ``pool/__init__.py``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from geminid import errors
from geminid.engines.pool.attempt import ELSEWHERE, Attempt
from geminid.engines.pool.policy import Policy
from geminid.engines.pool.replica import Replica

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Outcome:
    """``begun`` is the answer whose first event is there, if there is one; ``failed`` is who failed, and how."""

    begun: Attempt | None = None
    failed: tuple[tuple[Replica, errors.ApiError], ...] = ()


async def begin(attempt: Attempt, another: Callable[[Replica], Attempt | None], policy: Policy) -> Outcome:
    """``another`` makes the attempt at another replica than this, if there is one to ask.

    Raises ApiError where no replica could do better; closes all attempts but the one that has begun.
    """
    if not policy.hedge_seconds:
        return await _alone(attempt, policy.first_event_seconds)
    race = _Race(policy.first_event_seconds)
    try:
        race.enter(attempt)
        await race.run(policy.hedge_seconds)
        if race.undecided and (second := another(attempt.replica)) is not None:
            _log.info("a call is asked of replica %d, too", second.replica.number)
            race.enter(second)
        while race.undecided:
            await race.run()
        return race.outcome
    finally:
        await race.end()


async def _alone(attempt: Attempt, seconds: float) -> Outcome:
    try:
        await attempt.begin(seconds)
    except ELSEWHERE as error:
        return Outcome(failed=((attempt.replica, error),))
    return Outcome(attempt)


class _Race:
    def __init__(self, seconds: float) -> None:
        self.outcome = Outcome()
        self._seconds = seconds
        self._running: set[asyncio.Task[Outcome]] = set()
        self._entered: list[Attempt] = []

    @property
    def undecided(self) -> bool:
        return self.outcome.begun is None and bool(self._running)

    def enter(self, attempt: Attempt) -> None:
        self._entered.append(attempt)
        self._running.add(asyncio.create_task(_alone(attempt, self._seconds)))

    async def run(self, seconds: float | None = None) -> None:
        """Until one has begun or failed, or so many seconds are over."""
        done, self._running = await asyncio.wait(
            self._running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        while done:  # which must not have a task that raises: it would be in the traceback, a cycle of references
            one = done.pop().result()
            self.outcome.failed += one.failed
            self.outcome.begun = self.outcome.begun or one.begun

    async def end(self) -> None:
        """Nobody works on what did not win."""
        for task in self._running:
            task.cancel()
        try:
            await asyncio.gather(*self._running, return_exceptions=True)
        except asyncio.CancelledError:
            self.outcome.begun = None  # nobody will be there to close it
            raise
        finally:
            for attempt in self._entered:
                if attempt is not self.outcome.begun:
                    await attempt.aclose()
