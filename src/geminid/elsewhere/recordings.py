"""Exchanges as files: one to a file in a folder that is written, also as lines of JSONL where they are read.

Written by ``gates/record.py``, read once for ``replay.py`` when the server starts.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import re
import secrets
from pathlib import Path

from geminid.elsewhere.exchanges import Exchange, ExchangeError, read, written

_log = logging.getLogger(__name__)

_UNSAFE = re.compile(r"[^\w.-]+")


class Recordings:
    """A folder to write to. Names begin with the time, so that their order is that of the calls."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder. Raises OSError."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._run = secrets.token_hex(2)
        self._numbers = itertools.count(1)

    async def keep(self, exchange: Exchange) -> None:
        """Returns when it is in its file, whole. What cannot be written is logged: the answer was given."""
        try:
            await asyncio.to_thread(self._write, self._name(exchange), exchange)
        except OSError as error:
            _log.error("an exchange was not recorded: %s", error)

    def _name(self, exchange: Exchange) -> str:
        time = f"{exchange.time:%Y%m%dT%H%M%S.%f}" if exchange.time else "0"
        model = _UNSAFE.sub("-", exchange.model)[:100]
        return f"{time}-{self._run}-{next(self._numbers):06d}-{exchange.method.verb}-{model}.json"

    def _write(self, name: str, exchange: Exchange) -> None:
        unfinished = self._folder / f".{name}.part"
        file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "wb") as out:
            out.write(written(exchange))
        unfinished.replace(self._folder / name)


def recorded(path: Path) -> list[Exchange]:
    """Those of a file or of a folder, in the order of names and lines. Raises ExchangeError naming the place."""
    if not path.exists():
        raise ExchangeError(f"there is no {path}.")
    files = [path]
    if path.is_dir():
        files = sorted(one for one in path.iterdir() if one.suffix in (".json", ".jsonl"))
    exchanges = [exchange for file in files for exchange in _in(file)]
    if not exchanges:
        raise ExchangeError(f"{path} has no recorded exchange.")
    return exchanges


def _in(file: Path) -> list[Exchange]:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ExchangeError(f"cannot read {file}: {error.strerror}") from error
    if file.suffix != ".jsonl":
        return [_one(content, str(file), file.name)]
    lines = enumerate(content.splitlines(), 1)
    return [
        _one(line, f"{file}, line {number}", f"{file.name}:{number}") for number, line in lines if line.strip()
    ]


def _one(document: bytes, place: str, source: str) -> Exchange:
    try:
        return read(document, source)
    except ExchangeError as error:
        raise ExchangeError(f"{place}: {error}") from error
