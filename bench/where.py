"""Where the server's time goes: a sampling profile under load, summed by what the code is for.

    python bench/where.py [--seconds 8] [--py-spy PROGRAM]

The server has a core to itself; the client and the upstream, which cost next to nothing, share another. Shares are
of the thread that serves, by the innermost frame of a sample that belongs to somebody; times are its CPU time for
each answer, or chunk, times the share. py-spy (https://github.com/benfred/py-spy) has to be installed beside the
interpreter, or be named; it may have to be root.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvloop
from rich.console import Console
from rich.table import Table

import loadgen
from gateways.running import upstream
from overhead import PATH, cpu_seconds, server
from programs import running

PARTS = {
    "the HTTP client towards the engine: aiohttp": r"(aiohttp|multidict|yarl|frozenlist|async_timeout)/",
    "the request to the engine and what comes back: engines/": r"geminid/engines/",
    "what request and answer mean: gemini/, service/, generation.py": r"geminid/(gemini|service|generation)",
    "from bytes to messages and back: wire/": r"geminid/wire/|msgspec",
    "the doors, with HTTP itself: doors/": r"geminid/doors/|(httptools|uvicorn|starlette)/",
    "gates: who may, how many, what it used: gates/, storage/, call.py": r"geminid/(gates|storage|call)",
    "safety and citations": r"geminid/(safety|citations)",
}
THE_REST = "the event loop and the sockets"

_FRAME = re.compile(r"\(([^()]+?):\d+\)$")
_SERVING = "Runner.run (asyncio"
_CONNECTIONS = 16


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked, and how many pieces each answer has whose cost is of interest."""

    title: str
    method: str
    order: str
    pieces: int
    unit: str

    def request(self) -> bytes:
        body = {"contents": [{"role": "user", "parts": [{"text": self.order}]}]}
        return loadgen.post(f"{PATH}:{self.method}", json.dumps(body).encode())


LOADS = (
    Load("a unary answer of 16 words", "generateContent", "words=16 pace=0", 1, "µs an answer"),
    Load("a stream of 200 words", "streamGenerateContent?alt=sse", "words=200 pace=0", 200, "µs a chunk"),
)


def parts(profile: str) -> Counter[str]:
    """Samples by part, of a profile in py-spy's raw format: frames from the outside in, and a number."""
    counted: Counter[str] = Counter()
    for line in profile.splitlines():
        stack, number = line.rsplit(" ", 1)
        if _SERVING in stack:
            counted[_part(stack.split(";"))] += int(number)
    return counted


def _part(frames: list[str]) -> str:
    for frame in reversed(frames):
        place = _FRAME.search(frame)
        for part, pattern in PARTS.items():
            if place and re.match(pattern, place[1]):
                return part
    return THE_REST


async def table(load: Load, port: int, process: psutil.Process, program: str, seconds: int) -> Table:
    """The load twice: once without the profiler, for what it costs, and once with it, for the shares."""
    cost = await costs(load, port, process, seconds)
    samples = parts(await profile(port, load.request(), process.pid, program, seconds))
    shown = Table(
        "", "share", load.unit, title=f"{load.title}: {cost:.1f} {load.unit}, {samples.total():,} samples"
    )
    for part, number in samples.most_common():
        share = number / samples.total()
        shown.add_row(part, f"{share:.0%}", f"{share * cost:.1f}")
    return shown


async def costs(load: Load, port: int, process: psutil.Process, seconds: int) -> float:
    """µs of CPU for each piece."""
    request = load.request()
    await loadgen.run(port, request, requests=500, connections=_CONNECTIONS)
    before = cpu_seconds(process)
    answers = await loadgen.run_for(port, request, seconds=seconds, connections=_CONNECTIONS)
    return 1e6 * (cpu_seconds(process) - before) / len(answers.samples) / load.pieces


async def profile(port: int, request: bytes, pid: int, program: str, seconds: int) -> str:
    """What py-spy saw during as many seconds of the load."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "profile"
        options = ["--pid", str(pid), "--duration", str(seconds), "--rate", "500", "--format", "raw"]
        spy = await asyncio.create_subprocess_exec(
            program, "record", *options, "--output", out, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        await loadgen.run_for(port, request, seconds=seconds, connections=_CONNECTIONS)
        _, said = await spy.communicate()
        if spy.returncode:
            raise SystemExit(f"py-spy cannot look at the server: {said.decode().strip()}")
        return out.read_text()


async def main(seconds: int, program: str) -> None:
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    console.print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    own = (os.cpu_count() or 1) - 1
    os.sched_setaffinity(0, {own})
    with tempfile.TemporaryDirectory() as state, upstream(own) as engine:
        flags = ("--engine", f"http://127.0.0.1:{engine}/v1")
        with server(*flags, core=0, env={"GEMINID_STATE": state}) as (port, process):
            for load in LOADS:
                console.print(await table(load, port, process, program, seconds))
        with running("floor.py", str(engine), core=0) as ((port,), process):
            for load in LOADS:
                cost = await costs(load, port, process, seconds)
                console.print(f"{load.title}, handed on unread by the same libraries: {cost:.1f} {load.unit}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=8)
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    parser.add_argument("--py-spy", metavar="PROGRAM", default=shutil.which("py-spy", path=beside))
    options = parser.parse_args()
    if options.py_spy is None:
        parser.error("py-spy is not there: pip install py-spy")
    uvloop.run(main(options.seconds, options.py_spy))
