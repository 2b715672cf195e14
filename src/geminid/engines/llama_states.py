"""The states of prefixes as files: what llama.cpp computed of them, so that it survives the process.

Called by ``llama_memory.py``. The child writes and reads the files (``llama_slot_routes.py``); here they are
named, found whole again, and kept to their room. A state holds its prompt: the folder is for its owner alone.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import re
import secrets
import shutil
import zlib
from collections import OrderedDict
from collections.abc import Collection, Iterator
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")
_STATE = re.compile(rf"(?P<key>{_KEY.pattern})\.(?P<crc>[0-9a-f]{{8}})\.state")
_PASSING = re.compile(r"passing-(?P<pid>\d+)-(?P<process>[0-9a-f]+)-\d+")
_PROCESS = secrets.token_hex(4)
"""Tells this process from an earlier one of the same number: in containers they all have the same."""
_NUMBERS = itertools.count()
_SAMPLE_BYTES = 1 << 20
_READ_BYTES = 1 << 20


def folder_of(root: Path, weights: Path) -> Path:
    """Where the states of these weights are. Of other weights, and of another llama.cpp, they would be wrong.

    The first and the last bytes of a model file tell it from others: its header, and the end of its tensors.
    """
    size = weights.stat().st_size
    digest = hashlib.sha256(f"{size} {version('xllamacpp')}".encode())
    with weights.open("rb") as file:
        digest.update(file.read(_SAMPLE_BYTES))
        file.seek(max(size - _SAMPLE_BYTES, 0))
        digest.update(file.read(_SAMPLE_BYTES))
    return root / f"{weights.stem}-{digest.hexdigest()[:16]}"


class States:
    """At most ``most_bytes`` of states, the least recently used go first. Several servers may share a folder."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self.folder = folder
        self._most = most_bytes
        self._names: OrderedDict[str, str] = OrderedDict()
        self._unchecked: set[str] = set()

    def open(self) -> None:
        """Finds what is there, and removes what nobody will use. Raises OSError."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for other in _of_the_same_model(self.folder):
            shutil.rmtree(other, ignore_errors=True)
        for file in sorted(self.folder.iterdir(), key=_last_used):
            if state := _STATE.fullmatch(file.name):
                self._names[state["key"]] = file.name
                self._unchecked.add(file.name)
            elif (passing := _PASSING.fullmatch(file.name)) and not _lives(
                int(passing["pid"]), passing["process"]
            ):
                file.unlink(missing_ok=True)

    def __contains__(self, key: object) -> bool:
        return key in self._names

    def keys(self) -> Collection[str]:
        return tuple(self._names)

    def passing(self) -> str:
        """A name for a file of this process alone, which is removed by it or after its end."""
        return f"passing-{os.getpid()}-{_PROCESS}-{next(_NUMBERS)}"

    def size(self, name: str) -> int:
        """Bytes; 0 where there is no such file."""
        with suppress(OSError):
            return (self.folder / name).stat().st_size
        return 0

    def remove(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)

    async def keep(self, name: str, key: str) -> None:
        """Has the file that was saved as ``name`` be the state of ``key``. Raises OSError."""
        if not _KEY.fullmatch(key):
            self.remove(name)
            return
        crc = await asyncio.to_thread(_crc, self.folder / name)
        self.forget([key])
        self._names[key] = f"{key}.{crc:08x}.state"
        (self.folder / name).rename(self.folder / self._names[key])
        self._make_room()

    async def find(self, key: str) -> str | None:
        """The name of the file, known to be whole; None where there is none."""
        name = self._names.get(key) or self._kept_by_others(key)
        if name is None:
            return None
        try:
            if name in self._unchecked and not await asyncio.to_thread(self._is_whole, name):
                self.forget([key])
                return None
            self._unchecked.discard(name)
            os.utime(self.folder / name)
        except OSError:
            self.forget([key])
            return None
        self._names.move_to_end(key)
        return name

    def forget(self, keys: Collection[str]) -> None:
        for key in keys:
            if (name := self._names.pop(key, None)) is not None:
                self._unchecked.discard(name)
                self.remove(name)

    def _kept_by_others(self, key: str) -> str | None:
        """Those who share the folder."""
        if _KEY.fullmatch(key) is None:
            return None
        for file in self.folder.glob(f"{key}.*.state"):
            self._names[key] = file.name
            self._unchecked.add(file.name)
            return file.name
        return None

    def _is_whole(self, name: str) -> bool:
        state = _STATE.fullmatch(name)
        return state is not None and _crc(self.folder / name) == int(state["crc"], 16)

    def _make_room(self) -> None:
        sizes = {key: self.size(name) for key, name in self._names.items()}
        excess = sum(sizes.values()) - self._most
        for key, size in sizes.items():
            if excess <= 0:
                break
            self.forget([key])
            excess -= size


def _of_the_same_model(folder: Path) -> Iterator[Path]:
    stem = folder.name.rpartition("-")[0]
    for other in folder.parent.iterdir():
        if other.name.rpartition("-")[0] == stem and other != folder:
            yield other


def _crc(file: Path) -> int:
    crc = 0
    with file.open("rb") as content:
        while piece := content.read(_READ_BYTES):
            crc = zlib.crc32(piece, crc)
    return crc


def _last_used(file: Path) -> float:
    with suppress(OSError):
        return file.stat().st_mtime
    return 0.0


def _lives(pid: int, process: str) -> bool:
    if pid == os.getpid():
        return process == _PROCESS
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
