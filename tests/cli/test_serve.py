"""``geminid serve`` as a process."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

GEMINID = [sys.executable, "-m", "geminid"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run([*GEMINID, *arguments], capture_output=True, text=True, timeout=60, env=environment)


@contextmanager
def serving(*flags: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server that is ready, and its port."""
    command = [
        *GEMINID,
        "serve",
        "--port",
        "0",
        "--grpc-port",
        "0",
        "--tls-port",
        "0",
        "--engine",
        "scripted",
        *flags,
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"NO_COLOR": "1"})
    assert process.stderr is not None
    try:
        banner = process.stderr.readline()
        found = re.fullmatch(r"geminid listens on http://127\.0\.0\.1:(\d+)\n", banner)
        assert found, banner
        assert process.stderr.readline().startswith("gRPC on 127.0.0.1:")
        assert process.stderr.readline() == "ready\n"
        yield process, int(found[1])
    finally:
        process.kill()
        process.communicate()


def test_version_and_help() -> None:
    assert re.fullmatch(r"geminid \d+\.\d+\.\d+\n", run("--version").stdout)
    assert "serve" in run("--help").stdout


def test_help_imports_nothing_heavy() -> None:
    heavy = {"uvicorn", "starlette", "aiohttp", "xllamacpp", "google.protobuf", "huggingface_hub"}

    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, geminid.cli; print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip

    assert heavy & set(loaded) == set()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_0(number: signal.Signals) -> None:
    with serving() as (process, _):
        process.send_signal(number)

        assert process.wait(30) == 0


def test_health() -> None:
    with serving() as (_, port):
        for path in ("livez", "readyz"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}") as response:
                assert response.status == 200


def test_a_stream_is_finished_before_it_ends(tmp_path: Path) -> None:
    script = tmp_path / "slow.json"
    script.write_text('{"answers": [{"chunks": ["one", {"text": " two", "delay_ms": 700}]}]}')
    body = b'{"contents": {"parts": {"text": "Count"}}}'
    with serving("--engine", f"scripted:{script}") as (process, port):
        url = f"http://127.0.0.1:{port}/v1/publishers/google/models/gemini-1.5-flash:streamGenerateContent?alt=sse"
        with urllib.request.urlopen(url, body) as response:
            first = response.readline()
            process.send_signal(signal.SIGINT)
            rest = response.read()

        assert b'"text": "one"' in first
        assert b'"finishReason": "STOP"' in rest
        assert process.wait(30) == 0


def test_it_is_ready_at_once() -> None:
    """In the time that it works itself: a busy machine may keep it waiting."""
    started = time.monotonic()
    with serving() as (process, _):
        times = psutil.Process(process.pid).cpu_times()
        assert times.user + times.system < 5
        assert time.monotonic() - started < 30


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        result = run("serve", "--engine", "scripted", "--port", port, "--grpc-port", "0", "--tls-port", "0")

    assert result.returncode == 2
    assert port in result.stderr
    assert "--port" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--engine", "magic"], "'magic' is neither an engine nor a model that is known"),
        (["--engine", "scripted", "--model", "my-model=scripted"], "model 'my-model' is not known"),
        (["--engine", "scripted", "--model", "nonsense"], "--model 'nonsense' is not of the form GEMINI_ID=LOCAL"),
        (["--engine", "scripted:/nowhere.json"], "/nowhere.json"),
        (["--config", "/nowhere.toml"], "/nowhere.toml"),
        (["--engine", "scripted", "--port", "70000"], "$.server.port"),
    ],
)
def test_what_cannot_start_says_why(flags: list[str], words: str) -> None:
    result = run("serve", *flags)

    assert result.returncode == 2
    assert words in result.stderr.replace("\n", " ")
    assert "Traceback" not in result.stderr


def test_it_takes_as_many_open_files_as_it_may_have() -> None:
    program = """
import resource
from geminid.cli.worker import take_descriptors

soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (min(300, hard), hard))
take_descriptors()
print(resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard))
"""

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert said == "True\n"
