"""One model, many replicas: an engine over engines. Built by ``build/engines.py``.

A call goes to one replica (``placing.py``) and, as long as nothing of its answer has come, to another one where
that fails. What has begun is never begun again: a stream that breaks ends with an error. Replicas are checked all
the time, put aside when they fail, and brought back slowly (``replica.py``); ``reconfigure`` exchanges them while
the streams of those that leave go on. The numbers are in ``policy.py``.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import TypeAlias, TypeVar

from geminid import errors
from geminid.engines.base import Capabilities, Engine, Health, State
from geminid.engines.pool.attempt import AT_FAULT, ELSEWHERE, Attempt
from geminid.engines.pool.hedge import begin
from geminid.engines.pool.placing import Placing, Prompt, affinity, number_of
from geminid.engines.pool.policy import DEFAULT, Policy
from geminid.engines.pool.replica import Replica, Work
from geminid.engines.pool.shared import able_of_all
from geminid.generation import Event, Generation, Token

__all__ = ["Factory", "Policy", "Pool"]

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

Factory: TypeAlias = Callable[[], Engine]


_FIRST_OUTPUT = 256
_WEIGHT = 1 / 32
"""Of one answer in the mean length of answers."""
_BREATH_SECONDS = 0.1
_DOWN_SECONDS = 1.0
"""A replica that is down is looked for so often, and one that missed a check is asked again so soon."""


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
        self._policy, self._clock = policy, clock
        self._placing = Placing(policy)
        self._numbers = itertools.count(1)
        self._replicas = {name: self._new(name, make) for name, make in replicas.items()}
        self._tasks: dict[Replica, asyncio.Task[None]] = {}
        self._drains: dict[Replica, asyncio.Task[None]] = {}
        self._ready = asyncio.Event()
        self._output = float(_FIRST_OUTPUT)
        self._capabilities = self._able()

    def _new(self, name: str, make: Factory) -> Replica:
        return Replica(name, next(self._numbers), make(), self._policy, self._clock)

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def replicas(self) -> Sequence[Replica]:
        """Those that get calls or will, for those who want to look at them."""
        return [replica for replica in self._replicas.values() if not replica.draining]

    async def start(self) -> None:
        await asyncio.gather(*map(self._start, self._replicas.values()))

    async def _start(self, replica: Replica) -> None:
        if replica not in self._tasks:
            self._tasks[replica] = asyncio.create_task(self._watch(replica))
            await replica.engine.start()

    async def wait_ready(self) -> None:
        await self._ready.wait()

    async def health(self) -> Health:
        replicas = self.replicas
        up = sum(replica.up for replica in replicas)
        if up:
            return Health(State.READY, f"{up} of {len(replicas)} replicas answer")
        last = next((replica.last for replica in replicas if replica.last.detail), Health(State.DOWN))
        starting = any(replica.last.state is State.STARTING for replica in replicas)
        return Health(State.STARTING if starting else State.DOWN, f"no replica answers: {last.detail}")

    async def aclose(self) -> None:
        staying = [task for replica, task in self._drains.items() if replica.name in self._replicas]
        for task in (*self._tasks.values(), *staying):
            task.cancel()
        if tasks := [*self._tasks.values(), *self._drains.values()]:
            await asyncio.wait(tasks)
        await asyncio.gather(*(replica.engine.aclose() for replica in self._replicas.values()))

    async def reconfigure(self, wanted: Mapping[str, Factory]) -> None:
        """Makes these the replicas. Those that leave get no new calls, and end with the last of their streams."""
        added = {name: self._new(name, make) for name, make in wanted.items() if name not in self._replicas}
        for name in wanted:
            if (known := self._replicas.get(name)) is not None and known.draining:
                self._drains.pop(known).cancel()
                known.draining = False
        self._replicas |= added
        await asyncio.gather(*map(self._start, added.values()))
        for name, replica in list(self._replicas.items()):
            if name not in wanted and not replica.draining:
                replica.draining = True
                self._drains[replica] = asyncio.create_task(self._drain(replica))
        self._changed()

    async def _drain(self, replica: Replica) -> None:
        await replica.idle.wait()
        del self._replicas[replica.name]
        if watch := self._tasks.pop(replica, None):
            watch.cancel()
        await replica.engine.aclose()
        del self._drains[replica]

    async def generate(self, generation: Generation) -> AsyncGenerator[Event, None]:
        attempt = await self._begun(generation)
        try:
            yield attempt.first
            async for event in attempt.rest:
                attempt.heard(event)
                yield event
        except AT_FAULT:
            self._blame(attempt.replica)
            raise
        finally:
            await attempt.aclose()
        attempt.replica.answered()
        self._output += (attempt.written - self._output) * _WEIGHT

    async def _begun(self, generation: Generation) -> Attempt:
        """An answer whose first event is there."""
        prompt, tried = Prompt.of(generation), list[Replica]()
        limit = generation.sampling.max_output_tokens
        output = int(min(self._output, limit or self._output))

        def attempt(candidates: Sequence[Replica]) -> Attempt:
            replica = self._placing.choose(prompt, output, candidates)
            return Attempt(replica, generation, prompt.tokens, output)

        def another(than: Replica) -> Attempt | None:
            others = [one for one in self.replicas if one.available and one is not than and one not in tried]
            return attempt(others) if others else None

        while True:
            outcome = await begin(attempt(self._candidates(tried)), another, self._policy)
            for replica, error in outcome.failed:
                self._failed(replica, error, tried)
            if outcome.begun is not None:
                self._placing.learn(prompt, outcome.begun.replica)
                return outcome.begun
            self._go_on(error, tried)

    def _candidates(self, tried: Collection[Replica] = ()) -> Sequence[Replica]:
        """Those that should get a call; where there are none, those that might answer all the same."""
        left = [replica for replica in self.replicas if replica not in tried]
        found = [replica for replica in left if replica.available]
        if not (found or left):
            raise errors.Unavailable(errors.UNAVAILABLE)
        return found or left

    def _gone_wrong(self, replica: Replica, error: errors.ApiError, tried: list[Replica]) -> None:
        """Takes note of it. Raises ``error`` where no other replica is to be asked."""
        self._failed(replica, error, tried)
        self._go_on(error, tried)

    def _failed(self, replica: Replica, error: errors.ApiError, tried: list[Replica]) -> None:
        tried.append(replica)
        if isinstance(error, AT_FAULT):
            self._blame(replica)
        _log.info("a call failed at replica %d (%s)", replica.number, error.code.name)

    def _go_on(self, error: errors.ApiError, tried: Collection[Replica]) -> None:
        if len(tried) >= self._policy.tries or all(one in tried for one in self.replicas):
            raise error

    def _blame(self, replica: Replica) -> None:
        replica.failed()
        if replica.failures < self._policy.failures or replica.ejected:
            return
        ejected = sum(one.ejected for one in self.replicas)
        if ejected + 1 <= self._policy.most_ejected * len(self.replicas):
            _log.warning("replica %d gets no calls for %.0f s", replica.number, replica.eject())

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return await self._ask(texts, lambda engine: engine.count_tokens(texts))

    async def tokenize(self, texts: Sequence[str]) -> list[list[Token]]:
        return await self._ask(texts, lambda engine: engine.tokenize(texts))

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return await self._ask(texts, lambda engine: engine.embed(texts))

    async def _ask(self, texts: Sequence[str], ask: Callable[[Engine], Awaitable[_T]]) -> _T:
        """The same beginning is asked of the same replica, which may still know the answer."""
        home, tried = number_of(texts[0] if texts else ""), list[Replica]()
        while True:
            replica = max(self._candidates(tried), key=lambda one: affinity(home, one))
            try:
                return await ask(replica.engine)
            except ELSEWHERE as error:
                self._gone_wrong(replica, error, tried)

    async def remember(self, generation: Generation) -> None:
        if generation.prefix is None:
            return
        prompt, tried = Prompt.of(generation.head), list[Replica]()
        while True:
            replica = self._placing.choose(prompt, 0, self._candidates(tried))
            work = Work(replica, prompt.tokens, 0)
            try:
                await replica.engine.remember(generation)
            except ELSEWHERE as error:
                self._gone_wrong(replica, error, tried)
            else:
                self._placing.learn(prompt, replica)
                return
            finally:
                work.end()

    def remembered(self) -> Collection[str]:
        return {key for replica in self._replicas.values() for key in replica.engine.remembered()}

    async def forget(self, keys: Collection[str]) -> None:
        self._placing.forget(keys)
        await asyncio.gather(*(replica.engine.forget(keys) for replica in self._replicas.values()))

    async def _watch(self, replica: Replica) -> None:
        """Checks a replica again and again, and at once when a call has failed there."""
        while True:
            health = await replica.engine.health()
            if replica.checked(health):
                _log.warning("replica %d is down: %s", replica.number, health.detail)
                if any(one.available for one in self.replicas):
                    replica.abandon()
            self._changed()
            await asyncio.sleep(min(_BREATH_SECONDS, self._policy.check_seconds))
            seconds = self._policy.check_seconds * random.uniform(0.8, 1.2)
            if replica.missing:
                seconds = min(seconds, _DOWN_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await replica.doubted.wait()
            replica.doubted.clear()

    def _changed(self) -> None:
        self._capabilities = self._able()
        if any(replica.up for replica in self.replicas):
            self._ready.set()
        else:
            self._ready.clear()

    def _able(self) -> Capabilities:
        """Of those that have told; of all, as long as none has. Places are counted where calls go."""
        known = [replica for replica in self.replicas if replica.been_up] or self.replicas
        working = [replica for replica in known if replica.up] or known
        return able_of_all(
            [replica.engine.capabilities for replica in known],
            [replica.engine.capabilities.slots for replica in working],
        )
