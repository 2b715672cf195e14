"""A warm pool of disposable processes that decode media: what goes wrong in one costs that file only.

Called by ``understand.py`` from the event loop; the processes run ``worker.py``. A job is named after a decoder
and its function, which says what it takes and gives. Values arrive as MessagePack carries them: a dataclass is a
dictionary, a tuple a list.

    look = typed(image.Look, await workers.run("image.look", content, long_side=1024, form="jpeg"))
    async with aclosing(workers.stream("document.pages", content)) as pages: ...
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar, assert_never

import msgspec

from geminid import errors
from geminid.attachment import Kind
from geminid.media import frames, refusals
from geminid.media.base import Content
from geminid.media.worker_process import Gone, NotStarted, WorkerProcess

_JOBS_PER_WORKER = 200
"""Then a process is replaced in time of peace: what native code leaks does not add up."""
_KINDS = {"plain_text": Kind.TEXT}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one job. ``seconds`` is the time for each result, without what its reader takes; the rest is for all.

    The default of ``seconds`` leaves room in the ten that a bad file may cost.
    """

    seconds: float = 8.0
    cpu_seconds: int = 60
    memory_bytes: int = 1024**3


DEFAULT_LIMITS = Limits()
_T = TypeVar("_T")


def typed(kind: type[_T], value: Any) -> _T:
    """A result as the decoder's own dataclass."""
    return msgspec.convert(value, kind)


class Workers:
    """At most ``size`` processes, by default one for each core and at least two, started when needed and kept.

    Jobs beyond that wait in the order in which they came. Of idle workers the last one used is taken first.
    """

    def __init__(self, size: int | None = None) -> None:
        self.size = size or max(2, os.cpu_count() or 1)
        self._free: asyncio.LifoQueue[WorkerProcess | None] = asyncio.LifoQueue()
        for _ in range(self.size):
            self._free.put_nowait(None)
        self._live: set[WorkerProcess] = set()
        self._replacing: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def pids(self) -> frozenset[int]:
        """Of the processes that run."""
        return frozenset(worker.pid for worker in self._live if worker.alive)

    async def start(self) -> None:
        """Starts one worker ahead of the first job. Not necessary."""
        self._release(await self._hire(), reusable=True)

    async def run(self, job: str, content: Content, *, limits: Limits = DEFAULT_LIMITS, **arguments: Any) -> Any:
        """The one result of a job. Raises as ``stream`` does."""
        result = None
        async with aclosing(self.stream(job, content, limits=limits, **arguments)) as results:
            async for each in results:
                result = each
        return result

    async def stream(
        self, job: str, content: Content, *, limits: Limits = DEFAULT_LIMITS, **arguments: Any
    ) -> AsyncGenerator[Any, None]:
        """The results of a job as they come; a worker gets only little ahead of its reader.

        Closing the generator kills the worker. Raises the decoder's refusals; InvalidArgument also for a file that
        crashes it or exceeds the limits; Unimplemented where a package is missing; Unavailable where no process
        can be started.
        """
        task = frames.Job(job, arguments, limits.memory_bytes, limits.cpu_seconds)
        worker = await self._begin(task, content)
        reusable = False
        try:
            while (result := await self._next(worker, job, limits.seconds)) is not None:
                yield result.value
            reusable = worker.jobs < _JOBS_PER_WORKER
        finally:
            self._release(worker, reusable)

    async def aclose(self) -> None:
        """Kills what runs, and whoever waits is told that nothing will. Idempotent."""
        self._closed = True
        self._free.put_nowait(None)
        await asyncio.gather(*self._replacing)
        await asyncio.gather(*(self._bury(worker) for worker in tuple(self._live)))

    async def _begin(self, job: frames.Job, content: Content) -> WorkerProcess:
        """A worker that has taken the job. One that died while it was idle is not held against the file."""
        for _ in range(self.size + 1):
            worker = await self._hire()
            taken = False
            try:
                await worker.begin(job, content)
                taken = True
                return worker
            except Gone:
                _log.warning("a media worker died while it had nothing to do")
            finally:
                if not taken:
                    self._release(worker, reusable=False)
        raise errors.Unavailable(errors.UNAVAILABLE)

    async def _hire(self) -> WorkerProcess:
        worker = await self._free.get()
        if worker is not None and worker.alive and not self._closed:
            return worker
        started = None
        try:
            if self._closed:
                raise errors.Unavailable(errors.UNAVAILABLE)
            if worker is not None:
                await self._bury(worker)
            started = await self._start()
        except NotStarted as error:
            _log.error("a media worker cannot be started: %s", error)
            raise errors.Unavailable(errors.UNAVAILABLE) from error
        finally:
            if started is None:
                self._free.put_nowait(None)
        return started

    def _release(self, worker: WorkerProcess, reusable: bool) -> None:
        if reusable and not self._closed:
            self._free.put_nowait(worker)
            return
        worker.kill()
        replacing = asyncio.get_running_loop().create_task(self._replace(worker))
        self._replacing.add(replacing)
        replacing.add_done_callback(self._replacing.discard)

    async def _replace(self, worker: WorkerProcess) -> None:
        """The place becomes free when the next worker stands ready in it."""
        started = None
        try:
            await self._bury(worker)
            if not self._closed:
                started = await self._start()
        except NotStarted as error:
            _log.error("a media worker cannot be started: %s", error)
        finally:
            self._free.put_nowait(started)

    async def _start(self) -> WorkerProcess:
        worker = await WorkerProcess.start()
        self._live.add(worker)
        return worker

    async def _bury(self, worker: WorkerProcess) -> None:
        await worker.end()
        self._live.discard(worker)

    async def _next(self, worker: WorkerProcess, job: str, seconds: float) -> frames.Result | None:
        """The next result, None after the last one."""
        try:
            async with asyncio.timeout(seconds):
                answer = await worker.receive()
        except TimeoutError as error:
            _log.warning("%s: no result within %g s", job, seconds)
            raise refusals.too_slow(_kind(job)) from error
        except (EOFError, ConnectionError, msgspec.DecodeError) as error:
            raise await _failure(worker, job) from error
        match answer:
            case frames.Result():
                return answer
            case frames.Done():
                return None
            case frames.Refused(code=code, message=message):
                raise errors.by_code(errors.Code(code))(message)
            case frames.Missing(package=package):
                raise refusals.lacking(_kind(job), package, "pip install 'geminid[media]'")
            case frames.Broken() | frames.Taken():
                _log.warning("%s: %s", job, answer)
                raise refusals.unprocessable(_kind(job))
        assert_never(answer)


async def _failure(worker: WorkerProcess, job: str) -> errors.ApiError:
    """What to say of a worker that ended, or talks nonsense, in the middle of a job."""
    status = await worker.end()
    _log.warning("%s: the worker ended with status %d", job, status)
    return refusals.too_slow(_kind(job)) if status == -signal.SIGXCPU else refusals.unprocessable(_kind(job))


def _kind(job: str) -> Kind:
    decoder = job.partition(".")[0]
    return _KINDS.get(decoder) or Kind(decoder)
