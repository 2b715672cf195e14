"""How much each project may ask of each model: requests and tokens a minute, and requests at the same time.

A gate before generation. Rates are token buckets; servers may share them, and the count of what runs at the same
time. What a call costs in tokens is estimated first and settled when it is over, so that a bucket may owe. Not the
queue in front of an engine, which is ``gates/admission.py``.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, fields

from geminid.call import Call, Handler, Stream
from geminid.errors import ApiError
from geminid.gates import exhausted
from geminid.gates.at_once import AtOnce, LocalCount
from geminid.gates.estimate import estimated_tokens
from geminid.storage.records import Buckets

log = logging.getLogger("geminid.quotas")

BURST_SECONDS = 1.0
"""How long a bucket saves up what is not used. With one second, 600 a minute are 610 in the first one."""

_REMEMBERED = 1024
"""Pairs of a project and a model whose limits are looked up only once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one project at one model; None is no limit. Tokens are those of prompts and of answers."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_requests: int | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Limits for one project or, where it is empty, for each; and for one base model or each."""

    limits: Limits
    project: str = ""
    model: str = ""

    def holds(self, project: str, model: str) -> bool:
        return self.project in ("", project) and self.model in ("", model)


def limits_of(rules: Sequence[Rule], project: str, model: str) -> Limits:
    """Each limit from the last rule that holds and has it."""
    found: dict[str, int] = {}
    for rule in rules:
        if rule.holds(project, model):
            told = ((field.name, getattr(rule.limits, field.name)) for field in fields(Limits))
            found.update((name, value) for name, value in told if value is not None)
    return Limits(**found)


class Quotas:
    """The gate. ``model_of`` tells the base model that is asked for (``gemini-1.5-flash``), or raises ApiError.

    A bucket saves up ``burst_seconds`` of its rate, and at least one request. ``refused`` counts calls by the
    limit that they met, a name of ``Limits``.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        buckets: Buckets,
        model_of: Callable[[Call], str],
        *,
        at_once: AtOnce | None = None,
        burst_seconds: float = BURST_SECONDS,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self.refused: Counter[str] = Counter()
        self._limits_of = functools.lru_cache(_REMEMBERED)(functools.partial(limits_of, tuple(rules)))
        self._buckets = buckets
        self._model_of = model_of
        self._burst_minutes = burst_seconds / 60
        self._clock = clock
        self._at_once = at_once or LocalCount()
        self._settling: set[asyncio.Task[None]] = set()

    async def __call__(self, call: Call, proceed: Handler) -> Stream:
        project, model = call.tenant, self._model_of(call)
        limits = self._limits_of(project, model)
        sent, failed = 0, False
        async with self._running(project, model, limits.concurrent_requests):
            estimate = await self._admit(call, project, model, limits)
            try:
                async with aclosing(proceed(call)) as stream:
                    async for message in stream:
                        sent += 1
                        yield message
            except ApiError:
                failed = True
                raise
            finally:
                if limits.tokens_per_minute is not None:
                    owed = _owed(call, estimate, sent, failed=failed)
                    self._begin(self._settle("tokens", project, model, owed, limits.tokens_per_minute))

    @asynccontextmanager
    async def _running(self, project: str, model: str, limit: int | None) -> AsyncGenerator[None, None]:
        if limit is None:
            yield
            return
        key = f"{project}/{model}"
        if not await self._at_once.enter(key, limit):
            self.refused["concurrent_requests"] += 1
            raise exhausted.too_many_at_once()
        try:
            yield
        finally:
            self._at_once.leave(key)

    async def _admit(self, call: Call, project: str, model: str, limits: Limits) -> int:
        """The tokens that were charged. Who has too few of them is not charged for the request either."""
        requests, tokens = limits.requests_per_minute, limits.tokens_per_minute
        if requests is not None and (wait := await self._take("requests", project, model, 1, requests)):
            self.refused["requests_per_minute"] += 1
            raise exhausted.exceeded(call, exhausted.REQUESTS, model, requests, wait)
        if tokens is None:
            return 0
        estimate = estimated_tokens(call.request)
        if wait := await self._take("tokens", project, model, estimate, tokens):
            if requests is not None:
                await self._settle("requests", project, model, -1, requests)
            self.refused["tokens_per_minute"] += 1
            raise exhausted.exceeded(call, exhausted.TOKENS, model, tokens, wait)
        return estimate

    async def _take(self, what: str, project: str, model: str, amount: int, per_minute: int) -> float:
        key, burst = f"{what}/{project}/{model}", self._burst(per_minute)
        return await self._buckets.take(key, amount, per_minute=per_minute, burst=burst, now=self._clock())

    async def _settle(self, what: str, project: str, model: str, amount: int, per_minute: int) -> None:
        """Nothing of a call that is over can fail any more: a bucket that is out of reach stays as it is."""
        try:
            key, burst = f"{what}/{project}/{model}", self._burst(per_minute)
            await self._buckets.settle(key, amount, per_minute=per_minute, burst=burst, now=self._clock())
        except ApiError as error:
            log.warning("%d %s of project %r were not settled: %s", amount, what, project, error.message)

    def _burst(self, per_minute: int) -> float:
        return max(1.0, per_minute * self._burst_minutes)

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        """Beside the call, which has ended: it neither waits for a database nor can it take this down with it."""
        task = asyncio.get_running_loop().create_task(work)
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def aclose(self) -> None:
        """Returns when all calls that are over are settled."""
        await asyncio.gather(*self._settling)
        await self._at_once.aclose()


def _owed(call: Call, estimate: int, sent: int, *, failed: bool) -> int:
    """What a call cost beyond its estimate.

    One that failed before it said anything cost nothing. One that was left, or broke off, cost its prompt and
    about a token for each message: else whoever leaves before the end would have the answer for nothing.
    """
    if call.usage is not None:
        return call.usage.prompt + call.usage.output + call.usage.thoughts - estimate
    return -estimate if failed and not sent else sent
