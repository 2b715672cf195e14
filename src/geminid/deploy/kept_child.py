"""The llama.cpp child of a replica, for as long as that lives. Kept by ``ray_llama.py``, asked by ``passing.py``.

It is started again when it ends, as ``engines/kept_child.py`` has it. Here nobody reads what passes; whether it
moves is all that is known.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from geminid.engines import kept_child
from geminid.engines.kept_child import BOUNDS, Bounds, ChildFailed
from geminid.engines.llama_process import Job, LlamaProcess, Told

__all__ = ["Child", "ChildFailed", "KeptChild"]


class Child:
    """One that is ready: where it listens, its key, and how many answers it writes at the same time."""

    def __init__(self, process: LlamaProcess, port: int, slots: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.key = process.key
        self.slots = slots
        self.process = process
        self.active = 0
        self.last_progress = time.monotonic()

    def begin(self) -> None:
        """Counts a request in. An idle child is not blamed for having made no progress."""
        if not self.active:
            self.moved()
        self.active += 1

    def moved(self) -> None:
        self.last_progress = time.monotonic()

    def end(self) -> None:
        self.active -= 1

    def hangs(self, seconds: float) -> bool:
        return self.active > 0 and time.monotonic() - self.last_progress > seconds


class KeptChild:
    """Keeps one child running for ``job``, from ``start`` to ``aclose``."""

    def __init__(self, job: Job, bounds: Bounds = BOUNDS) -> None:
        self._job = job
        self._kept = kept_child.KeptChild(_opened, bounds=bounds)

    async def start(self) -> None:
        """Returns when the first child has loaded the model. Raises ChildFailed where it cannot."""
        self._kept.start(self._job)
        try:
            await self._kept.first()
        except BaseException:
            await self._kept.aclose()
            raise

    async def aclose(self) -> None:
        await self._kept.aclose()

    def check(self) -> None:
        """Raises ChildFailed when one child after the other has ended at once."""
        if self._kept.failed:
            raise ChildFailed(self._kept.detail)

    async def ready(self) -> Child:
        """The child; waits for one that is being started. Raises ChildFailed."""
        return await self._kept.ready()

    async def successor(self, child: Child) -> Child | None:
        """The child after ``child``, which a request found gone; None where it is still there."""
        return await self._kept.ready() if await self._kept.has_ended(child) else None


@asynccontextmanager
async def _opened(process: LlamaProcess, told: Told) -> AsyncIterator[Child]:
    yield Child(process, told.port, told.slots)
