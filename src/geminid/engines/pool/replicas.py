"""The replicas of a pool: watched, put aside when they fail, exchanged for others. Kept by ``pool/__init__.py``.

Which of them gets a call is not said here, but in ``placing.py``, and which it may be after one has failed in
``tries.py``.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TypeAlias

from geminid.engines.base import Capabilities, Engine, Health, State
from geminid.engines.pool.policy import Policy
from geminid.engines.pool.replica import Replica
from geminid.engines.pool.shared import able_of_all

_log = logging.getLogger(__name__)

Factory: TypeAlias = Callable[[], Engine]

_BREATH_SECONDS = 0.1
_DOWN_SECONDS = 1.0
"""A replica that is down is looked for so often, and one that missed a check is asked again so soon."""


class Replicas:
    """``makers`` make the engines, by names that tell them apart; each is closed here.

    ``capabilities`` are what all of them can do.
    """

    def __init__(self, makers: Mapping[str, Factory], policy: Policy, clock: Callable[[], float]) -> None:
        self._policy, self._clock = policy, clock
        self._numbers = itertools.count(1)
        self._by_name = {name: self._new(name, make) for name, make in makers.items()}
        self._tasks: dict[Replica, asyncio.Task[None]] = {}
        self._drains: dict[Replica, asyncio.Task[None]] = {}
        self._ready = asyncio.Event()
        self.capabilities = self._able()

    def _new(self, name: str, make: Factory) -> Replica:
        return Replica(name, next(self._numbers), make(), self._policy, self._clock)

    @property
    def all(self) -> Sequence[Replica]:
        """With those that leave, whose last streams go on."""
        return list(self._by_name.values())

    @property
    def staying(self) -> Sequence[Replica]:
        """Those that get calls or will."""
        return [replica for replica in self._by_name.values() if not replica.draining]

    async def start(self) -> None:
        await asyncio.gather(*map(self._start, self._by_name.values()))

    async def _start(self, replica: Replica) -> None:
        if replica not in self._tasks:
            self._tasks[replica] = asyncio.create_task(self._watch(replica))
            await replica.engine.start()

    async def wait_ready(self) -> None:
        """Returns when one of them answers."""
        await self._ready.wait()

    async def health(self) -> Health:
        replicas = self.staying
        up = sum(replica.up for replica in replicas)
        if up:
            return Health(State.READY, f"{up} of {len(replicas)} replicas answer")
        last = next((replica.last for replica in replicas if replica.last.detail), Health(State.DOWN))
        starting = any(replica.last.state is State.STARTING for replica in replicas)
        return Health(State.STARTING if starting else State.DOWN, f"no replica answers: {last.detail}")

    async def aclose(self) -> None:
        staying = [task for replica, task in self._drains.items() if replica.name in self._by_name]
        for task in (*self._tasks.values(), *staying):
            task.cancel()
        if tasks := [*self._tasks.values(), *self._drains.values()]:
            await asyncio.wait(tasks)
        await asyncio.gather(*(replica.engine.aclose() for replica in self._by_name.values()))

    async def reconfigure(self, wanted: Mapping[str, Factory]) -> None:
        """Makes these the replicas. Those that leave get no new calls, and end with the last of their streams."""
        added = {name: self._new(name, make) for name, make in wanted.items() if name not in self._by_name}
        for name in wanted:
            if (known := self._by_name.get(name)) is not None and known.draining:
                self._drains.pop(known).cancel()
                known.draining = False
        self._by_name |= added
        await asyncio.gather(*map(self._start, added.values()))
        for name, replica in list(self._by_name.items()):
            if name not in wanted and not replica.draining:
                replica.draining = True
                self._drains[replica] = asyncio.create_task(self._drain(replica))
        self._changed()

    async def _drain(self, replica: Replica) -> None:
        await replica.idle.wait()
        del self._by_name[replica.name]
        if watch := self._tasks.pop(replica, None):
            watch.cancel()
        await replica.engine.aclose()
        del self._drains[replica]

    def blame(self, replica: Replica) -> None:
        """A call has failed there; it gets none for a while if that was once too often."""
        replica.failed()
        if replica.failures < self._policy.failures or replica.ejected:
            return
        replicas = self.staying
        ejected = sum(one.ejected for one in replicas)
        if ejected + 1 <= self._policy.most_ejected * len(replicas):
            _log.warning("replica %d gets no calls for %.0f s", replica.number, replica.eject())

    async def _watch(self, replica: Replica) -> None:
        """Checks a replica again and again, and at once when a call has failed there."""
        while True:
            health = await replica.engine.health()
            if replica.checked(health):
                _log.warning("replica %d is down: %s", replica.number, health.detail)
                if any(one.available for one in self.staying):
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
        self.capabilities = self._able()
        if any(replica.up for replica in self.staying):
            self._ready.set()
        else:
            self._ready.clear()

    def _able(self) -> Capabilities:
        """Of those that have told; of all, as long as none has. Places are counted where calls go."""
        known = [replica for replica in self.staying if replica.been_up] or self.staying
        working = [replica for replica in known if replica.up] or known
        return able_of_all(
            [replica.engine.capabilities for replica in known],
            [replica.engine.capabilities.slots for replica in working],
        )
