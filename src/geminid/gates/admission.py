"""When a call may start: the gate that has it wait for a place at its engine, or refuses it early.

A call holds its places until its stream ends, however it ends. Not how much a project may ask for, which is
``gates/quotas.py``. ``app.py`` puts this gate right before the methods that generate.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import aclosing

from geminid.call import Call, Handler, Stream
from geminid.gates.lanes import Lane
from geminid.gates.quotas import project_of
from geminid.wire.generation import GenerateContentRequest


class Admission:
    """The gate. ``lane_of`` tells the lane of the engine that will answer, or raises ApiError as services do."""

    def __init__(self, lane_of: Callable[[Call], Lane], clock: Callable[[], float] = time.monotonic) -> None:
        self._lane_of = lane_of
        self._clock = clock

    async def __call__(self, call: Call, proceed: Handler) -> Stream:
        lane, places = self._lane_of(call), _places(call)
        if not lane.take(places):
            await lane.wait(project_of(call), places, call.deadline)
        began = self._clock()
        try:
            async with aclosing(proceed(call)) as stream:
                async for message in stream:
                    yield message
        finally:
            lane.leave(places, self._clock() - began)


def _places(call: Call) -> int:
    """One for each candidate: an engine writes them at the same time."""
    request = call.request
    if not isinstance(request, GenerateContentRequest) or request.generation_config is None:
        return 1
    return max(1, request.generation_config.candidate_count or 1)
