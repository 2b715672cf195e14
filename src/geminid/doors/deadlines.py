"""The clocks of one HTTP connection: its next deadline, whether its client reads, whether a body arrives.

Not what happens then, which is ``doors/http1.py``. Times are those of the event loop, in seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

Due: TypeAlias = tuple[float, Callable[[], None]]
"""A deadline and what to do once it has passed."""


class Alarm:
    """One timer for all deadlines of a connection.

    Whoever moves a deadline later need not say so: ``due`` is asked when the timer fires, and the timer is set
    again. So a request that arrives in one read, and its response, cost no timer.
    """

    __slots__ = ("_due", "_loop", "_timer", "_when")

    def __init__(self, loop: asyncio.AbstractEventLoop, due: Callable[[], Due | None]) -> None:
        self._loop = loop
        self._due = due
        self._timer: asyncio.TimerHandle | None = None
        self._when = 0.0

    def arm(self, when: float) -> None:
        """Asks ``due`` at ``when`` or before."""
        if self._timer is not None:
            if self._when <= when:
                return
            self._timer.cancel()
        self._when = when
        self._timer = self._loop.call_at(when, self._fire)

    def end(self) -> None:
        """Nothing is due any more. Lets go of the connection, which has this: a cycle of references would stay."""
        self._due = _nothing
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        due = self._due()
        if due is None:
            return
        when, act = due
        if when > self._loop.time():
            self.arm(when)
        else:
            act()


def _nothing() -> None:
    """What is due once the connection is over."""


class Outflow:
    """Since when the client has taken nothing of what waits to be sent."""

    __slots__ = ("_since", "_transport", "_unsent")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._unsent = 0
        self._since = 0.0

    def pending(self) -> bool:
        return self._transport.get_write_buffer_size() > 0

    def stuck_since(self, now: float) -> float:
        """Bytes that are added count as no progress, so ask only while nobody writes."""
        unsent = self._transport.get_write_buffer_size()
        if not self._unsent or unsent < self._unsent:
            self._since = now
        self._unsent = unsent
        return self._since

    def moved(self) -> None:
        self._unsent = 0


class Inflow:
    """How the bytes of a request arrive.

    ``first`` is the size of the read that it began in, which may hold the end of the request before; ``wire``
    counts the reads after that, and ``body`` the bytes of the body without chunk sizes.
    """

    __slots__ = ("_judged", "_read", "body", "first", "since", "wire")

    def __init__(self) -> None:
        self._read = 0
        self.begin()

    def begin(self) -> None:
        """A request begins in the current read. ``since`` stays 0 until a deadline depends on it."""
        self.first = self._read
        self.since = 0.0
        self.wire = self.body = self._judged = 0

    def arrived(self, size: int) -> None:
        """``size`` more bytes came from the socket."""
        self._read = size
        self.wire += size

    def restart(self, now: float) -> None:
        """The rate is judged from now on."""
        self.since = now
        self._judged = self.body

    def brought(self) -> int:
        """Body bytes since the rate was last judged."""
        return self.body - self._judged
