"""One child process of the embedded engine, from its start to its end. Restarting is for ``llama.py`` to decide.

The child is ``llama_child.py``; this is the parent's side of the two lines that they exchange.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

_KEPT_LINES = 200
_KEPT_LINE_BYTES = 320
"""200 lines of 320 bytes are 64 KB."""
_READ_BYTES = 4096
_LAST_WORDS_SECONDS = 1.0
_STAMP = re.compile(r"^[\d.]+ (?=[A-Z] )")

COMMAND = (sys.executable, "-m", "geminid.engines.llama_child")

_PASSED_ON = re.compile(
    r"PATH|PYTHON\w*|VIRTUAL_ENV|(LD|DYLD)_LIBRARY_PATH|HOME|TMPDIR|LANG|LC_\w+|SYSTEMROOT"
    r"|(OMP|GOMP|KMP|GGML|LLAMA|CUDA|HIP|ROCR|VK)_\w+"
)
"""What the child sees of the environment: not the keys that other programs' settings hold."""


class StartFailed(Exception):
    """The child ended, or said nothing for too long; the message is one line for the operator."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a child is to serve. None leaves the choice to ``llama_sizing``; ``states`` is where it saves slots."""

    weights: Path
    projector: Path | None = None
    threads: int | None = None
    slots: int | None = None
    context_tokens: int | None = None
    states: Path | None = None


class Told(msgspec.Struct, frozen=True):
    """What the child says when it listens."""

    port: int
    slots: int
    context_tokens: int
    control_tokens: list[str]


class LlamaProcess:
    """A running child. ``told`` is known when ``start`` returns."""

    def __init__(self, process: asyncio.subprocess.Process, job: Job, log: Callable[[str], None]) -> None:
        self.key = secrets.token_urlsafe(32)
        self._process = process
        self._private = {f"{file.parent}{os.sep}" for file in (job.weights, job.projector) if file}
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._log = log
        self._loaded = False
        self._reading = asyncio.create_task(self._read_log())

    @classmethod
    async def start(
        cls, job: Job, log: Callable[[str], None], seconds: float, command: Sequence[str] = COMMAND
    ) -> tuple[LlamaProcess, Told]:
        """Returns when the model is loaded. Raises StartFailed; nothing is left running then."""
        child = cls(await _spawn(command), job, log)
        try:
            async with asyncio.timeout(seconds):
                told = await child._introduce(job)
        except TimeoutError as error:
            await child._end(0)
            raise StartFailed(f"the model was not loaded within {seconds:g} s") from error
        except (OSError, msgspec.DecodeError) as error:
            await child._end(_LAST_WORDS_SECONDS)
            raise StartFailed(child.epitaph) from error
        except asyncio.CancelledError:
            await child._end(0)
            raise
        return child, told

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def epitaph(self) -> str:
        """How it ended: the status, and its last line, or its first if the model could not be loaded."""
        line = self._lines[-1 if self._loaded else 0] if self._lines else ""
        status = self._process.returncode
        how = f"killed by signal {-status}" if status and status < 0 else f"exit status {status}"
        return f"llama.cpp ended ({how}){': ' if line else ''}{line}"

    async def wait(self) -> None:
        """Returns when the process is gone and its log is read."""
        await self._process.wait()
        await asyncio.wait([self._reading], timeout=_LAST_WORDS_SECONDS)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()

    async def stop(self, seconds: float) -> None:
        """Asks it to end, and after so many seconds makes it."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        await self._end(seconds)

    async def _end(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._process.wait()
        self.kill()
        await self.wait()
        self._reading.cancel()

    async def _introduce(self, job: Job) -> Told:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        line = msgspec.json.encode(
            {
                "parent": os.getpid(),
                "key": self.key,
                "weights": str(job.weights),
                "projector": str(job.projector) if job.projector else None,
                "threads": job.threads,
                "slots": job.slots,
                "context_tokens": job.context_tokens,
                "states": str(job.states) if job.states else None,
            }
        )
        self._process.stdin.write(line + b"\n")
        await self._process.stdin.drain()
        told = msgspec.json.decode(await self._process.stdout.readline(), type=Told)
        self._loaded = True
        return told

    async def _read_log(self) -> None:
        assert self._process.stderr is not None
        rest = b""
        while received := await self._process.stderr.read(_READ_BYTES):
            *lines, rest = (rest + received).split(b"\n")
            rest = rest[:_KEPT_LINE_BYTES]
            for line in lines:
                self._note(line)
        if rest:
            self._note(rest)

    def _note(self, line: bytes) -> None:
        text = line[:_KEPT_LINE_BYTES].decode(errors="replace")
        for folder in self._private:
            text = text.replace(folder, "")
        text = _STAMP.sub("", text).strip()
        if text:
            self._lines.append(text)
            self._log(text)


async def _spawn(command: Sequence[str]) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    try:
        # In a session of its own, so that a terminal's Ctrl-C is not for it: streams are drained first.
        return await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=pipe, env=_environment(os.environ), start_new_session=True
        )
    except OSError as error:
        raise StartFailed(f"the child cannot be started: {error.strerror}") from error


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if _PASSED_ON.fullmatch(name)}
