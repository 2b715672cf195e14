"""What there are as many of as the settings say: posts, each with a worker, and another when that one dies.

Workers come and go, and several can be there for one post while one retires; so each has a seat of its own, on the
board that tells who has how many connections. Both are ``workers.py``'s.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Final

from geminid.cli.one_worker import Worker, WorkersError
from geminid.doors.shared_port import SEATS, Board

log = logging.getLogger("geminid.workers")

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 10.0
_LEFT_SECONDS: Final = 1.0
_LOOK_SECONDS: Final = 0.005


class Post:
    """``refill`` puts another worker into ``worker`` where it can."""

    def __init__(self, worker: Worker, refill: Callable[[Post], Awaitable[None]]) -> None:
        self.worker = worker
        self._refill = refill
        self._given_up = asyncio.Event()

    @property
    def given_up(self) -> bool:
        """Nobody is to follow its last worker."""
        return self._given_up.is_set()

    def give_up(self) -> None:
        self._given_up.set()

    async def keep(self) -> None:
        """Until it is given up. Pauses grow while workers end soon, or cannot begin."""
        pause = _FIRST_PAUSE
        while True:
            ended = self.worker
            await asyncio.wait([ended.ended])
            if self.given_up:
                return
            log.error("%s ended with %s; another begins.", ended.name, ended.status)
            if ended.was_healthy:
                pause = _FIRST_PAUSE
            while self.worker is ended and not self.given_up:
                await self._pause(pause)
                await self._refill(self)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._given_up.wait()


class Seats:
    """Those of the ``board`` that are free."""

    def __init__(self, ports: int) -> None:
        self.board = Board.new(ports)
        self._free = set(range(SEATS))

    def __len__(self) -> int:
        return len(self._free)

    def take(self) -> int:
        """Raises WorkersError where none is free."""
        if not self._free:
            raise WorkersError("Too many workers of earlier reloads are still retiring. Try again later.")
        seat = min(self._free)
        self._free.remove(seat)
        return seat

    async def left(self, workers: Iterable[Worker]) -> None:
        """Returns when they accept no more, and after a second at the latest."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEFT_SECONDS):
                for worker in workers:
                    while self.board.sits(worker.seat) and not worker.ended.done():  # noqa: ASYNC110 - it is memory
                        await asyncio.sleep(_LOOK_SECONDS)

    def leave(self, seat: int) -> None:
        """To be called when its process is gone, which may have left a number on the board."""
        self.board.leave(seat)
        self._free.add(seat)
