"""When a call may start: the gate that refuses early what could not start in time, and the turn of what may.

A place at the engine is held for the engine's work alone, however it ends: a service enters ``Call.turn`` right
before it asks the engine. Not how much a project may ask for, which is ``gates/quotas.py``. ``app.py`` puts this
gate before all others that only calls which generate pass, since it asks nobody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing

from geminid.call import Call, Handler, Stream
from geminid.errors import ApiError
from geminid.gates.lanes import Lane
from geminid.wire.generation import GenerateContentRequest


class Admission:
    """The gate. ``lane_of`` tells the lane of the engine that will answer, or raises ApiError as services do."""

    def __init__(self, lane_of: Callable[[Call], Lane], clock: Callable[[], float] = time.monotonic) -> None:
        self._lane_of = lane_of
        self._clock = clock

    async def __call__(self, call: Call, proceed: Handler) -> Stream:
        lane, project, places = self._lane_of(call), call.tenant, _places(call)
        lane.check(project, places, call.deadline)
        call.turn = turn = Turn(lane, project, places, call.deadline, self._clock)
        try:
            async with aclosing(proceed(call)) as stream:
                async for message in stream:
                    yield message
        finally:
            turn.end()


class Turn:
    """A call's places in ``lane``, one for each answer, which enters this for as long as the engine writes it.

    All are taken when the first answer is about to begin: calls that each held some of what the others wait for
    would wait for ever. Each is given back when its answer is written. Entering raises Unavailable and
    DeadlineExceeded as ``Lane.wait`` does.
    """

    def __init__(
        self, lane: Lane, project: str, places: int, deadline: float | None, clock: Callable[[], float]
    ) -> None:
        self._lane = lane
        self._project = project
        self._wanted = places
        self._deadline = deadline
        self._clock = clock
        self._waiting = asyncio.Lock()
        self._refused: ApiError | None = None
        self._unused = 0
        self._since = 0.0

    async def __aenter__(self) -> None:
        if not self._unused and (self._waiting.locked() or not self._take()):
            async with self._waiting:
                await self._wait()
        self._unused -= 1

    async def __aexit__(self, *_: object) -> None:
        self._lane.leave(1, self._clock() - self._since)

    def _take(self) -> bool:
        if not self._lane.take(self._wanted):
            return False
        self._have()
        return True

    async def _wait(self) -> None:
        """Once for all answers, of which one does this at a time."""
        if self._refused is not None:
            raise self._refused
        if self._unused or self._take():
            return
        try:
            await self._lane.wait(self._project, self._wanted, self._deadline)
        except ApiError as error:
            self._refused = error
            raise
        self._have()

    def _have(self) -> None:
        self._since = self._clock()
        self._unused, self._wanted = self._wanted, 1

    def end(self) -> None:
        """The call is over: answers that failed before the engine was asked left their places."""
        self._lane.give_back(self._unused)
        self._unused = 0
        self._refused = None  # whose traceback has this: a cycle of references


def _places(call: Call) -> int:
    """One for each candidate: an engine writes them at the same time."""
    request = call.request
    if not isinstance(request, GenerateContentRequest) or request.generation_config is None:
        return 1
    return max(1, request.generation_config.candidate_count or 1)
