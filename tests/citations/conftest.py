"""Texts that are on every machine, and a way to put texts into an index."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path
from typing import TypeAlias

import pytest

from geminid.citations.library import Details, Library

Add: TypeAlias = Callable[..., Library]

PLAIN = Details()

_DEBIAN = Path("/usr/share/common-licenses")


class Heard:
    """A Progress that remembers what it was told."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.total = 0
        self.done = 0

    def start(self, label: str, total: int | None, done: int) -> None:
        self.total += total or 0

    def advance(self, amount: int) -> None:
        self.done += amount

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Where the index is."""
    return tmp_path / "state" / "citations"


@pytest.fixture
def add(tmp_path: Path, shelf: Path, heard: Heard) -> Add:
    """Writes a text to a file of this name and adds it, to be cited as the ``Details`` say."""

    def add(name: str, text: str, details: Details = PLAIN) -> Library:
        path = tmp_path / "texts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        library = Library(shelf)
        library.add([str(path)], details, heard)
        return library

    return add


@pytest.fixture(scope="session")
def licence() -> str:
    """The Apache License, of about 1,600 words."""
    if (_DEBIAN / "Apache-2.0").exists():
        return (_DEBIAN / "Apache-2.0").read_text()
    files = distribution("aiohttp").files or ()
    return next(file.read_text() for file in files if file.name == "LICENSE.txt")


@pytest.fixture(scope="session")
def book() -> str:
    """Some thousand words: Debian's GPL or, elsewhere, a module of the standard library."""
    return (_DEBIAN / "GPL-3" if (_DEBIAN / "GPL-3").exists() else Path(argparse.__file__)).read_text()
