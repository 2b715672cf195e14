"""What geminid adds: to a call answered at once, to a streamed chunk, and to the embedded model's own speed.

    python bench/overhead.py [--quick]

(a) The scripted engine, server on one core and load generator on the other: requests a second, latency, and
the server's CPU time for each streamed chunk. (b) The embedded model through geminid against the same child
asked directly, at 1, 4 and 8 streams, in turns within one run, so that a noisy machine is noisy for both.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvloop
from rich.console import Console
from rich.table import Table

import loadgen
from geminid.engines import weights
from geminid.engines.llama_process import Job, LlamaProcess

PATH = "/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash"
QUESTION = "Write a long story about a lighthouse keeper and the sea."
OUTPUT_TOKENS = 128
CHUNKS = 200

console = Console()


@contextlib.contextmanager
def server(
    *flags: str, core: int | None = None, env: dict[str, str] | None = None
) -> Iterator[tuple[int, psutil.Process]]:
    """``geminid serve`` as its own process, pinned to ``core``: its port, and the process."""
    pin = ["taskset", "-c", str(core)] if core is not None else []
    command = [
        *pin,
        sys.executable,
        "-m",
        "geminid",
        "serve",
        "--port",
        "0",
        "--grpc-port",
        "0",
        "--tls-port",
        "0",
        *flags,
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | (env or {}))
    assert process.stderr is not None
    try:
        port = 0
        for line in process.stderr:
            if found := re.search(r"http://\S+?:(\d+)", line):
                port = int(found[1])
            if line.startswith("ready"):
                break
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def body(**config: object) -> bytes:
    contents = [{"role": "user", "parts": [{"text": QUESTION}]}]
    return json.dumps({"contents": contents, "generationConfig": config}).encode()


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


async def scripted(requests: int) -> Table:
    """Part (a)."""
    table = Table("what", "figure", title="(a) scripted engine, server on one core")
    unary = loadgen.post(f"{PATH}:generateContent", body())
    with server("--engine", "scripted", core=0) as (port, process):
        await loadgen.run(port, unary, requests=requests // 10, connections=1)
        for connections in (1, 32):
            load = await loadgen.run(port, unary, requests=requests, connections=connections)
            table.add_row(
                f"unary, {connections} connections",
                f"{load.per_second:,.0f} requests/s, p50 {1e3 * load.percentile(0.5):.2f} ms, "
                f"p99 {1e3 * load.percentile(0.99):.2f} ms",
            )
        memory = process.memory_info().rss
    with tempfile.TemporaryDirectory() as folder:
        for form, query in (("SSE", "?alt=sse"), ("JSON array", "")):
            cost, rate = await chunk_cost(Path(folder), query, requests // 50)
            table.add_row(f"streamed chunk, {form}", f"{cost:.1f} µs of CPU, {rate:,.0f} chunks/s")
    table.add_row("server memory", f"{memory / 1e6:.0f} MB")
    return table


async def chunk_cost(folder: Path, query: str, requests: int) -> tuple[float, float]:
    """µs of server CPU for each chunk beyond the first, and chunks a second, over streams of CHUNKS chunks."""
    request = loadgen.post(f"{PATH}:streamGenerateContent{query}", body())
    costs = []
    rate = 0.0
    for chunks in (1, CHUNKS):
        script = folder / "script.json"
        script.write_text(json.dumps({"answers": [{"chunks": ["word "] * chunks}]}))
        with server("--engine", f"scripted:{script}", core=0) as (port, process):
            await loadgen.run(port, request, requests=20, connections=4)
            before = cpu_seconds(process)
            load = await loadgen.run(port, request, requests=requests, connections=16)
            costs.append((cpu_seconds(process) - before) / requests)
            rate = load.per_second * chunks
    return 1e6 * (costs[1] - costs[0]) / (CHUNKS - 1), rate


@dataclass(frozen=True, slots=True)
class Side:
    """One way to the model: a port, the request, and how to count the tokens of an answer."""

    name: str
    port: int
    request: bytes
    count: re.Pattern[bytes]

    def tokens(self, answer: bytes) -> int:
        return int(self.count.findall(answer)[-1])


@contextlib.asynccontextmanager
async def embedded() -> AsyncIterator[tuple[Side, Side]]:
    """The child asked directly, and the same child through a geminid process."""
    path = weights.cached(weights.CATALOGUE["smollm2-135m"])
    assert path is not None, "run: geminid models pull smollm2-135m"
    process, told = await LlamaProcess.start(Job(path), lambda line: None, 60)
    url = f"http://127.0.0.1:{told.port}/v1"
    direct_body = {
        "messages": [{"role": "user", "content": QUESTION}],
        "max_tokens": OUTPUT_TOKENS,
        "temperature": 1,
        "top_p": 0.95,
        "top_k": 64,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    direct = loadgen.post(
        "/v1/chat/completions", json.dumps(direct_body).encode(), f"Authorization: Bearer {process.key}"
    )
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "geminid.toml"
        config.write_text(
            f'engine = "child"\n[engines.child]\nkind = "openai"\nurl = "{url}"\n'
            'dialect = "llama"\napi_key_env = "CHILD_KEY"\n'
        )
        with server("--config", str(config), env={"CHILD_KEY": process.key}) as (port, _):
            request = loadgen.post(
                f"{PATH}:streamGenerateContent?alt=sse",
                body(maxOutputTokens=OUTPUT_TOKENS, temperature=1),
            )
            yield (
                Side("child", told.port, direct, re.compile(rb'"completion_tokens":\s*(\d+)')),
                Side("geminid", port, request, re.compile(rb'"candidatesTokenCount": (\d+)')),
            )
    await process.stop(5)


async def model(rounds: int) -> Table:
    """Part (b)."""
    table = Table(
        "streams", "child tok/s", "geminid tok/s", "ratio", "child first token", "geminid first token", "added",
        title="(b) embedded model, same child, in turns",
    )  # fmt: skip
    async with embedded() as sides:
        for streams in (1, 4, 8):
            rates: dict[str, list[float]] = {side.name: [] for side in sides}
            firsts: dict[str, list[float]] = {side.name: [] for side in sides}
            for number in range(rounds):
                for side in sides if number % 2 else reversed(sides):
                    load = await loadgen.run(side.port, side.request, requests=streams, connections=streams)
                    rates[side.name].append(
                        sum(side.tokens(sample.body) for sample in load.samples) / load.seconds
                    )
                    firsts[side.name].append(statistics.median(sample.first for sample in load.samples))
            child, geminid = (statistics.median(rates[side.name]) for side in sides)
            ratio = statistics.median(
                ours / theirs for theirs, ours in zip(rates["child"], rates["geminid"], strict=True)
            )
            first_child, first_geminid = (1e3 * statistics.median(firsts[side.name]) for side in sides)
            table.add_row(
                str(streams), f"{child:.0f}", f"{geminid:.0f}", f"{ratio:.2f}", f"{first_child:.0f} ms",
                f"{first_geminid:.0f} ms", f"{first_geminid - first_child:+.1f} ms",
            )  # fmt: skip
    return table


async def main(quick: bool) -> None:
    os.sched_setaffinity(0, {os.cpu_count() - 1} if os.cpu_count() else {0})
    console.print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    console.print(await scripted(2_000 if quick else 20_000))
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    console.print(await model(3 if quick else 9))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, figures only to look at")
    uvloop.run(main(parser.parse_args().quick))
