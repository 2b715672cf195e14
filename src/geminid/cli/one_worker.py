"""One worker as the process sees it that started it: what it is told, what it says, and when it is over.

Made by ``workers.py``; what it does itself is in ``worker.py``.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from geminid.cli.worker import READY_SECONDS, Order, Reload, Retire, encode

log = logging.getLogger("geminid.workers")

START_SECONDS: Final = READY_SECONDS + 120.0
"""How long a worker may take until it listens: it waits for its engines, and opens a database that may be slow."""

_LAST_WORDS_SECONDS: Final = 2.0
_HEALTHY_SECONDS: Final = 10.0


class WorkersError(Exception):
    """Workers cannot start; the message says why, or that they have said it."""


class Worker:
    """A process, until ``ended`` is done. ``listening`` and ``ready`` are set when it says so.

    One that does not listen within ``seconds`` is killed, after it has said on standard error where it stands.
    ``failure`` is what to say of one that ended before.
    """

    def __init__(self, process: Process, order: Order, seconds: float) -> None:
        self.name = order.name
        self.seat = order.seat
        self.leaving = False
        self.failure = f"{self.name} did not start; it has said why."
        self.listening = asyncio.Event()
        self.ready = asyncio.Event()
        self._process = process
        self._began = time.monotonic()
        self._hearing = asyncio.create_task(self._hear())
        self._watching = asyncio.create_task(self._watch(seconds))
        self.ended = asyncio.create_task(self._live())

    @classmethod
    async def start(cls, order: Order, descriptors: Sequence[int], seconds: float) -> Worker:
        """It inherits the descriptors. Raises OSError where there can be no process."""
        # With faulthandler, SIGABRT has it say where it stands, also while it imports.
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-X", "faulthandler", "-m", "geminid.cli.worker",
            stdin=PIPE, stdout=PIPE, pass_fds=descriptors,
        )  # fmt: skip
        worker = cls(process, order, seconds)
        worker._write(encode(order))
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def status(self) -> int | None:
        """How it ended: the exit code, or a signal as a negative number."""
        return self._process.returncode

    @property
    def was_healthy(self) -> bool:
        """Whether it came to serve and did so for a while."""
        return self.listening.is_set() and time.monotonic() - self._began > _HEALTHY_SECONDS

    async def becomes(self, event: asyncio.Event) -> bool:
        """Waits for one of the events; False where the process ends before it."""
        wait = asyncio.create_task(event.wait())
        try:
            await asyncio.wait([wait, self.ended], return_when=asyncio.FIRST_COMPLETED)
        finally:
            wait.cancel()
        return event.is_set()

    async def listens(self) -> None:
        """Returns when it does. Raises WorkersError where it does not come to that."""
        if not await self.becomes(self.listening):
            raise WorkersError(self.failure)

    def tell(self, what: Reload | Retire) -> None:
        if not self.ended.done():
            self._write(encode(what))

    def retire(self) -> None:
        """It ends when all that it has begun has ended."""
        self.leaving = True
        self.tell(Retire())

    def stop(self) -> None:
        """It ends within its drain."""
        self.leaving = True
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self._process.send_signal(number)

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + b"\n")

    async def _hear(self) -> None:
        assert self._process.stdout is not None
        told = {b"listening\n": self.listening, b"ready\n": self.ready}
        while line := await self._process.stdout.readline():
            if line in told:
                told[line].set()

    async def _watch(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.listening.wait()
                return
        self.failure = f"{self.name} did not listen within {seconds:g} s and was killed."
        log.error("%s does not listen after %g s and is killed. This is where it stands:", self.name, seconds)
        self._send(signal.SIGABRT)
        await asyncio.sleep(_LAST_WORDS_SECONDS)
        self.kill()

    async def _live(self) -> None:
        """The end of the process counts, not that of its output, which its own children may have inherited."""
        await self._process.wait()
        for task in (self._hearing, self._watching):
            task.cancel()
