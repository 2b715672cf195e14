"""A llama.cpp child that is started again when it ends, and killed when it hangs. Kept by ``ray_llama.py``.

``engines/llama.py`` does the same for the engine of the server itself, where it also knows what is asked. Here
nobody reads what passes; whether it moves is all that is known.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import dataclass

from geminid.engines.llama_process import Job, LlamaProcess, StartFailed

_log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_QUICK_FAILURES = 5
_HEALTHY_SECONDS = 60.0


class ChildFailed(Exception):
    """There is no child, and none is to be expected soon. The message says why in one line."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. ``start``: for loading the model; ``wait``: how long a request waits for a child that starts.

    ``hang``: without a byte for any of the requests that are under way the child is killed; ``stop``: to end by
    itself.
    """

    start: float = 600.0
    wait: float = 15.0
    hang: float = 60.0
    stop: float = 5.0


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

    def __init__(self, job: Job, patience: Patience = Patience()) -> None:
        self._job, self._patience = job, patience
        self._child: Child | None = None
        self._ready = asyncio.Event()
        self._failure = ""
        self._quick_ends = 0
        self._supervisor: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when the first child has loaded the model. Raises ChildFailed where it cannot."""
        try:
            first = await self._begun()
        except StartFailed as error:
            raise ChildFailed(str(error)) from error
        self._supervisor = asyncio.create_task(self._supervise(first))

    async def aclose(self) -> None:
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])

    def check(self) -> None:
        """Raises ChildFailed when one child after the other has ended at once."""
        if self._failure:
            raise ChildFailed(self._failure)

    async def ready(self) -> Child:
        """The child; waits for one that is being started. Raises ChildFailed."""
        self.check()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._patience.wait):
                await self._ready.wait()
        if self._child is None:
            raise ChildFailed(self._failure or "the model is being loaded")
        return self._child

    async def successor(self, child: Child) -> Child | None:
        """The child after ``child``, which a request found gone; None where it is still there."""
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):  # a connection breaks a moment before the end of its process is known
                await child.process.wait()
                self._retire(child)
                return await self.ready()
        return None

    async def _begun(self) -> Child:
        process, told = await LlamaProcess.start(self._job, _log.debug, self._patience.start)
        self._child = Child(process, told.port, told.slots)
        self._ready.set()
        return self._child

    async def _supervise(self, child: Child) -> None:
        while True:
            began = time.monotonic()
            how = await self._watched(child)
            if time.monotonic() - began > _HEALTHY_SECONDS:
                self._quick_ends = 0
            child = await self._next(how)

    async def _next(self, how: str) -> Child:
        """Tries until one has started. After some quick ends in a row there is ``_failure`` meanwhile."""
        while True:
            pause = min(_FIRST_PAUSE * 2.0**self._quick_ends, _LONGEST_PAUSE)
            self._quick_ends += 1
            if self._quick_ends >= _QUICK_FAILURES:
                self._failure = how
            _log.warning("%s; starting it again in %.1f s", how, pause)
            await asyncio.sleep(pause)
            try:
                child = await self._begun()
            except StartFailed as error:
                how = str(error)
            else:
                self._failure = ""
                return child

    async def _watched(self, child: Child) -> str:
        """Returns how the child ended. Kills it when it is at work and gets nowhere."""
        hang = self._patience.hang
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(hang / 4):
                        await child.process.wait()
                        return child.process.epitaph
                if child.hangs(hang):
                    return f"llama.cpp made no progress for {hang:g} s"
        finally:
            self._retire(child)
            await child.process.stop(0 if child.hangs(hang) else self._patience.stop)

    def _retire(self, child: Child) -> None:
        if child is self._child:
            self._child = None
            self._ready.clear()
