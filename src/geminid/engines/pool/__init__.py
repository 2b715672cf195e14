"""One model, many replicas: an engine over engines. Built by ``build/engines.py``.

A call goes to one replica (``placing.py``) and, as long as nothing of its answer has come, to another one where
that fails (``tries.py``). What has begun is never begun again: a stream that breaks ends with an error. Replicas
are checked all the time, put aside when they fail, brought back slowly, and exchanged while the streams of those
that leave go on (``replicas.py``, ``replica.py``). The numbers are in ``policy.py``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from typing import TypeVar

from geminid.engines.base import Capabilities, Engine, Health
from geminid.engines.pool.attempt import AT_FAULT, ELSEWHERE, Attempt
from geminid.engines.pool.hedge import begin
from geminid.engines.pool.placing import Placing, Prompt, affinity, number_of
from geminid.engines.pool.policy import DEFAULT, Policy
from geminid.engines.pool.replica import Replica, Work
from geminid.engines.pool.replicas import Factory, Replicas
from geminid.engines.pool.tries import Tries
from geminid.generation import Event, Generation, Token

__all__ = ["Factory", "Policy", "Pool"]

_T = TypeVar("_T")

_FIRST_OUTPUT = 256
_WEIGHT = 1 / 32
"""Of one answer in the mean length of answers."""


class Pool:
    """``replicas`` makes the engines, by names that tell them apart and stay the same from process to process.

    Each is closed by the pool. Replicas serve the same model; what one of them cannot do the pool cannot.
    """

    def __init__(
        self,
        replicas: Mapping[str, Factory],
        policy: Policy = DEFAULT,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy = policy
        self._placing = Placing(policy)
        self._replicas = Replicas(replicas, policy, clock)
        self._output = float(_FIRST_OUTPUT)

    @property
    def capabilities(self) -> Capabilities:
        return self._replicas.capabilities

    @property
    def replicas(self) -> Sequence[Replica]:
        """Those that get calls or will, for those who want to look at them."""
        return self._replicas.staying

    async def start(self) -> None:
        await self._replicas.start()

    async def wait_ready(self) -> None:
        await self._replicas.wait_ready()

    async def health(self) -> Health:
        return await self._replicas.health()

    async def aclose(self) -> None:
        await self._replicas.aclose()

    async def reconfigure(self, wanted: Mapping[str, Factory]) -> None:
        """Makes these the replicas. Those that leave get no new calls, and end with the last of their streams."""
        await self._replicas.reconfigure(wanted)

    async def generate(self, generation: Generation) -> AsyncGenerator[Event, None]:
        attempt = await self._begun(generation)
        try:
            yield attempt.first
            async for event in attempt.rest:
                attempt.heard(event)
                yield event
        except AT_FAULT:
            self._replicas.blame(attempt.replica)
            raise
        finally:
            await attempt.aclose()
        attempt.replica.answered()
        self._output += (attempt.written - self._output) * _WEIGHT

    async def _begun(self, generation: Generation) -> Attempt:
        """An answer whose first event is there."""
        prompt, tries = Prompt.of(generation), self._tries()
        limit = generation.sampling.max_output_tokens
        output = int(min(self._output, limit or self._output))

        def attempt(candidates: Sequence[Replica]) -> Attempt:
            replica = self._placing.choose(prompt, output, candidates)
            return Attempt(replica, generation, prompt.tokens, output)

        def another(than: Replica) -> Attempt | None:
            others = tries.others(than)
            return attempt(others) if others else None

        while True:
            outcome = await begin(attempt(tries.candidates()), another, self._policy)
            for replica, error in outcome.failed:
                was_last = tries.failed(replica, error)
            if outcome.begun is not None:
                self._placing.learn(prompt, outcome.begun.replica)
                return outcome.begun
            if was_last:
                try:
                    raise error
                finally:
                    del outcome, error  # its traceback has this frame: a cycle of references

    def _tries(self) -> Tries:
        return Tries(self._replicas, self._policy)

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return await self._ask(texts, lambda engine: engine.count_tokens(texts))

    async def tokenize(self, texts: Sequence[str]) -> list[list[Token]]:
        return await self._ask(texts, lambda engine: engine.tokenize(texts))

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return await self._ask(texts, lambda engine: engine.embed(texts))

    async def _ask(self, texts: Sequence[str], ask: Callable[[Engine], Awaitable[_T]]) -> _T:
        """The same beginning is asked of the same replica, which may still know the answer."""
        home, tries = number_of(texts[0] if texts else ""), self._tries()
        while True:
            replica = max(tries.candidates(), key=lambda one: affinity(home, one))
            try:
                return await ask(replica.engine)
            except ELSEWHERE as error:
                if tries.failed(replica, error):
                    raise

    async def remember(self, generation: Generation) -> None:
        if generation.prefix is None:
            return
        prompt, tries = Prompt.of(generation.head), self._tries()
        while True:
            replica = self._placing.choose(prompt, 0, tries.candidates())
            work = Work(replica, prompt.tokens, 0)
            try:
                await replica.engine.remember(generation)
            except ELSEWHERE as error:
                if tries.failed(replica, error):
                    raise
            else:
                self._placing.learn(prompt, replica)
                return
            finally:
                work.end()

    def remembered(self) -> Collection[str]:
        return {key for replica in self._replicas.all for key in replica.engine.remembered()}

    async def forget(self, keys: Collection[str]) -> None:
        self._placing.forget(keys)
        await asyncio.gather(*(replica.engine.forget(keys) for replica in self._replicas.all))
