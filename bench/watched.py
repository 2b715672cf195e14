"""``geminid serve`` as its own process, with the lines that it logs and the memory of all its processes.

Used by the benchmarks of media. Memory is resident, in bytes.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

_SAMPLE_SECONDS = 0.1
_ROLES = {"geminid.media.worker": "worker", "recogniser_child": "recogniser", "llama_child": "engine"}
"""What a child of the server is, by a word of its command."""


@dataclass(slots=True)
class Server:
    """``lines`` are those of its log, each with the monotonic time at which it came."""

    port: int
    process: psutil.Process
    lines: list[tuple[float, str]] = field(default_factory=list)

    def children(self, role: str) -> list[psutil.Process]:
        return [child for child in self.process.children() if _role(child) == role]

    def logged(self, text: str, since: float = 0.0) -> list[str]:
        return [line for at, line in self.lines if at >= since and text in line]

    def wait_for(self, holds: Callable[[], object], seconds: float = 60.0) -> float:
        """The seconds until ``holds``. Raises TimeoutError."""
        started = time.monotonic()
        while not holds():
            if time.monotonic() - started > seconds:
                raise TimeoutError
            time.sleep(0.01)
        return time.monotonic() - started


@contextlib.contextmanager
def serving(config: Path) -> Iterator[Server]:
    """A server that is ready, started with a configuration file, which says everything."""
    command = [sys.executable, "-m", "geminid", "serve", "--verbose", "--config", str(config)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    server = Server(0, psutil.Process(process.pid))
    ready = threading.Event()
    threading.Thread(target=_follow, args=(process, server, ready), daemon=True).start()
    try:
        if not ready.wait(120) or not server.port:
            raise RuntimeError("\n".join(line for _, line in server.lines[-20:]))
        yield server
    finally:
        process.terminate()
        process.wait(30)


def configured(folder: Path, engine: str, **media: Any) -> Path:
    """Writes a configuration file: free ports, ``engine``, and keys of ``[media]``."""
    buckets: Mapping[str, str] = media.pop("buckets", {})
    lines = [f"engine = {json.dumps(engine)}", "[server]", "port = 0", "grpc_port = 0", "tls_port = 0", "[media]"]
    lines += [f"{key} = {json.dumps(value)}" for key, value in media.items()]
    lines += ["[media.buckets]", *(f"{json.dumps(name)} = {json.dumps(path)}" for name, path in buckets.items())]
    path = folder / "geminid.toml"
    path.write_text("\n".join(lines))
    return path


def scripted(folder: Path, *, media: bool = False, context_tokens: int = 1_048_576) -> str:
    """The engine expression of a scripted engine, which without ``media`` is blind and deaf."""
    path = folder / "script.json"
    path.write_text(json.dumps({"sees": media, "hears": media, "context_tokens": context_tokens}))
    return f"scripted:{path}"


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@dataclass(slots=True)
class Memory:
    """``samples`` are bytes by role, one each tenth of a second."""

    samples: list[dict[str, int]] = field(default_factory=list)

    def peak(self, role: str) -> int:
        return max((sample.get(role, 0) for sample in self.samples), default=0)

    def growth(self, role: str) -> int:
        """From the first sample to the highest."""
        return self.peak(role) - self.samples[0].get(role, 0)

    def at(self, share: float, role: str) -> int:
        """When that share of the time was over."""
        return self.samples[min(len(self.samples) - 1, int(share * len(self.samples)))].get(role, 0)


@contextlib.contextmanager
def memory_of(server: Server) -> Iterator[Memory]:
    """Samples the server and its children as long as the block lasts. Of several workers the largest counts."""
    memory = Memory([_sample(server.process)])
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_SAMPLE_SECONDS):
            memory.samples.append(_sample(server.process))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield memory
    finally:
        over.set()
        thread.join()


def megabytes(count: float) -> str:
    return f"{count / 1e6:,.0f} MB"


def _follow(process: subprocess.Popen[str], server: Server, ready: threading.Event) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        server.lines.append((time.monotonic(), line.rstrip()))
        if found := re.search(r"listens on http://\S+?:(\d+)", line):
            server.port = int(found[1])
        if line.startswith("ready"):
            ready.set()
    ready.set()


def _sample(process: psutil.Process) -> dict[str, int]:
    sample = {"server": process.memory_info().rss}
    for child in process.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            role = _role(child)
            sample[role] = max(sample.get(role, 0), child.memory_info().rss)
    return sample


def _role(process: psutil.Process) -> str:
    try:
        command = " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""
    return next((role for word, role in _ROLES.items() if word in command), "")
