"""A process that loads one model, keeps it, and does one job after the other with it.

Observers own one each; the process runs ``recogniser_child.py``. It starts with the first job, again after one
that it did not survive or was taken from, and now and then for what native code leaks. What it is given has been
decoded, by ``workers.py``, so that it is kept where a decoder is thrown away.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec

from geminid import errors
from geminid.attachment import Kind
from geminid.media import frames, refusals

_JOBS_PER_PROCESS = 1000
_PASSED_ON = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LANG")
"""What the process sees of the environment: what Python needs to start, and no keys."""
_SILENT = {"HF_HUB_OFFLINE": "1", "MALLOC_ARENA_MAX": "2"}
"""Nothing is fetched; and glibc keeps two heaps at most, not eight for each core."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """``start_seconds`` to load the model, ``seconds`` for one job, ``memory_bytes`` of addresses for all."""

    seconds: float = 60.0
    start_seconds: float = 60.0
    memory_bytes: int = 4 * 1024**3


class Recogniser:
    """``module`` has a function ``load(*arguments)``, which gives a function that does the jobs.

    Jobs wait for each other in the order in which they came. One that is cancelled ends the process: its time
    goes to the next model load and not to a result that nobody wants.
    """

    def __init__(self, module: str, *arguments: str, kind: Kind, limits: Limits) -> None:
        self._command = (
            sys.executable,
            "-P",
            "-B",
            "-m",
            f"{__name__}_child",
            str(os.getpid()),
            module,
            *arguments,
        )
        self._name = module.rpartition(".")[2]
        self._kind = kind
        self._limits = limits
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._jobs = 0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Of the process, while it runs."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process and running else None

    async def run(self, **arguments: Any) -> Any:
        """What the function gives for ``arguments``; both as MessagePack carries them.

        Raises InvalidArgument where it fails, is too slow or wants too much memory; Unavailable when there is no
        process to be had.
        """
        async with self._turn:
            process = await self._running()
            done = False
            try:
                result = await self._ask(process, arguments)
                self._jobs += 1
                done = self._jobs < _JOBS_PER_PROCESS
                return result
            finally:
                if not done:
                    await self._end()

    async def aclose(self) -> None:
        """Kills the process; jobs that run or wait raise. Idempotent."""
        self._closed = True
        if self._process is not None:
            _kill(self._process)
        async with self._turn:
            await self._end()

    async def _running(self) -> Process:
        if self._process is not None and self.pid is None:
            _log.warning("%s: its process ended with status %s", self._name, self._process.returncode)
            await self._end()
        if self._process is None and not self._closed:
            await self._start()
        if self._closed:
            raise errors.Unavailable(errors.UNAVAILABLE)
        assert self._process
        return self._process

    async def _start(self) -> None:
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | _SILENT
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment, start_new_session=True
            )
        except OSError as error:
            self._cannot_start(error.strerror or "", error)
        ready = False
        try:
            async with asyncio.timeout(self._limits.start_seconds):
                answer = await _receive(self._process)
            ready = isinstance(answer, frames.Done)
            if not ready:
                self._cannot_start(str(answer))
        except (EOFError, ConnectionError, TimeoutError) as error:
            self._cannot_start(f"{type(error).__name__} before it was ready", error)
        finally:
            if not ready:
                await self._end()
        self._jobs = 0

    def _cannot_start(self, why: str, error: Exception | None = None) -> NoReturn:
        _log.error("%s: its process cannot be started: %s", self._name, why)
        raise errors.Unavailable(errors.UNAVAILABLE) from error

    async def _ask(self, process: Process, arguments: dict[str, Any]) -> Any:
        processor_seconds = math.ceil(self._limits.seconds) * (os.cpu_count() or 1)
        job = frames.Job(self._name, arguments, self._limits.memory_bytes, processor_seconds)
        assert process.stdin
        try:
            async with asyncio.timeout(self._limits.seconds):
                process.stdin.write(frames.encode(job))
                await process.stdin.drain()
                answer = await _receive(process)
        except TimeoutError as error:
            _log.warning("%s: no result within %g s", self._name, self._limits.seconds)
            raise refusals.too_slow(self._kind) from error
        except (EOFError, ConnectionError, msgspec.DecodeError) as error:
            if self._closed:
                raise errors.Unavailable(errors.UNAVAILABLE) from error
            _log.warning("%s: its process ended in the middle of a job", self._name)
            raise refusals.unprocessable(self._kind) from error
        if not isinstance(answer, frames.Result):
            _log.warning("%s: %s", self._name, answer)
            raise refusals.unprocessable(self._kind)
        return answer.value

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        _kill(process)
        # communicate, not wait: it also closes the pipes.
        await process.communicate()


def _kill(process: Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()


async def _receive(process: Process) -> frames.Answer:
    """The next frame. Raises EOFError or ConnectionError at the end, DecodeError for nonsense."""
    assert process.stdout
    (length,) = frames.LENGTH.unpack(await process.stdout.readexactly(frames.LENGTH.size))
    if length > frames.MOST_BYTES:
        raise EOFError
    return frames.answer(await process.stdout.readexactly(length))
