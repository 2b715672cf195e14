"""geminid before a simulated fleet: what clients see of it, and what that costs."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import time
import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psutil
from rich.table import Table

from gateways.machine import busy_seconds
from programs import running
from scaling.arrivals import Answer, Arrivals, Objective, Plan, Talks, Work
from scaling.engine import LLAMA_70B
from scaling.processes import STREAM, Door, console, own_seconds, pool_of, serving

STREAMS = 156
"""At the same time on each replica, on the average: 10,000 on 64."""
CHUNKS_A_SECOND = 10_000
"""Beyond that two cores are busy. Where a fleet writes more tokens than that, a chunk has several."""
MLPERF, STRICT = Objective(2.0, 0.2), Objective(0.5, 0.1)
"""The first is MLPerf's for conversations with Llama 2 70B,
https://github.com/mlcommons/inference_policies/blob/master/inference_rules.adoc; the second is ours."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One fleet. ``cores`` are those that geminid took, the generator, the fleet, and everything else on the
    machine; ``grown`` are the bytes by which geminid has grown."""

    replicas: int
    tokens_a_chunk: int
    window: float
    arrivals: Arrivals
    told: dict[str, float]
    cores: tuple[float, float, float, float]
    grown: int

    @property
    def answers(self) -> Sequence[Answer]:
        return self.arrivals.answers

    def goodput(self, objective: Objective) -> str:
        """Of clients, and in brackets what the replicas alone would have had."""
        clients = sum(answer.meets(objective) for answer in self.answers) / self.window
        engines = sum(answer.engine_meets(objective) for answer in self.answers) / self.window
        return f"{clients:.1f} ({engines:.1f})"


class Busy:
    """What is taken while requests count: cores, and bytes of geminid."""

    def __init__(self, door: Door, fleet: psutil.Process) -> None:
        self.cores = (0.0, 0.0, 0.0, 0.0)
        self.memory = 0
        self._door, self._fleet = door, fleet
        self._cores = sorted(os.sched_getaffinity(0))

    async def watch(self, plan: Plan) -> None:
        await asyncio.sleep(plan.ramp)
        began, before = time.monotonic(), self._read()
        while (seconds := time.monotonic() - began) < plan.window:
            await asyncio.sleep(1)
            self.memory = max(self.memory, self._door.memory())
        doors, own, fleet, busy = ((b - a) / seconds for a, b in zip(before, self._read(), strict=True))
        self.cores = doors, own, fleet, busy - doors - own - fleet

    def _read(self) -> tuple[float, float, float, float]:
        times = self._fleet.cpu_times()
        busy = sum(map(busy_seconds, self._cores))
        return self._door.cpu_seconds(), own_seconds(), times.user + times.system, busy


async def fleets(counts: Sequence[int], quick: bool) -> list[Table]:
    work = Work(prompt=500, words=150) if quick else Work()
    seen = [await _one(count, work, window=5 if quick else 10) for count in counts]
    return [_what_clients_saw(seen), _what_it_cost(seen)]


async def _one(replicas: int, work: Work, window: float) -> Seen:
    each = LLAMA_70B.per_token(STREAMS, work.prompt, work.words)
    tokens_a_chunk = 1
    while replicas * STREAMS / each / tokens_a_chunk > CHUNKS_A_SECOND:
        tokens_a_chunk *= 2
    seconds = work.words * each
    plan = Plan(rate=replicas * STREAMS / seconds, ramp=1.15 * seconds + 2, window=window)
    console.print(f"{replicas} replicas: {plan.rate:.1f} requests a second, each for {seconds:.0f} s")
    with contextlib.ExitStack() as stack:
        fleet = running("fleet.py", str(replicas), "--tokens-a-chunk", str(tokens_a_chunk))
        ports, upstream = stack.enter_context(fleet)
        workers = len(os.sched_getaffinity(0))
        door = stack.enter_context(serving(workers, pool_of(ports, "vllm")))
        idle, busy = door.memory(), Busy(door, upstream)
        watching = asyncio.create_task(busy.watch(plan))
        gc.disable()  # its pauses would be read as geminid's
        arrivals = await plan.run(door.port, STREAM, Talks(work))
        gc.enable()
        await watching
        told = await asyncio.to_thread(_told, ports[0])
    for reason, count in arrivals.failures.most_common(3):
        console.print(f"failed, {count} times: {reason}", markup=False)
    return Seen(replicas, tokens_a_chunk, window, arrivals, told, busy.cores, busy.memory - idle)


def _told(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/told") as answer:
        told: dict[str, float] = json.load(answer)
    return told


def _what_clients_saw(seen: Sequence[Seen]) -> Table:
    table = Table("replicas", "streams", "requests/s", "tokens/s", "tokens a chunk", "first token, ms",
                  "a token, ms", "between chunks, ms", "MLPerf's", "strict", "came back",
                  title="fleet: what clients saw, p50 / p99; requests/s that met an objective")  # fmt: skip
    for one in seen:
        answers, told = one.answers, one.told
        rate = len(answers) / one.window
        words = sum(answer.words for answer in answers) / one.window
        table.add_row(
            str(one.replicas), f"{one.arrivals.most:,}", f"{rate:.1f}", f"{words:,.0f}", str(one.tokens_a_chunk),
            _pair(answer.first for answer in answers), _pair(answer.each for answer in answers),
            _pair(gap for answer in answers for gap in answer.gaps),
            one.goodput(MLPERF), one.goodput(STRICT),
            f"{told['returned'] / max(1, told['later_turns']):.0%}",
        )  # fmt: skip
    return table


def _what_it_cost(seen: Sequence[Seen]) -> Table:
    table = Table("replicas", "failed", "first token later by, ms", "chunk later by, ms", "geminid, cores",
                  "generator", "fleet", "others", "MB", "kB a stream", "sent late, ms", "steps late, ms",
                  title="fleet: what geminid added, and the machine; p50 / p99")  # fmt: skip
    for one in seen:
        answers, told = one.answers, one.told
        steps = f"{1e3 * told['late_p50']:.1f} / {1e3 * told['late_p99']:.1f}"
        table.add_row(
            str(one.replicas), str(one.arrivals.failures.total()),
            _pair(answer.first - answer.engine_first for answer in answers),
            _pair(late for answer in answers for late in answer.late),
            *(f"{cores:.2f}" for cores in one.cores),
            f"{one.grown / 1e6:,.0f}", f"{one.grown / 1e3 / one.arrivals.most:.0f}",
            _pair(one.arrivals.tardy), steps,
        )  # fmt: skip
    return table


def _pair(values: Iterable[float]) -> str:
    """p50 and p99 of seconds, in milliseconds."""
    ordered = sorted(values)
    middle, high = (ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3 for share in (0.5, 0.99))
    return f"{middle:,.1f} / {high:,.1f}" if high < 100 else f"{middle:,.0f} / {high:,.0f}"
