"""Makes the faster file of a model that has one, out of the file that was fetched, beside it in the cache.

The arithmetic is a process's of its own, ``to_q8_0.py``, which writes the file to a pipe; here it is hashed, shown
and stored as a download is. The package's ``fetch`` calls this, and goes on without where it fails.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from geminid.engines.weights import cache
from geminid.engines.weights.pins import Conversion, Progress, WeightsError

COMMAND = (sys.executable, "-m", "geminid.engines.weights.to_q8_0")

_CHUNK = 1 << 20


def place(conversion: Conversion) -> Path:
    return cache.place(conversion.sha256, conversion.file_name)


def convert(original: Path, conversion: Conversion, progress: Progress, command: Sequence[str] = COMMAND) -> Path:
    """The faster file, after making it if need be, at some 200 MB/s.

    ``command`` is given the path of the original. Raises WeightsError, and leaves nothing behind then.
    """
    final = place(conversion)
    if cache.has(final, conversion.size):
        return final
    with cache.exclusive(final, lambda first: _waits(final, progress, first)):
        if cache.has(final, conversion.size):
            return final
        cache.require_room(final.parent, conversion.size)
        progress.start(f"converting to {conversion.file_name}", conversion.size, 0)
        with cache.Partial(final, resumes=False) as partial:
            _run([*command, str(original)], partial, progress)
            if partial.sha256 != conversion.sha256:
                raise WeightsError(f"{conversion.file_name} came out with another sha256, {partial.sha256}.")
            return partial.commit()


def _run(command: Sequence[str], partial: cache.Partial, progress: Progress) -> None:
    """Pours what ``command`` writes into ``partial``. Raises WeightsError when it cannot be started or fails."""
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe)
    except OSError as error:
        raise WeightsError(f"The conversion cannot be started: {error.strerror}.") from error
    with process:
        assert process.stdout
        assert process.stderr
        while chunk := process.stdout.read(_CHUNK):
            partial.append(chunk)
            progress.advance(len(chunk))
        words = _last_line(process.stderr)
    if process.returncode:
        raise WeightsError(f"The conversion ended with status {process.returncode}{words}.")


def _last_line(stream: IO[bytes]) -> str:
    """The end of a traceback, or what the program ended with."""
    line = stream.read().decode(errors="replace").strip().rpartition("\n")[2].strip().rstrip(".")
    return f": {line}" if line else ""


def _waits(final: Path, progress: Progress, first: bool) -> None:
    if first:
        progress.note(f"Another process is making {final.name}. Waiting for it.")
    progress.advance(0)
