"""Group commit: writes that arrive while another is being committed share the next transaction.

A commit that is safe from power loss waits for the disk, some milliseconds whatever its size. Nothing is held back
to wait for company: a write that comes alone is committed at once. ``sqlite.py`` calls; PostgreSQL does it itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar, cast

from geminid.errors import UNAVAILABLE, Unavailable
from geminid.storage.sql.connections import Work

MOST: Final = 256
"""Writes in one transaction: what comes after them waits no longer than this many take."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Done:
    """What became of one write in a transaction that is committed: a result, or the error that undid it."""

    result: Any = None
    error: Exception | None = None


Transact: TypeAlias = Callable[[Sequence[Work[Any]]], Awaitable[Sequence[Done]]]


@dataclass(frozen=True, slots=True)
class _Write:
    work: Work[Any]
    done: asyncio.Future[Any]


class GroupCommit:
    """``transact`` does all it is given in one transaction, in order; when it fails, all of them have failed."""

    def __init__(self, transact: Transact) -> None:
        self._transact = transact
        self._waiting: deque[_Write] = deque()
        self._committing: asyncio.Task[None] | None = None
        self._closed = False

    async def write(self, work: Work[_T]) -> _T:
        """The result of ``work`` after its commit. A caller that leaves does not undo it."""
        if self._closed:
            raise Unavailable(UNAVAILABLE)
        write = _Write(work, asyncio.get_running_loop().create_future())
        self._waiting.append(write)
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all())
        return cast(_T, await write.done)

    async def aclose(self) -> None:
        """Takes no more, and returns when all that were taken are committed."""
        self._closed = True
        if self._committing is not None:
            await self._committing

    async def _commit_all(self) -> None:
        try:
            while self._waiting:
                await self._commit([self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))])
        finally:
            self._committing = None

    async def _commit(self, writes: Sequence[_Write]) -> None:
        transaction = asyncio.ensure_future(self._transact([write.work for write in writes]))
        await asyncio.wait([transaction])
        failure = transaction.exception()
        outcomes = [Done(error=_as_exception(failure))] * len(writes) if failure else transaction.result()
        for write, outcome in zip(writes, outcomes, strict=True):
            if write.done.done():
                continue
            if outcome.error is not None:
                write.done.set_exception(outcome.error)
            else:
                write.done.set_result(outcome.result)


def _as_exception(failure: BaseException) -> Exception:
    return failure if isinstance(failure, Exception) else Unavailable(UNAVAILABLE)
