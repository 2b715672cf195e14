"""geminid as users run it: a process of its own, on a free port."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest


@dataclass(frozen=True, slots=True)
class Server:
    """A running geminid."""

    port: int
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def _serve(*flags: str) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, "-m", "geminid", "serve", "--port", "0", "--grpc-port", "0", "--tls-port", "0", *flags],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"NO_COLOR": "1"},
    )
    assert process.stderr is not None
    try:
        port = 0
        for line in process.stderr:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                port = int(found[1])
            if line.startswith("ready"):
                break
        else:
            pytest.fail(f"geminid did not start, exit code {process.wait()}")
        yield Server(port, process)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 0


@pytest.fixture(scope="session")
def embedded() -> Iterator[Server]:
    """The default server: the embedded model."""
    yield from _serve()


@pytest.fixture(scope="session")
def scripted() -> Iterator[Server]:
    """A server whose answer is fixed."""
    yield from _serve("--engine", "scripted")
