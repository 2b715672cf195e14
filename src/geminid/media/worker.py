"""The worker process: decodes files that nobody trusts, one after the other, until one of them is bad.

Run by ``worker_process.py`` as ``python -m geminid.media.worker PARENT``, with a socket as its standard input on
which it gets jobs and gives answers (``frames.py``). A job ``image.look`` is the function ``look`` of
``geminid.media.image``, called with the open file and the arguments; it returns one result or yields several.

Whatever a decoder raises that is not a refusal of ours ends the process, as a crash does, and the next file gets
another one.
"""

from __future__ import annotations

import importlib
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, BinaryIO, NoReturn

import msgspec

from geminid.errors import ApiError
from geminid.media import confinement
from geminid.media.frames import LENGTH, Answer, Broken, Done, Job, Missing, Refused, Result, Taken, encode

_PRELOADED = (
    *("PIL.PngImagePlugin", "PIL.JpegImagePlugin", "PIL.GifImagePlugin", "PIL.BmpImagePlugin"),
    *("PIL.TiffImagePlugin", "PIL.WebPImagePlugin", "pillow_heif", "pypdfium2"),
    *("geminid.media.image", "geminid.media.document"),
)
"""What takes longest to import. A package that is missing is missed by the jobs that need it."""
_NICENESS = 5
"""Decoding gives way to the server and to the engine."""
_OPEN_FILES = 64
_MOST_MEMORY_BYTES = 8 * 1024**3


def main() -> NoReturn:
    connection = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    _withdraw(parent=int(sys.argv[1]))
    _tell_what_breaks(connection)
    _say(connection, Done())
    while given := _next_job(connection):
        _say(connection, Taken())
        _do(*given, connection)
    os._exit(0)


def _withdraw(parent: int) -> None:
    """When this returns, nothing of the machine is left to the process but processor time and memory."""
    confinement.leave_streams()
    confinement.leave_network()
    confinement.die_with_parent(parent)
    os.nice(_NICENESS)
    for module in _PRELOADED:
        with suppress(ImportError):
            importlib.import_module(module)
    nowhere = tempfile.mkdtemp()
    os.chdir(nowhere)
    os.rmdir(nowhere)
    confinement.leave_files()
    confinement.limit("CORE", 0, 0)
    confinement.limit("FSIZE", 0, 0)
    confinement.limit("NOFILE", _OPEN_FILES, _OPEN_FILES)
    confinement.limit("AS", _MOST_MEMORY_BYTES, _MOST_MEMORY_BYTES)


def _next_job(connection: socket.socket) -> tuple[Job, BinaryIO] | None:
    """None when the parent is gone, or has no more."""
    head, descriptors, _, _ = socket.recv_fds(connection, LENGTH.size, 1)
    if not head:
        return None
    body = connection.recv(LENGTH.unpack(head)[0], socket.MSG_WAITALL)
    return msgspec.msgpack.decode(body, type=Job), os.fdopen(descriptors[0], "rb")


def _do(job: Job, file: BinaryIO, connection: socket.socket) -> None:
    confinement.limit("AS", job.memory_bytes)
    confinement.limit("CPU", int(time.process_time()) + 1 + job.cpu_seconds)
    try:
        with file:
            for result in _results(job, file):
                _say(connection, Result(result))
        _say(connection, Done())
    except ApiError as error:
        _say(connection, Refused(error.code, error.message))
        os._exit(0)
    except ImportError as error:
        _say(connection, Missing((error.name or "").partition(".")[0]))
        os._exit(0)


def _results(job: Job, file: BinaryIO) -> Iterator[Any]:
    module, _, function = job.name.partition(".")
    result = getattr(importlib.import_module(f"geminid.media.{module}"), function)(file, **job.arguments)
    if isinstance(result, Iterator):
        yield from result
    else:
        yield result


def _say(connection: socket.socket, answer: Answer) -> None:
    """Waits where the parent does not keep up. Without a parent the process has no purpose."""
    try:
        connection.sendall(encode(answer))
    except OSError:
        os._exit(0)


def _tell_what_breaks(connection: socket.socket) -> None:
    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _say(connection, Broken.by(kind, trace))
        os._exit(1)

    sys.excepthook = tell


if __name__ == "__main__":
    main()
