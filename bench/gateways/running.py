"""Processes of a measurement: each on the core that it is given, in a folder and an environment of its own.

CPU time and memory are those of a process and all its children.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

import loadgen
from gateways.base import Format, Gateway, Order, Start, Unavailable
from programs import pinned, running

_START_SECONDS = 90.0
_STOP_SECONDS = 10
_WORDS = 16


@dataclass(slots=True)
class Running:
    """A gateway that answers. ``unfit`` are the formats that it did not answer as it should, and what it did."""

    gateway: Gateway
    port: int
    process: psutil.Process
    start_seconds: float = 0.0
    idle_bytes: int = 0
    unfit: dict[Format, str] = field(default_factory=dict)

    def cpu_seconds(self) -> float:
        return sum(times.user + times.system for times in (one.cpu_times() for one in self._tree()))

    def memory(self) -> int:
        return sum(one.memory_info().rss for one in self._tree())

    def _tree(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@contextlib.contextmanager
def upstream(core: int | None) -> Iterator[int]:
    """The port of a ``chat_upstream.py`` that runs as long as the block."""
    with running("chat_upstream.py", core=core) as ((port,), _):
        yield port


@contextlib.asynccontextmanager
async def serving(
    gateway: Gateway, program: Path, upstream_port: int, core: int | None, folder: Path
) -> AsyncIterator[Running]:
    """A gateway that answers in one of its formats at least. Raises Unavailable."""
    start = _start(program, upstream_port, folder)
    environment = {"HOME": str(folder), **gateway.environment(start)}
    with _process([*pinned(core), *map(str, gateway.command(start))], environment, folder) as process:
        running = Running(gateway, start.port, psutil.Process(process.pid))
        began = time.monotonic()
        while refusal := await _first_refusal(running):
            if process.poll() is not None or time.monotonic() - began > _START_SECONDS:
                raise Unavailable(f"does not start: {refusal}; {_last_words(folder)}")
            await asyncio.sleep(0.1)
        running.start_seconds = time.monotonic() - began
        for form in gateway.routes:
            if refusal := await _refusal(running, form, stream=False) or await _refusal(
                running, form, stream=True
            ):
                running.unfit[form] = refusal
        if len(running.unfit) == len(gateway.routes):
            raise Unavailable("; ".join(f"{form.value}: {refusal}" for form, refusal in running.unfit.items()))
        running.idle_bytes = running.memory()
        yield running


def _start(program: Path, upstream_port: int, folder: Path) -> Start:
    folder.mkdir()
    return Start(program, _free_port(), _free_port(), f"http://127.0.0.1:{upstream_port}", folder)


async def _first_refusal(running: Running) -> str:
    """Empty when one format is answered."""
    refusals = [await _refusal(running, form, stream=False) for form in running.gateway.routes]
    return "" if "" in refusals else refusals[0]


async def _refusal(running: Running, form: Format, *, stream: bool) -> str:
    """Empty when the answer is what the upstream said, word for word."""
    request = running.gateway.routes[form].request(form, Order(_WORDS, stream))
    try:
        async with asyncio.timeout(5):
            load = await loadgen.run(running.port, request, requests=1, connections=1)
    except (OSError, RuntimeError, TimeoutError) as error:
        return f"{type(error).__name__} {error}".split("\r\n")[0].strip()
    said = load.samples[0].body.count(b"word ")
    return "" if said == _WORDS else f"{said} words of {_WORDS}"


@contextlib.contextmanager
def _process(
    command: Sequence[str], environment: Mapping[str, str], folder: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """It sees nothing of the user's environment but the PATH, and ends with all that it started."""
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"], **environment},
            cwd=folder,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Its whole process group, since programs may leave children behind."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)


def _last_words(folder: Path) -> str:
    lines = [line for line in (folder / "log").read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it printed nothing"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
