"""A call tried at one replica: up to its first event, and then as the answer. Made by ``pool/__init__.py``."""

from __future__ import annotations

from geminid import errors
from geminid.engines.pool.replica import Replica, Work
from geminid.generation import Event, Generation

AT_FAULT = (errors.Unavailable, errors.Internal)
"""What speaks against a replica."""

ELSEWHERE = (*AT_FAULT, errors.ResourceExhausted)
"""What another replica may do better."""


class Attempt:
    """``first`` and ``rest`` are the events of the answer, once it has begun. Whoever made it closes it."""

    first: Event

    def __init__(self, replica: Replica, generation: Generation, prompt: int, output: int) -> None:
        self.replica = replica
        self.rest = replica.engine.generate(generation)
        self._work = Work(replica, prompt, output)
        self.heard = self._work.heard
        self._open = True

    @property
    def written(self) -> int:
        """Tokens of the answer so far."""
        return self._work.written

    async def begin(self, seconds: float) -> None:
        """Waits for the first event; closes itself where there is none. Raises ApiError."""
        begun = False
        try:
            with self.replica.patience(seconds) as limit:
                async with limit:
                    self.first = await anext(self.rest)
            self.heard(self.first)
            begun = True
        except TimeoutError as error:
            raise errors.Unavailable(errors.UNAVAILABLE) from error
        except StopAsyncIteration as error:
            raise errors.Internal(errors.INTERNAL) from error
        finally:
            del limit  # has the task, which has the failure, whose traceback has this frame: a cycle of references
            if not begun:
                await self.aclose()

    async def aclose(self) -> None:
        """Stops the replica's work on it. Idempotent."""
        if self._open:
            self._open = False
            self._work.end()
            await self.rest.aclose()
