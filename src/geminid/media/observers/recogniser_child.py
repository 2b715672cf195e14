"""The process of a recogniser: loads one model and does the jobs that come in, one by one.

Run by ``recogniser.py`` as ``python -m geminid.media.observers.recogniser_child PARENT MODULE ARGUMENTS…``, with
frames (``frames.py``) on its standard input and output. What goes wrong in a job ends the process.
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from types import TracebackType
from typing import BinaryIO, NoReturn

import msgspec

from geminid.media import confinement
from geminid.media.frames import LENGTH, Answer, Broken, Done, Job, Missing, Result, encode

_NICENESS = 5
"""Recognition gives way to the server and to the engine."""


def main() -> NoReturn:
    # Taken away from the libraries, which may print.
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    parent, module, *arguments = sys.argv[1:]
    _tell_what_breaks(answers)
    confinement.leave_streams()
    confinement.leave_network()
    confinement.die_with_parent(int(parent))
    confinement.limit("CORE", 0, 0)
    os.nice(_NICENESS)
    try:
        recognise = importlib.import_module(module).load(*arguments)
    except ImportError as error:
        _say(answers, Missing((error.name or "").partition(".")[0]))
        os._exit(1)
    confinement.leave_files()
    _say(answers, Done())
    while job := _next_job(jobs):
        confinement.limit("AS", job.memory_bytes)
        confinement.limit("CPU", int(time.process_time()) + 1 + job.cpu_seconds)
        _say(answers, Result(recognise(**job.arguments)))
    os._exit(0)


def _next_job(jobs: BinaryIO) -> Job | None:
    """None when the parent has no more, or is gone."""
    head = jobs.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    return msgspec.msgpack.decode(jobs.read(LENGTH.unpack(head)[0]), type=Job)


def _say(answers: BinaryIO, answer: Answer) -> None:
    """Without a parent the process has no purpose."""
    try:
        answers.write(encode(answer))
        answers.flush()
    except OSError:
        os._exit(0)


def _tell_what_breaks(answers: BinaryIO) -> None:
    def tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        _say(answers, Broken.by(kind, trace))
        os._exit(1)

    sys.excepthook = tell


if __name__ == "__main__":
    main()
