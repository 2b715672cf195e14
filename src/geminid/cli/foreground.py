"""Runs a program in the place of this one: signals are passed on to it, and its end is told as shells tell it.

Called by ``geminid run`` inside its event loop. POSIX only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import Process
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

_PASSED_ON: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)

_OF_THE_TERMINAL: Final = (signal.SIGINT, signal.SIGQUIT)


class Foreground:
    """One program. ``ended_by`` is the signal that came before there was one."""

    def __init__(self) -> None:
        self.ended_by: int | None = None
        self._process: Process | None = None
        self._begins = False
        self._early: list[signal.Signals] = []

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Takes the signals of this process. One that comes before the program runs cancels the task."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        for number in _PASSED_ON:
            loop.add_signal_handler(number, self._pass_on, number, task)
        try:
            yield
        finally:
            for number in _PASSED_ON:
                loop.remove_signal_handler(number)

    async def run(self, program: str, arguments: Sequence[str], environment: Mapping[str, str]) -> int:
        """The exit code, or 128 and the number of the signal that ended it. Raises OSError if it cannot begin."""
        self._begins = True  # and may run before the next line has ended
        self._process = await asyncio.create_subprocess_exec(program, *arguments, env=dict(environment))
        for number in self._early:
            self._send(self._process, number)
        code = await self._process.wait()
        return code if code >= 0 else 128 - code

    def _pass_on(self, number: signal.Signals, task: asyncio.Task[object]) -> None:
        if self._process is not None:
            self._send(self._process, number)
        elif self._begins:
            self._early.append(number)
        else:
            self.ended_by = number
            task.cancel()

    def _send(self, process: Process, number: signal.Signals) -> None:
        if number in _OF_THE_TERMINAL and _in_foreground():
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)


def _in_foreground() -> bool:
    """Whether this process group has the terminal, which then sends its signals to the program by itself.

    A signal that another process sent cannot be told from those, and is lost. Twice would be worse than never:
    many programs take the second for an order to end at once.
    """
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
