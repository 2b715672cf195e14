"""Installs a suite into a folder of its own, once: a virtual environment, a source, npm's packages."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from foreign_suites.catalogue import Suite

_SECONDS: Final = 1200


class InstallError(Exception):
    """A suite cannot be had; the message says what went wrong."""


@dataclass(frozen=True, slots=True)
class Installed:
    """Where a suite lies. ``root`` is the folder that its tests are named from."""

    folder: Path
    root: Path

    @property
    def programs(self) -> Path:
        return self.folder / "python" / "bin"

    @property
    def python(self) -> Path:
        return self.programs / "python"


def install(suite: Suite, folder: Path, tell: Callable[[str], None]) -> Installed:
    """Installs the suite, unless what the catalogue asks for is there. Raises InstallError."""
    asked = "\n".join([*suite.requirements, *suite.packages, suite.source or ""])
    stamp = folder / "installed.txt"
    if not stamp.exists() or stamp.read_text() != asked:
        folder.mkdir(parents=True, exist_ok=True)
        _python(suite, folder, tell)
        if suite.source:
            _source(suite.source, folder, tell)
        if suite.packages:
            tell(f"npm installs {', '.join(suite.packages)}")
            _run(folder, _npm(folder), "install", "--no-audit", "--no-fund", "--prefix", ".", *suite.packages)
        stamp.write_text(asked)
    return Installed(folder, _root(suite, folder))


def _python(suite: Suite, folder: Path, tell: Callable[[str], None]) -> None:
    tell(f"pip installs {', '.join(suite.requirements)}")
    interpreter = folder / "python" / "bin" / "python"
    if not interpreter.exists():
        venv.create(folder / "python", with_pip=True)
    _run(folder, interpreter, "-m", "pip", "install", "--quiet", *suite.requirements)


def _source(requirement: str, folder: Path, tell: Callable[[str], None]) -> None:
    tell(f"pip fetches the source of {requirement}")
    name = requirement.partition("==")[0]
    pip: list[str | Path] = [folder / "python" / "bin" / "python", "-m", "pip"]
    got, source = folder / "got", folder / "source"
    for old in (got, source):
        shutil.rmtree(old, ignore_errors=True)
    _run(folder, *pip, "download", "--quiet", "--no-deps", "--no-binary", name, "--dest", got, requirement)
    archive = next(got.glob("*.tar.gz"), None)
    if archive is None:
        raise InstallError(f"pip brought no source of {requirement}.")
    with tarfile.open(archive) as opened:
        opened.extractall(folder / "unpacked", filter="data")
    next((folder / "unpacked").iterdir()).rename(source)
    shutil.rmtree(got)
    (folder / "unpacked").rmdir()


def _npm(folder: Path) -> Path:
    return folder / "python" / "bin" / "npm"


def _root(suite: Suite, folder: Path) -> Path:
    if suite.source:
        return folder / "source" / suite.root
    if suite.packages:
        return folder
    return next((folder / "python" / "lib").glob("python*/site-packages")) / suite.root


def _run(folder: Path, *command: str | Path) -> None:
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(str(error)) from error
    if done.returncode != 0:
        raise InstallError((done.stderr or done.stdout).strip())
