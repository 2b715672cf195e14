"""Stands before any rater: asks it about many texts at once, and about the same text only once.

Texts that come within ``linger`` seconds, or while all calls are under way, go together. Equal texts share a call,
and their scores are kept, by checksum and without the text. Failures are not kept. Built by ``build/``.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from geminid import errors
from geminid.safety.base import Rater, Scores


@dataclass(slots=True)
class _Batch:
    """Texts that will go together; ``task`` gives their scores by key, once it has them."""

    texts: dict[bytes, str] = field(default_factory=dict)
    full: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[dict[bytes, Scores]] | None = None


class CachedRater:
    """A Rater that owns ``rater``. Keeps the scores of ``entries`` texts, some 300 bytes each.

    ``batch`` bounds the texts of one call, ``calls`` the calls at a time, ``seconds`` a call and the wait for its
    turn.
    """

    def __init__(
        self,
        rater: Rater,
        *,
        batch: int = 32,
        calls: int = 2,
        linger: float = 0.002,
        seconds: float = 5.0,
        entries: int = 4096,
    ) -> None:
        self._rater = rater
        self._most = batch
        self._turn = asyncio.Semaphore(calls)
        self._linger = linger
        self._seconds = seconds
        self._entries = entries
        self._kept: OrderedDict[bytes, Scores] = OrderedDict()
        self._asked: dict[bytes, _Batch] = {}
        self._gathering: _Batch | None = None
        self._tasks: set[asyncio.Task[dict[bytes, Scores]]] = set()

    @property
    def name(self) -> str:
        return self._rater.name

    def ready(self) -> str | None:
        return self._rater.ready()

    async def rate(self, texts: Sequence[str]) -> list[Scores]:
        """Raises DeadlineExceeded when a call takes too long, else what the rater raises."""
        keys = [hashlib.sha256(text.encode(errors="surrogatepass")).digest() for text in texts]
        known = {key: self._known(key) for key in keys}
        batches = [self._batch_of(key, text) for key, text in zip(keys, texts, strict=True) if known[key] is None]
        found: dict[bytes, Scores] = {}
        for batch in {id(batch): batch for batch in batches}.values():
            assert batch.task is not None
            found |= await asyncio.shield(batch.task)
        return [found[key] if (scores := known[key]) is None else scores for key in keys]

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._rater.aclose()

    def _known(self, key: bytes) -> Scores | None:
        scores = self._kept.get(key)
        if scores is not None:
            self._kept.move_to_end(key)
        return scores

    def _batch_of(self, key: bytes, text: str) -> _Batch:
        """The batch that has the text, or takes it now."""
        if (batch := self._asked.get(key)) is not None:
            return batch
        batch = self._gathering
        if batch is None:
            batch = self._gathering = _Batch()
            batch.task = asyncio.create_task(self._rated(batch))
            self._tasks.add(batch.task)
            batch.task.add_done_callback(self._done)
        batch.texts[key] = text
        self._asked[key] = batch
        if len(batch.texts) >= self._most:
            self._gathering = None
            batch.full.set()
        return batch

    async def _rated(self, batch: _Batch) -> dict[bytes, Scores]:
        try:
            async with asyncio.timeout(self._seconds):
                await _within(batch.full, self._linger)
                async with self._turn:
                    self._close(batch)
                    scores = await self._rater.rate(list(batch.texts.values()))
        except TimeoutError as error:
            raise errors.DeadlineExceeded(errors.EXPIRED) from error
        finally:
            self._close(batch)
            for key in batch.texts:
                del self._asked[key]
        found = dict(zip(batch.texts, scores, strict=True))
        self._keep(found)
        return found

    def _close(self, batch: _Batch) -> None:
        if self._gathering is batch:
            self._gathering = None

    def _keep(self, found: dict[bytes, Scores]) -> None:
        self._kept |= found
        while len(self._kept) > self._entries:
            self._kept.popitem(last=False)

    def _done(self, task: asyncio.Task[dict[bytes, Scores]]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # those who wait have it; where all of them left, nobody misses it


async def _within(event: asyncio.Event, seconds: float) -> None:
    """Returns when the event comes, or the time is over."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
