"""What each language needs to run a sample: its client libraries, made ready once in a folder that is kept."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, assert_never

from seed_samples.extract import Language
from seed_samples.program import Program

INSTALL_SECONDS = 900

_POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>samples</groupId>
  <artifactId>samples</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>com.google.cloud</groupId>
      <artifactId>google-cloud-vertexai</artifactId>
      <version>1.48.0</version>
    </dependency>
  </dependencies>
</project>
"""

_NODE_PACKAGES = ("@google-cloud/vertexai", "@google/genai", "openai")

_GO_PACKAGE = "cloud.google.com/go/vertexai/genai"
"""It brings the version of google.golang.org/api that fits it, and that the samples import too."""


class ToolchainError(Exception):
    """A language's tools or libraries are not to be had; the message says which."""


class Toolchain(Protocol):
    def prepare(self) -> None:
        """Installs what is missing. Raises ToolchainError."""

    def command(self, folder: Path, program: Program) -> list[str]:
        """Writes the program into the folder, and says how it is started there. Raises ToolchainError."""


def toolchain(language: Language, *, cache: Path, python: str) -> Toolchain:
    """``cache`` is where libraries are kept, ``python`` the interpreter that has Google's."""
    match language:
        case Language.PYTHON:
            return _Direct(python)
        case Language.CURL:
            return _Direct("sh")
        case Language.NODE:
            return _Node(cache / "node")
        case Language.JAVA:
            return _Java(cache / "java")
        case Language.GO:
            return _Go(cache / "go")
        case _:
            assert_never(language)


class _Direct:
    """An interpreter that needs nothing more."""

    def __init__(self, interpreter: str) -> None:
        self._interpreter = interpreter

    def prepare(self) -> None:
        pass

    def command(self, folder: Path, program: Program) -> list[str]:
        _write(folder, program)
        return [self._interpreter, program.main]


class _Node:
    def __init__(self, cache: Path) -> None:
        self._cache = cache

    def prepare(self) -> None:
        if (self._cache / "node_modules" / "openai").is_dir():
            return
        self._cache.mkdir(parents=True, exist_ok=True)
        _install(["npm", "install", "--prefix", ".", *_NODE_PACKAGES], self._cache)

    def command(self, folder: Path, program: Program) -> list[str]:
        _write(folder, program)
        (folder / "node_modules").symlink_to(self._cache / "node_modules")
        return ["node", program.main]


class _Java:
    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._classpath = cache / "classpath"

    def prepare(self) -> None:
        if self._classpath.is_file():
            return
        self._cache.mkdir(parents=True, exist_ok=True)
        (self._cache / "pom.xml").write_text(_POM)
        goal = "dependency:build-classpath"
        _install(["mvn", "-q", "-B", goal, "-Dmdep.outputFile=classpath.new"], self._cache)
        (self._cache / "classpath.new").rename(self._classpath)

    def command(self, folder: Path, program: Program) -> list[str]:
        _write(folder, program)
        return ["java", "-cp", self._classpath.read_text().strip(), program.main]


class _Go:
    def __init__(self, cache: Path) -> None:
        self._cache = cache

    def prepare(self) -> None:
        if (self._cache / "go.sum").is_file():
            return
        self._cache.mkdir(parents=True, exist_ok=True)
        (self._cache / "go.mod").write_text("module samples\n\ngo 1.21\n")
        try:
            _install(["go", "get", f"{_GO_PACKAGE}@latest"], self._cache)
        except ToolchainError:
            (self._cache / "go.sum").unlink(missing_ok=True)
            raise

    def command(self, folder: Path, program: Program) -> list[str]:
        """Builds it, so that only the program itself runs under geminid."""
        _write(folder, program)
        for name in ("go.mod", "go.sum"):
            (folder / name).write_bytes((self._cache / name).read_bytes())
        _install(["go", "build", "-mod=mod", "-o", "sample", "."], folder)
        return ["./sample"]


def _write(folder: Path, program: Program) -> None:
    for name, text in program.files.items():
        (folder / name).write_text(text, encoding="utf-8")


def _install(command: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except FileNotFoundError:
        raise ToolchainError(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise ToolchainError(f"{command[0]} took more than {INSTALL_SECONDS} s") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines() or ["it did not say why"]
        raise ToolchainError(f"{command[0]}: {lines[-1]}")
