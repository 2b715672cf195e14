"""Programs of this folder as processes of their own, each on the core that it is given."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

_STOP_SECONDS = 10


@contextlib.contextmanager
def running(program: str, *arguments: str, core: int | None = None) -> Iterator[tuple[list[int], psutil.Process]]:
    """The ports that a program prints in its first line, and its process, as long as the block."""
    command = [*pinned(core), sys.executable, str(Path(__file__).with_name(program)), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield [int(port) for port in process.stdout.readline().split()], psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(_STOP_SECONDS)


def pinned(core: int | None) -> list[str]:
    """What a command begins with that is to have this core alone."""
    return ["taskset", "-c", str(core)] if core is not None else []
