"""One of the engines behind a pool: what it is working on, and whether calls should go to it.

Kept by ``replicas.py``; does no I/O. Load is in tokens, to be read and to be written.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from geminid.engines.base import Engine, Health, State
from geminid.engines.pool.policy import Policy
from geminid.generation import Delta, Event

_LEAST_WEIGHT = 0.1
_MOST_DOUBLINGS = 30
_MISSES = 2
"""Checks without an answer that take a replica out, where no call has failed: a busy server misses one."""


class Work:
    """One call at one replica. Its load falls as the prompt has been read and the answer is written."""

    __slots__ = ("_output", "_prompt", "_replica", "written")

    def __init__(self, replica: Replica, prompt: int, output: int) -> None:
        self._replica, self._prompt, self._output = replica, prompt, output
        self.written = 0
        replica.load += prompt + output
        replica.calls += 1
        replica.idle.clear()

    def heard(self, event: Event) -> None:
        if self._prompt:
            self._replica.load -= self._prompt
            self._prompt = 0
        if type(event) is Delta:
            self.written += event.tokens
            taken = min(event.tokens, self._output)
            self._output -= taken
            self._replica.load -= taken

    def end(self) -> None:
        """Called once."""
        self._replica.load -= self._prompt + self._output
        self._replica.calls -= 1
        if not self._replica.calls:
            self._replica.idle.set()


class Replica:
    """``name`` tells it from the others, in every process alike; ``number`` is its name in logs.

    ``up``: its last checks went well. ``doubted`` is set when a call has failed, which is worth a check.
    """

    def __init__(self, name: str, number: int, engine: Engine, policy: Policy, clock: Callable[[], float]) -> None:
        self.name, self.number, self.engine = name, number, engine
        self.seed = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())
        self.load = self.calls = self.failures = 0
        self.up = self.been_up = self.draining = False
        self.last = Health(State.STARTING)
        self.doubted = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()
        self._policy, self._clock = policy, clock
        self._misses = self._ejections = 0
        self._ejected_until = self._back_since = float("-inf")
        self._waiting: set[asyncio.Timeout] = set()

    @property
    def ejected(self) -> bool:
        return self._clock() < self._ejected_until

    @property
    def available(self) -> bool:
        return self.up and not self.draining and not self.ejected

    def score(self, cost: int) -> float:
        """Its load with a call of ``cost`` tokens; more as long as it has not long been back."""
        since = self._clock() - self._back_since
        ramp = self._policy.slow_start_seconds
        weight = 1.0 if not ramp or since >= ramp else max(since / ramp, _LEAST_WEIGHT)
        return float(self.load + cost) / weight

    def checked(self, health: Health) -> bool:
        """Takes note of a health check; returns whether it has just gone down."""
        was_up, self.last = self.up, health
        if health.state is State.READY:
            self._misses = 0
            if not was_up and self.been_up:
                self._back_since = self._clock()
            self.up = self.been_up = True
            return False
        self._misses += 1
        self.up = was_up and not self.failures and self._misses < _MISSES
        return was_up and not self.up

    @property
    def missing(self) -> bool:
        """Whether its last check went wrong."""
        return self._misses > 0

    def answered(self) -> None:
        """A call went well to its end."""
        self.failures = 0
        if self._ejections and self._clock() - self._back_since >= self._policy.slow_start_seconds:
            self._ejections = 0

    def failed(self) -> None:
        self.failures += 1
        self.doubted.set()

    def eject(self) -> float:
        """No calls for a while; returns for how many seconds."""
        policy = self._policy
        seconds = min(policy.ejection_seconds * 2.0**self._ejections, policy.longest_ejection)
        self._ejections = min(self._ejections + 1, _MOST_DOUBLINGS)
        self.failures = 0
        self._ejected_until = self._back_since = self._clock() + seconds
        return seconds

    @contextmanager
    def patience(self, seconds: float) -> Iterator[asyncio.Timeout]:
        """The time limit of a call that waits for its first event, for ``abandon`` to end."""
        limit = asyncio.timeout(seconds)
        self._waiting.add(limit)
        try:
            yield limit
        finally:
            self._waiting.discard(limit)

    def abandon(self) -> None:
        """Whoever waits for a first event here waits no longer, and is free to ask another replica."""
        now = asyncio.get_running_loop().time()
        for limit in list(self._waiting):
            if not limit.expired():
                limit.reschedule(now)
