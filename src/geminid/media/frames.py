"""What ``workers.py`` and its worker processes say to each other. Words only: both ends do their own I/O.

A frame is a MessagePack value behind its length in four bytes. The file of a job travels beside its frame, as a
descriptor.
"""

from __future__ import annotations

import struct
from types import TracebackType
from typing import Any, TypeAlias

import msgspec

LENGTH = struct.Struct(">I")
MOST_BYTES = 96 * 1024 * 1024
"""The longest frame: 4096 x 4096 pixels of three bytes, and room beside them."""


class Job(msgspec.Struct, frozen=True):
    """``name`` is a decoder and its function: ``image.look``. The limits are those of ``workers.Limits``."""

    name: str
    arguments: dict[str, Any]
    memory_bytes: int
    cpu_seconds: int


class Taken(msgspec.Struct, frozen=True, tag=True):
    """The worker is there and has the job; from here on it is the file that answers for what happens to it."""


class Result(msgspec.Struct, frozen=True, tag=True):
    value: Any


class Done(msgspec.Struct, frozen=True, tag=True):
    """There are no more results, and the worker takes the next job. Also said once at its start."""


class Refused(msgspec.Struct, frozen=True, tag=True):
    """A google.rpc code and the text for the client. The worker ends."""

    code: int
    message: str


class Missing(msgspec.Struct, frozen=True, tag=True):
    """A package that the job needs is not installed. The worker ends."""

    package: str


class Broken(msgspec.Struct, frozen=True, tag=True):
    """An exception that nobody expected; ``what`` is one line for the log. The worker ends."""

    what: str

    @classmethod
    def by(cls, kind: type[BaseException], trace: TracebackType | None) -> Broken:
        """The class and the line, not the message: that may hold an address or a part of the file."""
        while trace and trace.tb_next:
            trace = trace.tb_next
        where = f" at {trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace else ""
        return cls(f"{kind.__name__}{where}")


Answer: TypeAlias = Taken | Result | Done | Refused | Missing | Broken


def encode(value: Job | Answer) -> bytes:
    body = msgspec.msgpack.encode(value)
    return LENGTH.pack(len(body)) + body


def answer(body: bytes | bytearray) -> Answer:
    """Raises ``msgspec.DecodeError`` for what is none."""
    return _ANSWERS.decode(body)


_ANSWERS: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)
