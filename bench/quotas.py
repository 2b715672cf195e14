"""What quotas let through that several servers share, and what they cost.

    python bench/quotas.py postgresql://geminid@127.0.0.1/scratch [--quick]

(a) A flood for a minute and a half, four times what is allowed, against four servers with 600 requests a minute
between them: how many are accepted in the first minute and in the last. (b) What each limit adds to a call with
the scripted engine, counted by one server for itself and shared. (c) The memory of a million buckets in one
server, and how long the database takes to forget a hundredth as many. The database is one to experiment with.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import os
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path

import aiohttp
import uvloop
from rich.console import Console
from rich.table import Table

import loadgen
from geminid.gates.local_buckets import LocalBuckets
from geminid.storage.sql.database import open_database
from overhead import PATH, body, server

SERVERS = 4
LIMIT = 600
TIMES = 4.0
MINUTE = 60.0
KEYS = 1_000_000

console = Console()


@contextlib.contextmanager
def servers(folder: Path, count: int, storage: str, quotas: str) -> Iterator[list[int]]:
    """So many processes, each with a state folder of its own: their ports."""
    with contextlib.ExitStack() as stack:
        ports = []
        for number in range(count):
            state = folder / f"{time.monotonic_ns()}"
            state.mkdir()
            config = state / "geminid.toml"
            storage_table = f'[storage]\nurl = "{storage}"\n' if storage else ""
            config.write_text(
                f'engine = "scripted"\n[safety]\nrater = "none"\n{storage_table}[quotas]\n{quotas}\n'
            )
            core = number % (os.cpu_count() or 1)
            flags = ("--config", str(config))
            ports.append(stack.enter_context(server(*flags, core=core, env={"GEMINID_STATE": str(state)}))[0])
        yield ports


async def flood(ports: Sequence[int], seconds: float) -> tuple[list[float], list[float]]:
    """When calls were accepted, in seconds from the first one on; and how long refused ones took."""
    accepted: list[float] = []
    refused: list[float] = []
    asked = body()
    async with (
        aiohttp.ClientSession(headers={"Content-Type": "application/json"}) as session,
        asyncio.TaskGroup() as group,
    ):

        async def ask(port: int) -> None:
            began = time.monotonic()
            async with session.post(f"http://127.0.0.1:{port}{PATH}:generateContent", data=asked) as response:
                await response.read()
            now = time.monotonic()
            if response.status == 200:
                accepted.append(now)
            else:
                assert response.status == 429, response.status
                refused.append(now - began)

        due = start = time.monotonic()
        number = 0
        while due < start + seconds:
            group.create_task(ask(ports[number % len(ports)]))
            number += 1
            due = start + number * 60 / (LIMIT * TIMES)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
    first = min(accepted)
    return sorted(at - first for at in accepted), sorted(refused)


async def accepted(url: str, folder: Path, seconds: float) -> Table:
    """Part (a)."""
    window = min(MINUTE, seconds * 2 / 3)
    with servers(folder, SERVERS, url, f"requests_per_minute = {LIMIT}") as ports:
        times, refused = await flood(ports, seconds)
    allowed = LIMIT * window / 60
    first = sum(at < window for at in times)
    last = sum(times[-1] - window < at for at in times)
    table = Table(
        "what", "figure", title=f"(a) {SERVERS} servers, {LIMIT} a minute, {TIMES:g} times that asked for"
    )
    for name, count in ((f"first {window:g} s", first), (f"last {window:g} s", last)):
        table.add_row(f"accepted, {name}", f"{count}: {100 * count / allowed - 100:+.2f} %")
    table.add_row("refused", f"{len(refused)}, p50 {1e3 * statistics.median(refused):.1f} ms, "
                  f"p99 {1e3 * refused[int(0.99 * len(refused))]:.1f} ms")  # fmt: skip
    return table


async def costs(url: str, folder: Path, requests: int) -> Table:
    """Part (b)."""
    table = Table("limits", "counted", "p50", "calls/s", title="(b) a call with the scripted engine")
    limits = {
        "none": "",
        "requests": "requests_per_minute = 100000000",
        "requests and tokens": "requests_per_minute = 100000000\ntokens_per_minute = 1000000000",
        "concurrent requests": "concurrent_requests = 1000",
    }
    request = loadgen.post(f"{PATH}:generateContent", body())
    for name, quotas in limits.items():
        for storage, counted in (("", "by one server"), (url, "shared")):
            with servers(folder, 1, storage, quotas) as (port,):
                await loadgen.run(port, request, requests=requests // 10, connections=8)
                alone = await loadgen.run(port, request, requests=requests // 4, connections=1)
                many = await loadgen.run(port, request, requests=requests, connections=16)
            table.add_row(name, counted, f"{1e3 * alone.percentile(0.5):.2f} ms", f"{many.per_second:,.0f}")
    return table


async def many_names(url: str, keys: int) -> Table:
    """Part (c)."""
    table = Table("what", "figure", title=f"(c) {keys:,} projects, each with one call in a minute")
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    tracemalloc.start()
    buckets = LocalBuckets()
    for number in range(keys):
        moment = now + dt.timedelta(seconds=60 * number / keys)
        await buckets.take(f"requests/project-{number}/m", 1, per_minute=1, burst=1, now=moment)
    table.add_row("buckets kept by a server", f"{len(buckets):,}")
    table.add_row("their memory", f"{tracemalloc.get_traced_memory()[0] / 1e6:.0f} MB")
    tracemalloc.stop()

    database = await open_database(url)
    try:
        for start in range(0, keys // 100, 500):
            await asyncio.gather(
                *(
                    database.buckets.take(f"project-{number}", 1, per_minute=60, burst=1, now=now)
                    for number in range(start, start + 500)
                )
            )
        began = time.perf_counter()
        swept = await database.buckets.sweep(now + dt.timedelta(hours=1))
        table.add_row(f"{swept:,} swept from the database", f"{time.perf_counter() - began:.1f} s")
    finally:
        await database.aclose()
    return table


async def main(url: str, quick: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        console.print(await accepted(url, Path(folder), 15 if quick else 90))
        console.print(await costs(url, Path(folder), 400 if quick else 2000))
    console.print(await many_names(url, KEYS // 100 if quick else KEYS))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--quick", action="store_true", help="shorter runs, figures only to look at")
    arguments = parser.parse_args()
    uvloop.run(main(arguments.url, arguments.quick))
