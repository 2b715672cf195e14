"""Ray in an environment of its own, and a deployment on a node that these tests start and end.

Nothing here runs unless it is asked for: ``make ray``, or ``pytest -m ray tests/deploy/ray``. It takes 700 MB
of disk, 2 GB of memory and two minutes. GEMINID_RAY_PYTHON names an interpreter that has all of it already.
"""

from __future__ import annotations

import os
import subprocess
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import psutil
import pytest

ROOT = Path(__file__).parents[3]
NEEDED = [
    # geminid[ray]
    "ray[serve]>=2.60,<3",
    # What ray.serve.llm imports, but for vLLM.
    "boto3",
    "jsonref",
    "pyarrow",
    # The schemas of Kubernetes' own kinds.
    "kubernetes-validate>=1.37",
]
INSTALL_SECONDS = 900
DEPLOY_SECONDS = 180
KEY = "a-key-for-this-test"

CONFIG = """
[deploy.ray]
engine = "small"
replicas = 2
cores = 1
port = {port}
head_port = 0
key_env = "RAY_TEST_KEY"

[engines.small]
kind = "llama"
slots = 4
context_tokens = 2048
"""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "ray: installs Ray and runs it; not in `make test`")


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    return None if config.option.markexpr == "ray" else True


@pytest.fixture(scope="session")
def ray_python() -> Path:
    """An interpreter that has Ray and this checkout; the one that runs the tests has no Ray."""
    if given := os.environ.get("GEMINID_RAY_PYTHON"):
        return Path(given)
    folder = platformdirs.user_cache_path("geminid", appauthor=False) / "clients" / "python" / "ray"
    interpreter = folder / "bin" / "python"
    if not (folder / ".installed").exists():
        venv.create(folder, clear=True, with_pip=True)
        command = [str(interpreter), "-m", "pip", "install", "--quiet", "--editable", str(ROOT), *NEEDED]
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        assert done.returncode == 0, done.stderr
        (folder / ".installed").touch()
    return interpreter


@dataclass(frozen=True, slots=True)
class Deployment:
    """What ``geminid deploy`` is called with, and where its service is."""

    python: Path
    folder: Path
    port: int
    environment: dict[str, str]

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """``geminid deploy ARGUMENTS``."""
        program = "from geminid.cli.deploy import app; app()"
        return subprocess.run(
            [str(self.python), "-c", program, *arguments, "--config", str(self.folder / "geminid.toml")],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=DEPLOY_SECONDS,
        )

    def processes(self) -> list[psutil.Process]:
        """All that were started for it, by the variable that all of them inherit."""
        return [process for process in psutil.process_iter() if _state_of(process) == str(self.folder)]

    def replicas(self) -> list[psutil.Process]:
        return [process for process in self.processes() if "ServeReplica" in " ".join(_words(process))]

    def children(self) -> list[psutil.Process]:
        """The llama.cpp servers."""
        return [process for process in self.processes() if "geminid.engines.llama_child" in _words(process)]

    @property
    def server(self) -> Path:
        """The configuration of a server whose engine it is, in the lines that the command has printed."""
        return self.folder / "ray.toml"


def _words(process: psutil.Process) -> list[str]:
    try:
        words: list[str] = process.cmdline()
        return words
    except psutil.Error:
        return []


def _state_of(process: psutil.Process) -> str | None:
    """Ray's workers write names over their arguments; this variable is one of the few that the children get."""
    try:
        return process.environ().get("LLAMA_OF_RAY_TEST")
    except psutil.Error:
        return None


@pytest.fixture(scope="session")
def undeployed(
    ray_python: Path, tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]
) -> Deployment:
    folder = tmp_path_factory.mktemp("ray")
    port, stats, metrics, fallback = (free_port() for _ in range(4))
    (folder / "geminid.toml").write_text(CONFIG.format(port=port))
    environment = {
        **os.environ,
        "GEMINID_STATE": str(folder),
        "LLAMA_OF_RAY_TEST": str(folder),
        "RAY_TEST_KEY": KEY,
        "RAY_SERVE_HAPROXY_STATS_PORT": str(stats),
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(metrics),
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(fallback),
    }
    return Deployment(ray_python, folder, port, environment)


@pytest.fixture(scope="session")
def deployment(undeployed: Deployment) -> Iterator[Deployment]:
    """Two replicas that run."""
    try:
        done = undeployed.call("ray", "--wait", "120")
        assert done.returncode == 0, done.stderr
        undeployed.server.write_text(f'engine = "ray"\n\n{done.stdout}')
        yield undeployed
    finally:
        undeployed.call("down")
        left = undeployed.processes()
        for process in left:
            process.kill()
        assert not left, "`down` left processes running"
