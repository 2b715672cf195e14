"""What workers are good for: requests a second of one and of two, evenness, reloads without loss, a shared engine.

    python bench/workers.py [rate|even|reload|engine ...] [--quick]

``rate``: the scripted engine, one worker against two in turns, on all cores. The load generator shares the cores
with them. Where workers take all the CPU that it leaves, it is not the limit, and they are: both are told.
``even``: how connections of clients that stay are spread. ``reload``: calls of all kinds while the server is told
to reload again and again. ``engine``: what a streamed event costs more where another process has the engine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import IO

import aiohttp
import grpc
import grpc.aio
import psutil
import uvloop
from rich.console import Console
from rich.table import Table

import loadgen
from geminid.engines.base import Engine
from geminid.engines.remote import Host, Remote
from geminid.engines.script import Answer, Script
from geminid.engines.scripted import Scripted
from geminid.generation import Generation, Text, Turn
from geminid.wire.content import Content, Part
from geminid.wire.generation import GenerateContentRequest
from geminid.wire.proto import ProtoCodec

MODEL = "projects/p/locations/l/publishers/google/models/gemini-2.5-flash"
BODY = json.dumps({"contents": {"role": "user", "parts": {"text": "Why is the sky blue?"}}}).encode()
UNARY = loadgen.post(f"/v1/{MODEL}:generateContent", BODY)

console = Console()


@dataclass(frozen=True, slots=True)
class Serving:
    """``geminid serve`` as a process; ``ports`` are those of HTTP, gRPC and TLS."""

    process: psutil.Process
    ports: tuple[int, int, int]
    errors: IO[str]
    authority: Path

    @property
    def workers(self) -> list[psutil.Process]:
        children = [child for child in self.process.children() if "geminid.cli.worker" in child.cmdline()]
        return children or [self.process]


@contextlib.contextmanager
def serving(workers: int, *flags: str) -> Iterator[Serving]:
    """A server that is ready, with a state folder of its own."""
    with tempfile.TemporaryDirectory() as state:
        command = [
            sys.executable,
            "-m",
            "geminid",
            "serve",
            "--workers",
            str(workers),
            "--engine",
            "scripted",
            *flags,
        ]
        command += ["--port", "0", "--grpc-port", "0", "--tls-port", "0"]
        environment = os.environ | {"GEMINID_STATE": state, "NO_COLOR": "1"}
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        assert process.stderr is not None
        try:
            told = ""
            while not told.endswith("ready\n"):
                told += process.stderr.readline()
            ports = [int(port) for port in re.findall(r":(\d{4,5})\b", told)]
            yield Serving(
                psutil.Process(process.pid),
                (ports[0], ports[1], ports[2]),
                process.stderr,
                Path(state, "tls", "ca.pem"),
            )
        finally:
            process.terminate()
            process.communicate(timeout=60)


# Requests a second.


async def rate(quick: bool) -> Table:
    seconds, rounds = (2.0, 2) if quick else (8.0, 5)
    figures: dict[int, list[Rate]] = {1: [], 2: []}
    with serving(1) as one, serving(2) as two:
        for server in (one, two):
            await loadgen.run_for(server.ports[0], UNARY, seconds=1, connections=32)
        for number in range(rounds):
            for count, server in sorted({1: one, 2: two}.items(), reverse=bool(number % 2)):
                figures[count].append(await _rate(server, seconds))
    table = Table(
        "workers", "requests/s", "CPU of the workers", "of the load generator", "requests per s of workers' CPU"
    )
    table.title = f"rate, {os.cpu_count()} cores: medians of {rounds} rounds"
    for count, of_it in figures.items():
        median = Rate(*(statistics.median(values) for values in zip(*map(astuple, of_it), strict=True)))
        table.add_row(
            str(count),
            f"{median.requests:,.0f}",
            f"{median.workers:.0%} of a core",
            f"{median.generator:.0%} of a core",
            f"{median.per_cpu:,.0f}",
        )
    pairs = list(zip(figures[1], figures[2], strict=True))
    ratio = statistics.median(two.requests / one.requests for one, two in pairs)
    per_cpu = statistics.median(two.per_cpu / one.per_cpu for one, two in pairs)
    table.add_row("2 : 1", f"{ratio:.2f}", "", "", f"{per_cpu:.2f}")
    return table


@dataclass(frozen=True, slots=True)
class Rate:
    """Of one round: ``requests`` a second, and the cores that ``workers`` and load ``generator`` were busy on."""

    requests: float
    workers: float
    generator: float

    @property
    def per_cpu(self) -> float:
        return self.requests / self.workers


async def _rate(server: Serving, seconds: float) -> Rate:
    processes = (server.workers, [psutil.Process()])
    before = [_cpu_seconds(some) for some in processes]
    load = await loadgen.run_for(server.ports[0], UNARY, seconds=seconds, connections=32)
    used = [_cpu_seconds(some) - earlier for some, earlier in zip(processes, before, strict=True)]
    return Rate(load.per_second, used[0] / load.seconds, used[1] / load.seconds)


def _cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    return sum(sum(process.cpu_times()[:2]) for process in processes)


# Evenness.


async def even(quick: bool) -> Table:
    table = Table("connections", "HTTP", "gRPC", title="even: how many of them each of two workers has")
    with serving(2) as server:
        for count in (2, 4, 8, 32):
            spread = [[await _spread(server, port, count) for _ in range(5)] for port in server.ports[:2]]
            table.add_row(str(count), *("  ".join(f"{a}+{b}" for a, b in rounds) for rounds in spread))
    return table


async def _spread(server: Serving, port: int, count: int) -> tuple[int, ...]:
    """Opened at once, and closed."""
    streams = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(count)))
    found = await _settled(server, port, count)
    for _, writer in streams:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for _, writer in streams), return_exceptions=True)
    await _settled(server, port, 0)
    return found


async def _settled(server: Serving, port: int, count: int) -> tuple[int, ...]:
    """Once the workers have ``count`` connections."""
    async with asyncio.timeout(10):
        while True:
            found = tuple(sorted(_connections(worker, port) for worker in server.workers))
            if sum(found) == count:
                return found
            await asyncio.sleep(0.01)


def _connections(worker: psutil.Process, port: int) -> int:
    return sum(
        one.laddr.port == port and one.status == psutil.CONN_ESTABLISHED for one in worker.net_connections("tcp")
    )


# Reloads.


@dataclass(slots=True)
class Tally:
    """How many calls of each kind ended well, and how the others ended."""

    well: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    async def count(self, kind: str, call: Awaitable[None]) -> None:
        try:
            await call
        except (aiohttp.ClientError, grpc.aio.AioRpcError, OSError, RuntimeError) as error:
            self.failed[f"{kind}: {type(error).__name__} {error}"] += 1
        else:
            self.well[kind] += 1


async def reload(quick: bool) -> Table:
    """Until so many calls have ended. A reload begins as soon as the last one is over."""
    wanted = 500 if quick else 5_000
    tally = Tally()
    with serving(2) as server:
        ended = asyncio.Event()
        callers = [asyncio.create_task(_calls(server, tally, ended)) for _ in range(4)]
        reloads = 0
        while sum(tally.well.values()) + sum(tally.failed.values()) < wanted or not reloads:
            reloads += await _reloaded(server)
        ended.set()
        await asyncio.gather(*callers)
    table = Table("calls", "ended well", title=f"reload: {reloads} rolling reloads of two workers")
    for kind, count in sorted(tally.well.items()):
        table.add_row(kind, f"{count:,}")
    table.add_row("failed", str(sum(tally.failed.values())))
    for words, count in tally.failed.most_common(5):
        table.add_row(words, str(count))
    return table


async def _reloaded(server: Serving) -> int:
    server.process.send_signal(signal.SIGHUP)
    async with asyncio.timeout(60):
        told = await asyncio.to_thread(server.errors.readline)
    if told != "reloaded\n":
        raise RuntimeError(told)
    return 1


async def _calls(server: Serving, tally: Tally, ended: asyncio.Event) -> None:
    url = f"http://127.0.0.1:{server.ports[0]}/v1/{MODEL}"
    target = f"127.0.0.1:{server.ports[1]}"
    secure_url, secure = f"https://localhost:{server.ports[2]}/v1/{MODEL}", f"localhost:{server.ports[2]}"
    context = ssl.create_default_context(cafile=server.authority)
    credentials = grpc.ssl_channel_credentials(server.authority.read_bytes())
    async with (
        aiohttp.ClientSession() as session,
        grpc.aio.insecure_channel(target) as channel,
        grpc.aio.secure_channel(secure, credentials) as secure_channel,
    ):
        while not ended.is_set():
            await tally.count("HTTP, a connection that is kept", _unary(session, url))
            await tally.count("HTTP, streamed", _streamed(session, url))
            await tally.count("gRPC, a channel that is kept", _rpc(channel))
            await tally.count("gRPC over TLS, a channel that is kept", _rpc(secure_channel))
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as fresh:
                await tally.count("HTTPS, a new connection", _unary(fresh, secure_url))
            async with aiohttp.ClientSession() as fresh:
                await tally.count("HTTP, a new connection", _unary(fresh, url))
            async with grpc.aio.insecure_channel(target, options=[("grpc.use_local_subchannel_pool", 1)]) as fresh:
                await tally.count("gRPC, a new channel", _rpc(fresh))


async def _unary(session: aiohttp.ClientSession, url: str) -> None:
    async with session.post(f"{url}:generateContent", data=BODY) as answer:
        answer.raise_for_status()
        await answer.read()


async def _streamed(session: aiohttp.ClientSession, url: str) -> None:
    async with session.post(f"{url}:streamGenerateContent?alt=sse", data=BODY) as answer:
        answer.raise_for_status()
        if b'"finishReason"' not in await answer.read():
            raise RuntimeError("the stream broke off")


_REQUEST = ProtoCodec("v1").encode(
    GenerateContentRequest(model=MODEL, contents=[Content(role="user", parts=[Part(text="Hello")])])
)


async def _rpc(channel: grpc.aio.Channel) -> None:
    await channel.unary_unary("/google.cloud.aiplatform.v1.PredictionService/GenerateContent")(_REQUEST)


# A shared engine.


async def engine(quick: bool) -> Table:
    """CPU time of both ends together, for each event beyond a short answer's."""
    table = Table("engine", "µs of CPU for an event", title="engine")
    with tempfile.TemporaryDirectory() as folder:
        chunks = 2_000 if quick else 20_000
        far = Scripted(Script(answers=[Answer(chunks=["word "] * chunks)]))
        host = Host(far, Path(folder, "engine"))
        await host.start()
        near = Remote(Path(folder, "engine"), far.capabilities)
        for name, one in (("in this process", far), ("lent over a socket", near)):
            costs = [await _event_cost(one) for _ in range(5)]
            table.add_row(name, f"{1e6 * min(costs):.1f}")
        await near.aclose()
        await host.aclose()
    return table


async def _event_cost(one: Engine) -> float:
    asked = Generation((Turn("user", (Text("Hello"),)),))
    before, events = time.process_time(), 0
    async for _ in one.generate(asked):
        events += 1
    return (time.process_time() - before) / events


PARTS: dict[str, Callable[[bool], Awaitable[Table]]] = {
    "rate": rate,
    "even": even,
    "reload": reload,
    "engine": engine,
}


async def main(parts: list[str], quick: bool) -> None:
    for part in parts or PARTS:
        console.print(await PARTS[part](quick))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all, unless some are named")
    parser.add_argument("--quick", action="store_true", help="short runs, figures only to look at")
    told = parser.parse_args()
    uvloop.run(main(told.parts, told.quick))
