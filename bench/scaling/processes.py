"""The processes of a measurement: geminid with all its workers, and programs of the benchmarks' folder."""

from __future__ import annotations

import contextlib
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console

import loadgen
from programs import pinned

PATH = "/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash"
UNARY, STREAM = f"{PATH}:generateContent", f"{PATH}:streamGenerateContent?alt=sse"

console = Console(width=None if sys.stdout.isatty() else 150, highlight=False)


@dataclass(frozen=True, slots=True)
class Door:
    """``geminid serve`` as a process, with its workers."""

    port: int
    process: psutil.Process

    def cpu_seconds(self) -> float:
        return sum(times.user + times.system for times in (one.cpu_times() for one in self._all()))

    def memory(self) -> int:
        return sum(one.memory_info().rss for one in self._all())

    def _all(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextlib.contextmanager
def serving(workers: int, engine: str, core: int | None = None) -> Iterator[Door]:
    """A server that is ready. ``engine`` is an expression, or the text of a configuration."""
    with tempfile.TemporaryDirectory() as folder:
        config, log = Path(folder, "geminid.toml"), Path(folder, "log")
        config.write_text(engine if "\n" in engine else f'engine = "{engine}"\n')
        command = [sys.executable, "-m", "geminid", "serve", "--config", str(config), "--workers", str(workers)]
        command += ["--port", "0", "--grpc-port", "0", "--tls-port", "0"]
        environment = os.environ | {"GEMINID_STATE": folder, "NO_COLOR": "1"}
        with log.open("w") as errors:
            process = subprocess.Popen([*pinned(core), *command], stderr=errors, env=environment)
        try:
            while not log.read_text().endswith("ready\n"):
                if process.poll() is not None:
                    raise RuntimeError(log.read_text())
                time.sleep(0.05)
            port = re.search(r"http://\S+?:(\d+)", log.read_text())
            assert port is not None
            yield Door(int(port[1]), psutil.Process(process.pid))
            _report(log)
        finally:
            process.terminate()
            process.wait(60)


def _report(log: Path) -> None:
    """What a server said after it was ready should be nothing."""
    said = log.read_text().partition("ready\n")[2].splitlines()
    for line in said[:5]:
        console.print(f"the server said, {len(said)} lines in all: {line}", markup=False)


def pool_of(ports: Sequence[int], dialect: str) -> str:
    urls = json.dumps([f"http://127.0.0.1:{port}/v1" for port in ports])
    return (
        f'engine = "fleet"\n[engines.fleet]\nkind = "openai"\nurls = {urls}\nmodel = "scripted"\n'
        f'dialect = "{dialect}"\nrunning = 100000\n'
    )


def question(route: str, text: str) -> bytes:
    return loadgen.post(route, json.dumps({"contents": {"role": "user", "parts": {"text": text}}}).encode())


def own_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextlib.contextmanager
def on_core(core: int | None) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    yield
    os.sched_setaffinity(0, before)
