"""What is said waits here until it was judged: no text of a window that is blocked goes out.

Called by ``candidate.py``, for each answer. A window ends after ``WINDOW`` characters, and when something has
waited for ``SECONDS``, so that a slow model's words are not held back for long.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import TypeVar

from geminid.citations.matching import Matcher
from geminid.gemini.speech import Said
from geminid.generation import FinishReason, FunctionCall, spelled
from geminid.judgement import Citation, Rating, Reason
from geminid.safety.guard import Watch

WINDOW = 120
"""Characters: a sentence or two."""
SECONDS = 0.1

_REASONS = {reason: FinishReason[reason.name] for reason in Reason}
_T = TypeVar("_T")


class Holding:
    """Takes what is said, gives back what may go out. ``reason``: why the answer ends here, if it does.

    ``passes``: nothing is judged and nothing followed, so that all may go out without coming here.
    """

    def __init__(self, watch: Watch | None, matcher: Matcher | None, seconds: float = SECONDS) -> None:
        self.reason: FinishReason | None = None
        self.passes = watch is None and matcher is None
        self._watch = watch
        self._matcher = matcher
        self._sent_bytes = 0
        self._held: list[Said] = []
        self._unjudged: list[str] = []
        self._length = 0
        self._seconds = seconds
        self._due = 0.0

    @property
    def watches(self) -> bool:
        """Whether anything is ever held."""
        return self._watch is not None

    @property
    def left(self) -> float | None:
        """In how many seconds something has to be judged; None where nothing waits."""
        return max(0.0, self._due - time.monotonic()) if self._unjudged else None

    @property
    def ratings(self) -> tuple[Rating, ...]:
        return self._watch.ratings if self._watch else ()

    def citations(self) -> Sequence[Citation]:
        """Of what went out, thoughts aside: a recitation as far as it went, what is withheld not at all."""
        if self._matcher is None or self.reason not in (None, FinishReason.RECITATION):
            return ()
        return [
            one if one.end <= self._sent_bytes else replace(one, end=self._sent_bytes)
            for one in self._matcher.citations()
            if one.start < self._sent_bytes
        ]

    async def take(self, said: Said | None, *, due: bool = False) -> Sequence[Said]:
        """``due``: what waits has waited for long enough."""
        if said is None:
            return await self.judge() if due else ()
        if self._matcher is not None and not said.thought:
            self._matcher.feed(said.text)
            if self._matcher.recites:
                self.reason = FinishReason.RECITATION
                return ()
        if self._watch is None:
            return self._released((said,))
        if not self._unjudged:
            self._due = time.monotonic() + self._seconds
        self._held.append(said)
        self._unjudged.append(said.text)
        self._length += len(said.text)
        return await self.judge() if self._length >= WINDOW or self.left == 0 else ()

    async def judge(self) -> Sequence[Said]:
        """What of all that was said so far may go out."""
        return await self._judged("", ends=False)

    async def end(self, calls: Sequence[FunctionCall]) -> Sequence[Said]:
        """The same when nothing more will be said; the calls that end the answer are judged with it."""
        if self._matcher is not None:
            self._matcher.finish()
            if self._matcher.recites:
                self.reason = FinishReason.RECITATION
        if self.reason is not None or self._watch is None:
            return ()
        return await self._judged("\n".join(map(spelled, calls)), ends=True)

    async def _judged(self, more: str, *, ends: bool) -> Sequence[Said]:
        assert self._watch is not None
        text = "".join(self._unjudged) + more
        self._unjudged, self._length = [], 0
        reason = await self._watch.judge(text, ends=ends)
        if reason is not None:
            self.reason = _REASONS[reason]
            self._held = []
            return ()
        kept = 0 if ends else self._kept(self._watch.lag)
        released, self._held = self._held[: len(self._held) - kept], self._held[len(self._held) - kept :]
        return self._released(released)

    def _released(self, released: Sequence[Said]) -> Sequence[Said]:
        if self._matcher is not None:
            self._sent_bytes += sum(len(said.text.encode()) for said in released if not said.thought)
        return released

    def _kept(self, lag: int) -> int:
        """How many of those at the end are not sure yet."""
        count = length = 0
        for said in reversed(self._held):
            if length >= lag:
                break
            count += 1
            length += len(said.text)
        return count


async def ticking(items: AsyncGenerator[_T, None], held: Holding) -> AsyncGenerator[_T | None, None]:
    """``items``, and None whenever something has waited for so long that no next one came."""
    task: asyncio.Future[_T | None] | None = None
    try:
        while True:
            task = task or asyncio.ensure_future(anext(items, None))
            await asyncio.wait({task}, timeout=held.left)
            if not task.done():
                yield None
                continue
            if (item := task.result()) is None:
                return
            task = None
            yield item
    finally:
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
            task = None  # it has the failure, whose traceback has this frame: a cycle of references
        await items.aclose()
