"""What a request costs against the number of replicas in the pool."""

from __future__ import annotations

import contextlib
import itertools
import statistics
import time
from collections.abc import Iterator

from rich.table import Table

import loadgen
from gateways.machine import Cores
from geminid.engines.pool.placing import Placing, Prompt
from geminid.engines.pool.policy import DEFAULT
from geminid.engines.pool.replica import Replica
from geminid.engines.scripted import Scripted
from geminid.generation import Generation, Text, Turn
from programs import running
from scaling.processes import STREAM, UNARY, Door, on_core, pool_of, question, serving

WORDS, CHUNKS = 16, 200
"""Of a short answer, and of a stream, a word to a chunk."""


async def replicas(quick: bool) -> Table:
    """One worker on a core of its own. Every request begins another conversation."""
    seconds, rounds = (1.0, 1) if quick else (1.0, 3)
    counts, cores = (1, 64) if quick else (1, 2, 4, 8, 16, 32, 64), Cores.split()
    table = Table("replicas", "requests/s", "µs of CPU each", "of it choosing", "chunks/s", "µs of CPU each",
                  title="replicas: answers of 16 words, streams of 200, as fast as they go")  # fmt: skip
    figures: dict[int, list[tuple[float, ...]]] = {count: [] for count in counts}
    with contextlib.ExitStack() as stack:
        ports, _ = stack.enter_context(running("fleet.py", "64", "--unpaced", core=cores.harness))
        doors = {n: stack.enter_context(serving(1, pool_of(ports[:n], "generic"), cores.gateway)) for n in counts}
        stack.enter_context(on_core(cores.harness))
        number = itertools.count()
        for _ in range(rounds):
            for count, door in doors.items():
                figures[count].append(await _pool_costs(door, seconds, number))
    for count, readings in figures.items():
        rate, cost, chunks, chunk = (statistics.median(column) for column in zip(*readings, strict=True))
        chosen = f"{choosing(count):.0f}"
        table.add_row(str(count), f"{rate:,.0f}", f"{cost:.0f}", chosen, f"{chunks:,.0f}", f"{chunk:.1f}")
    return table


async def _pool_costs(door: Door, seconds: float, number: Iterator[int]) -> tuple[float, ...]:
    """Requests a second, µs for one; chunks a second, µs for one beyond what the request costs."""

    def short() -> bytes:
        return question(UNARY, f"Conversation {next(number)}. words={WORDS} pace=0")

    def long() -> bytes:
        return question(STREAM, f"Conversation {next(number)}. words={CHUNKS} pace=0")

    await loadgen.run(door.port, short, requests=20, connections=4)
    before = door.cpu_seconds()
    few = await loadgen.run_for(door.port, short, seconds=seconds, connections=32)
    between = door.cpu_seconds()
    many = await loadgen.run_for(door.port, long, seconds=seconds, connections=16)
    request, stream = (between - before) / len(few.samples), (door.cpu_seconds() - between) / len(many.samples)
    chunks = CHUNKS * many.per_second
    return few.per_second, 1e6 * request, chunks, 1e6 * (stream - request) / (CHUNKS - WORDS)


def choosing(count: int) -> float:
    """µs for one choice of the pool, with what it learns from it, by itself."""
    placing, times = Placing(DEFAULT), 2_000
    places = [Replica(f"http://{n}", n, Scripted(), DEFAULT, time.monotonic) for n in range(count)]
    asked = [Generation((Turn("user", (Text(f"Conversation {n}."),)),)) for n in range(times)]
    before = time.process_time()
    for generation in asked:
        prompt = Prompt.of(generation)
        placing.learn(prompt, placing.choose(prompt, 256, places))
    return 1e6 * (time.process_time() - before) / times
