"""Keeps one llama.cpp child running: the next is started when one ends, and one that hangs is killed.

What a child is to whoever uses it is theirs to say: ``llama.py`` for the engine of the server itself,
``deploy/kept_child.py`` for a replica that passes requests on. One process is ``llama_process.py``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

from geminid.engines.llama_process import Job, LlamaProcess, StartFailed, Told

_log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0
_QUICK_FAILURES = 5
_HEALTHY_SECONDS = 60.0
_NOTICE_SECONDS = 1.0
"""A connection breaks a moment before the end of its process is known."""


class ChildFailed(Exception):
    """There is no child, and none is to be expected soon. The message says why in one line."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds. ``start``: for loading the model; ``wait``: how long a call waits for a child that is not ready.

    ``hang``: at work and without any progress for so long, a child is killed; ``stop``: to end by itself.
    """

    start: float = 600.0
    wait: float = 15.0
    hang: float = 60.0
    stop: float = 5.0


BOUNDS: Final = Bounds()


class Child(Protocol):
    """A process that listens, and what is known of its work."""

    @property
    def process(self) -> LlamaProcess: ...

    def hangs(self, seconds: float) -> bool:
        """Whether it is at work and has made no progress for so long."""


AnyChild = TypeVar("AnyChild", bound=Child)

Opened: TypeAlias = Callable[[LlamaProcess, Told], AbstractAsyncContextManager[AnyChild]]
"""Makes a child of a process, for as long as that lives. Raises StartFailed where it cannot be used."""


class KeptChild(Generic[AnyChild]):
    """From ``start`` to ``aclose``. ``child`` is the one that is ready now.

    ``failed``: one after the other has ended at once, or all is over; ``detail`` says in one line how the last one
    ended. ``log`` is handed each line that children log.
    """

    def __init__(
        self, opened: Opened[AnyChild], *, log: Callable[[str], None] = _log.debug, bounds: Bounds = BOUNDS
    ) -> None:
        self._opened = opened
        self._log_line = log
        self._bounds = bounds
        self.child: AnyChild | None = None
        self.failed = False
        self.detail = ""
        self._ready = asyncio.Event()
        self._tried = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None

    @property
    def started(self) -> bool:
        return self._supervisor is not None

    def start(self, job: Job) -> None:
        """Begins, once, and tries until it is closed."""
        if self._supervisor is None:
            self._supervisor = asyncio.create_task(self._supervise(job))

    async def aclose(self) -> None:
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait([self._supervisor])
        self.failed, self.detail = True, "stopped"

    async def wait_ready(self) -> None:
        await self._ready.wait()

    async def first(self) -> AnyChild:
        """The first child. Raises ChildFailed where that did not come to be ready."""
        await self._tried.wait()
        if self.child is None:
            raise ChildFailed(self.detail)
        return self.child

    async def ready(self) -> AnyChild:
        """Waits for a child that is being started, but not where ``failed``. Raises ChildFailed."""
        if self.child is None and not self.failed:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._bounds.wait):
                    await self._ready.wait()
        if self.child is None:
            raise ChildFailed(self.detail if self.failed else "the model is being loaded")
        return self.child

    async def has_ended(self, child: AnyChild) -> bool:
        """Whether a call failed because its child is gone: then the next one can be asked."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_NOTICE_SECONDS):
                await child.process.wait()
                self._retire(child)
                return True
        return False

    async def _supervise(self, job: Job) -> None:
        pause, quick_ends = _FIRST_PAUSE, 0
        while True:
            self.detail, seconds = await self._run_one(job)
            if seconds > _HEALTHY_SECONDS:
                pause, quick_ends = _FIRST_PAUSE, 0
            quick_ends += 1
            self.failed = quick_ends >= _QUICK_FAILURES
            self._tried.set()
            _log.warning("%s; starting it again in %.1f s", self.detail, pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _run_one(self, job: Job) -> tuple[str, float]:
        """One child from start to end: how it ended, and for how many seconds it was ready."""
        try:
            process, told = await LlamaProcess.start(job, self._log_line, self._bounds.start)
        except StartFailed as error:
            return str(error), 0.0
        try:
            async with self._opened(process, told) as child:
                began = time.monotonic()
                try:
                    self._take(child)
                    return await self._watch(child), time.monotonic() - began
                finally:
                    self._retire(child)
        except StartFailed as error:
            return str(error), 0.0
        finally:
            await process.stop(self._bounds.stop)

    async def _watch(self, child: AnyChild) -> str:
        """How the child ended. Kills it when it is at work and gets nowhere."""
        process, hang = child.process, self._bounds.hang
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(hang / 4):
                    await process.wait()
                    return process.epitaph
            if child.hangs(hang):
                process.kill()
                return f"llama.cpp made no progress for {hang:g} s"

    def _take(self, child: AnyChild) -> None:
        self.child, self.failed = child, False
        self._ready.set()
        self._tried.set()

    def _retire(self, child: AnyChild) -> None:
        if child is self.child:
            self.child, self.detail = None, child.process.epitaph
            self._ready.clear()
