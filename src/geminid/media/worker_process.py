"""One worker process, from its start to its end, and the socket to it. Who does what is for ``workers.py``."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress

from geminid.media import frames
from geminid.media.base import Content

_START_SECONDS = 30.0
_TAKE_SECONDS = 10.0
_MANY_BYTES = 256 * 1024
"""More are copied by a thread: 20 MB take 5 ms."""

_PASSED_ON = re.compile(r"PATH|PYTHON(PATH|HOME|UTF8)|VIRTUAL_ENV|(LD|DYLD)_LIBRARY_PATH|TMPDIR|LANG|LC_\w+")
"""What a worker sees of the environment: what Python needs to start, and no keys."""


class NotStarted(Exception):
    """The process could not be started or did not get ready; the message is one line for the operator."""


class Gone(Exception):
    """The worker did not take the job; it has not seen the file."""


class WorkerProcess:
    """A running worker. ``jobs`` counts those that it took."""

    def __init__(self, process: asyncio.subprocess.Process, connection: socket.socket) -> None:
        self.jobs = 0
        self._process = process
        self._connection = connection

    @classmethod
    async def start(cls) -> WorkerProcess:
        """Returns when it has loaded its decoders and shut itself in. Raises NotStarted; nothing is left then."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            try:
                process = await _spawn(theirs.fileno())
            except OSError as error:
                ours.close()
                raise NotStarted(error.strerror) from error
        worker = cls(process, ours)
        ready = False
        try:
            async with asyncio.timeout(_START_SECONDS):
                ready = isinstance(await worker.receive(), frames.Done)
        except (EOFError, ConnectionError, TimeoutError) as error:
            raise NotStarted(f"it ended with status {await worker.end()} before it was ready") from error
        finally:
            if not ready:
                worker.kill()
                ours.close()
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs and, as an idle worker should, says nothing."""
        if self._process.returncode is not None:
            return False
        try:
            self._connection.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    async def begin(self, job: frames.Job, content: Content) -> None:
        """Hands over a job and its file. Raises Gone, or the file's OSError."""
        descriptor = await _descriptor(content)
        try:
            async with asyncio.timeout(_TAKE_SECONDS):
                await self._hand_over(frames.encode(job), descriptor)
        except (EOFError, ConnectionError, TimeoutError) as error:
            raise Gone from error
        finally:
            os.close(descriptor)
        self.jobs += 1

    async def receive(self) -> frames.Answer:
        """The next frame. Raises EOFError or ConnectionError at the end, DecodeError for nonsense."""
        (length,) = frames.LENGTH.unpack(await self._read(frames.LENGTH.size))
        if length > frames.MOST_BYTES:
            raise EOFError
        return frames.answer(await self._read(length))

    async def _hand_over(self, frame: bytes, descriptor: int) -> None:
        head, body = frame[: frames.LENGTH.size], frame[frames.LENGTH.size :]
        # The worker waits and the socket is empty: the four bytes never block.
        socket.send_fds(self._connection, [head], [descriptor])
        await asyncio.get_running_loop().sock_sendall(self._connection, body)
        if not isinstance(await self.receive(), frames.Taken):
            raise EOFError

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()

    async def end(self) -> int:
        """Kills it if it is still there; returns its exit status, negative for a signal. Idempotent."""
        if self._at_end():
            # It has ended by itself: how, is worth waiting for.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), 1.0)
        self.kill()
        status = await self._process.wait()
        self._connection.close()
        return status

    def _at_end(self) -> bool:
        try:
            return self._connection.recv(1, socket.MSG_PEEK) == b""
        except OSError:
            return False

    async def _read(self, size: int) -> bytearray:
        loop = asyncio.get_running_loop()
        buffer = bytearray(size)
        view = memoryview(buffer)
        while view:
            received = await loop.sock_recv_into(self._connection, view)
            if not received:
                raise EOFError
            view = view[received:]
        return buffer


async def _spawn(standard_input: int) -> asyncio.subprocess.Process:
    """In a session of its own, so that a terminal's Ctrl-C is not for it, and without its parent's open files."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-B", "-m", "geminid.media.worker", str(os.getpid())),
        stdin=standard_input,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env=_environment(os.environ),
        start_new_session=True,
    )


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if _PASSED_ON.fullmatch(name)}


async def _descriptor(content: Content) -> int:
    """Open for reading, at the beginning. Bytes go into memory that has no name."""
    if not isinstance(content, bytes):
        return os.open(content, os.O_RDONLY | os.O_CLOEXEC)
    if len(content) > _MANY_BYTES:
        return await asyncio.to_thread(_unnamed, content)
    return _unnamed(content)


def _unnamed(content: bytes) -> int:
    if sys.platform == "linux":
        descriptor = os.memfd_create("media", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    with open(descriptor, "wb", closefd=False) as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
