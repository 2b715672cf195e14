"""Throughput against the number of workers."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import statistics
import tempfile
from pathlib import Path

from rich.table import Table

import loadgen
from programs import running
from scaling.processes import STREAM, UNARY, Door, own_seconds, question, serving

CHUNKS = 200
"""Of a long answer."""


async def workers(quick: bool) -> Table:
    """Up to one for each core, in turns, and the generator by itself."""
    seconds, rounds = (1.0, 1) if quick else (2.0, 3)
    cores = len(os.sched_getaffinity(0))
    counts = sorted({*itertools.takewhile(lambda n: n < cores, (2**n for n in range(10))), cores - 1 or 1, cores})
    table = Table("", "requests/s", "generator", "µs of CPU", "chunks/s", "generator", "µs of CPU",
                  title=f"workers: scripted engine, {cores} cores; the generator's share of a core")  # fmt: skip
    with contextlib.ExitStack() as stack:
        script = _script(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        sides = {f"{n} workers": stack.enter_context(serving(n, f"scripted:{script}")) for n in counts}
        (port, *_), process = stack.enter_context(running("chat_upstream.py"))
        sides["no geminid"] = Door(port, process)
        rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in sides}
        for _ in range(rounds):
            for name, door in sides.items():
                few, many = _questions(direct=name == "no geminid")
                rows[name].append((*await _rate(door, few, seconds, 1), *await _rate(door, many, seconds, CHUNKS)))
    for name, figures in rows.items():
        each = [statistics.median(column) for column in zip(*figures, strict=True)]
        cells = (f"{each[0]:,.0f}", f"{each[1]:.0%}", f"{each[2]:.0f}")
        table.add_row(name, *cells, f"{each[3]:,.0f}", f"{each[4]:.0%}", f"{each[5]:.1f}")
    return table


def _script(folder: Path) -> Path:
    answers = [{"when": "many", "chunks": ["word "] * CHUNKS}, {"chunks": ["word "] * 16}]
    script = folder / "script.json"
    script.write_text(json.dumps({"answers": answers}))
    return script


def _questions(*, direct: bool) -> tuple[bytes, bytes]:
    """One that is answered at once, and one with a stream of CHUNKS."""
    if direct:
        return _chat(16, stream=False), _chat(CHUNKS, stream=True)
    return question(UNARY, "Why is the sky blue?"), question(STREAM, "Say many words.")


def _chat(words: int, *, stream: bool) -> bytes:
    messages = [{"role": "user", "content": f"words={words} pace=0"}]
    return loadgen.post(
        "/v1/chat/completions",
        json.dumps({"model": "scripted", "messages": messages, "stream": stream}).encode(),
    )


async def _rate(door: Door, request: bytes, seconds: float, units: int) -> tuple[float, float, float]:
    """Units a second, as many of them as a request has; the generator's share of a core; µs of CPU for one."""
    await loadgen.run(door.port, request, requests=20, connections=4)
    own, theirs = own_seconds(), door.cpu_seconds()
    load = await loadgen.run_for(door.port, request, seconds=seconds, connections=32)
    units *= len(load.samples)
    share, each = (own_seconds() - own) / load.seconds, (door.cpu_seconds() - theirs) / units
    return units / load.seconds, share, 1e6 * each
