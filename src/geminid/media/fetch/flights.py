"""Downloads under way: a bounded number, and one for all who ask for the same. Called by ``fetcher.py``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass

from geminid import errors
from geminid.media import base
from geminid.media.fetch import refusals


@dataclass(slots=True)
class _Flight:
    task: asyncio.Task[base.File]
    passengers: int = 0


class Flights:
    """``abreast`` downloads run at a time and ``waiting`` more wait for their turn; the next is refused."""

    def __init__(self, abreast: int, waiting: int) -> None:
        self._turns = asyncio.Semaphore(abreast)
        self._most = abreast + waiting
        self._flights: dict[Hashable, _Flight] = {}
        self._tasks: set[asyncio.Task[base.File]] = set()  # those included that were given up and are ending

    async def join(self, key: Hashable, download: Callable[[], Awaitable[base.File]]) -> base.File:
        """What ``download`` makes, or what one under way for the same ``key`` makes.

        It is cancelled when nobody waits for it any more. Raises ResourceExhausted, and what ``download`` raises.
        """
        flight = self._flights.get(key) or self._start(key, download)
        flight.passengers += 1
        try:
            return await asyncio.shield(flight.task)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if flight.task.cancelled() and task is not None and not task.cancelling():
                raise errors.Unavailable(errors.UNAVAILABLE) from None  # the server stops
            raise
        finally:
            flight.passengers -= 1
            if not flight.passengers:
                self._land(key, flight)
                flight.task.cancel()

    async def aclose(self) -> None:
        """Cancels what is under way, and waits for its end."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, key: Hashable, download: Callable[[], Awaitable[base.File]]) -> _Flight:
        if len(self._tasks) >= self._most:
            raise refusals.crowded()
        flight = self._flights[key] = _Flight(asyncio.create_task(self._fly(download)))
        self._tasks.add(flight.task)
        flight.task.add_done_callback(lambda task: self._landed(key, flight))
        return flight

    async def _fly(self, download: Callable[[], Awaitable[base.File]]) -> base.File:
        async with self._turns:
            return await download()

    def _landed(self, key: Hashable, flight: _Flight) -> None:
        self._tasks.discard(flight.task)
        self._land(key, flight)
        if not flight.task.cancelled():
            flight.task.exception()  # is seen here where every passenger left before

    def _land(self, key: Hashable, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
