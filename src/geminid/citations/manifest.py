"""The one file of an index that changes: which sources there are, and which segments their texts are in.

Written by ``library``, read by ``index`` too. It is replaced whole: a reader sees all of a change or nothing.
"""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Final

import msgspec

from geminid.citations.base import CitationsError
from geminid.citations.segment_writer import PARTIAL
from geminid.judgement import Date

NAME: Final = "manifest.json"


class Source(msgspec.Struct, frozen=True):
    """What was added by one argument: a file, a folder or a page. ``size`` is in bytes, as it was read."""

    id: int
    origin: str
    added: dt.datetime
    uri: str = ""
    title: str = ""
    license: str = ""
    date: Date | None = None
    texts: int = 0
    words: int = 0
    size: int = 0


class Piece(msgspec.Struct, frozen=True):
    """A segment: the name of its file, the bytes of its texts, and the sources that these are of."""

    name: str
    size: int
    sources: tuple[int, ...]


class Manifest(msgspec.Struct, frozen=True):
    """``version`` is that of the form. ``next`` numbers sources and files, each once. Oldest first."""

    version: int = 1
    next: int = 1
    sources: tuple[Source, ...] = ()
    pieces: tuple[Piece, ...] = ()


def read(folder: Path) -> Manifest:
    """The empty one where there is none. Raises CitationsError."""
    path = folder / NAME
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return Manifest()
    except OSError as error:
        raise CitationsError(f"{path} cannot be read: {error.strerror}.") from error
    except msgspec.MsgspecError as error:
        raise CitationsError(f"{path} is damaged: {error}.") from error
    if manifest.version != 1:
        raise CitationsError(f"{path} was made by another version of geminid: remove the folder and add again.")
    return manifest


def write(folder: Path, manifest: Manifest) -> None:
    """Raises OSError."""
    partial = folder / (NAME + PARTIAL)
    with partial.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / NAME)
