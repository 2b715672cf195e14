"""Has engines read what is cached before it is asked with, and forget it when it is not cached any more.

Called by ``caching.py``, and each time that expired caches were removed. The rest is the engines' own affair: a
cache works the same where an engine remembers nothing.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from geminid.engines.base import Engine
from geminid.errors import ApiError
from geminid.generation import Generation
from geminid.service.clock import SteadyClock
from geminid.service.registry import Registry
from geminid.storage.records import CachedContents

_log = logging.getLogger(__name__)


class Prefixes:
    """``seconds`` is how long the creation of a cache waits for its engine."""

    def __init__(
        self,
        records: CachedContents,
        registry: Registry,
        *,
        seconds: float = 30.0,
        clock: Callable[[], dt.datetime] | None = None,
    ) -> None:
        self._records = records
        self._registry = registry
        self._seconds = seconds
        self._clock = clock or SteadyClock()
        self._reading: set[asyncio.Task[None]] = set()

    async def read(self, engine: Engine, prefix: Generation, deadline: float | None = None) -> None:
        """Returns when the engine knows ``prefix``, or has taken too long for it and goes on by itself."""
        reading = asyncio.create_task(_read(engine, prefix))
        self._reading.add(reading)
        reading.add_done_callback(self._reading.discard)
        left = self._seconds if deadline is None else min(self._seconds, (deadline - time.monotonic()) / 2)
        await asyncio.wait([reading], timeout=max(left, 0))

    async def forget(self, cache_id: str) -> None:
        """Of a cache that was deleted here. Raises nothing: the next sweep tries again."""
        for engine in self._registry.all_engines():
            with suppress(ApiError):
                await engine.forget([cache_id])

    async def sweep(self) -> None:
        """Of caches that have expired, or were deleted by another server."""
        known = {engine: engine.remembered() for engine in self._registry.all_engines()}
        ids = {key for keys in known.values() for key in keys}
        if not ids:
            return
        gone = ids - await self._records.alive(ids, self._clock())
        for engine, keys in known.items():
            if over := gone.intersection(keys):
                await engine.forget(over)

    async def aclose(self) -> None:
        for reading in self._reading:
            reading.cancel()
        if self._reading:
            await asyncio.wait(self._reading)


async def _read(engine: Engine, prefix: Generation) -> None:
    try:
        await engine.remember(prefix)
    except ApiError as error:
        _log.info("a cached prefix was not read ahead: %s", error.message)
