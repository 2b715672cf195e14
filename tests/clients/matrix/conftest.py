"""Libraries for many languages, installed once by their own package managers into the user's cache.

Nothing here runs unless it is asked for: ``make clients``, or ``pytest -m clients tests/clients/matrix``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import platformdirs
import pytest

INSTALL_SECONDS = 900

_POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>clients</groupId>
  <artifactId>clients</artifactId>
  <version>1</version>
  <dependencies>{dependencies}</dependencies>
</project>
"""
_DEPENDENCY = """
    <dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "clients: installs client libraries and runs them; not in `make test`")


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    return None if config.option.markexpr == "clients" else True


@pytest.fixture(scope="session")
def cache() -> Path:
    return platformdirs.user_cache_path("geminid", appauthor=False) / "clients"


def install(folder: Path, *commands: Sequence[str | Path]) -> Path:
    """Runs the commands in a new folder, unless they once succeeded there."""
    done = folder / ".installed"
    if done.exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for command in commands:
        run(folder, *command)
    done.touch()
    return folder


def run(folder: Path, *command: str | Path) -> None:
    """Runs a command to its good end. Skips the test when the program is not there."""
    words = [str(word) for word in command]
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not installed")
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    assert done.returncode == 0, done.stderr or done.stdout


def _slug(words: Sequence[str]) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", "_".join(words)).strip("-")


InstallPython: TypeAlias = Callable[..., Path]


@pytest.fixture(scope="session")
def python_with(cache: Path) -> InstallPython:
    """Makes an environment of these requirements; gives back its interpreter."""

    def python_with(*requirements: str) -> Path:
        folder = cache / "python" / _slug(requirements)
        interpreter = folder / "bin" / "python"
        if not (folder / ".installed").exists():
            venv.create(folder, clear=True, with_pip=True)
            run(folder, interpreter, "-m", "pip", "install", "--quiet", *requirements)
            (folder / ".installed").touch()
        return interpreter

    return python_with


@pytest.fixture(scope="session")
def node_modules(cache: Path) -> Callable[..., Path]:
    """Installs these packages by this npm; gives back the folder that holds them."""

    def node_modules(*packages: str, npm: str | Path = "npm") -> Path:
        folder = cache / ("node" if npm == "npm" else "node-newest") / _slug(packages)
        return install(folder, [npm, "install", "--prefix", ".", *packages]) / "node_modules"

    return node_modules


class Server(Protocol):
    url: str


@pytest.fixture
def gemini_cli(node_modules: Callable[..., Path], tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Has gemini-cli answer one prompt in an empty folder; gives back the events that it prints."""

    def gemini_cli(server: Server, account: str, prompt: str) -> list[dict[str, Any]]:
        program = node_modules("@google/gemini-cli") / ".bin" / "gemini"
        settings = tmp_path / ".gemini" / "settings.json"
        settings.parent.mkdir()
        settings.write_text(json.dumps({"security": {"auth": {"selectedType": account}}}))
        done = subprocess.run(
            ["node", program, "-m", "gemini-2.5-flash", "-o", "stream-json", "-p", prompt],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **_account(server, account)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return gemini_cli


def _account(server: Server, account: str) -> dict[str, str]:
    if account == "gemini-api-key":
        own = {"GEMINI_API_KEY": "any", "GOOGLE_GEMINI_BASE_URL": server.url}
    else:
        own = {
            "GOOGLE_GENAI_USE_VERTEXAI": "true",
            "GOOGLE_VERTEX_BASE_URL": server.url,
            "GOOGLE_CLOUD_PROJECT": "p",
            "GOOGLE_CLOUD_LOCATION": "us-central1",
            "GCE_METADATA_HOST": server.url.removeprefix("http://"),
        }
    return own | {"GEMINI_CLI_TRUST_WORKSPACE": "true"}


@pytest.fixture(scope="session")
def go_program(cache: Path) -> Callable[[Path, str], Path]:
    """Builds the program of a folder with the newest version of a module; gives back the executable."""

    def go_program(source: Path, module: str) -> Path:
        commands = (["go", "mod", "init", "clients"], ["go", "get", f"{module}@latest"])
        folder = install(cache / "go" / source.name, *commands)
        shutil.copy(source / "main.go", folder)
        run(folder, "go", "build", "-mod=mod", "-o", "ask", ".")
        return folder / "ask"

    return go_program


@pytest.fixture(scope="session")
def classpath(cache: Path) -> Callable[..., str]:
    """Fetches artifacts (``group:name:version``) and what they need; gives back a class path."""

    def classpath(*artifacts: str) -> str:
        folder = cache / "java" / _slug(artifacts)
        if not (folder / ".installed").exists():
            folder.mkdir(parents=True, exist_ok=True)
            dependencies = "".join(_DEPENDENCY.format(*artifact.split(":")) for artifact in artifacts)
            (folder / "pom.xml").write_text(_POM.format(dependencies=dependencies))
            run(folder, "mvn", "-q", "-B", "dependency:build-classpath", "-Dmdep.outputFile=classpath")
            (folder / ".installed").touch()
        return (folder / "classpath").read_text().strip()

    return classpath
