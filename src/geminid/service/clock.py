"""The time that expirations are held against: it does not go back when the clock of the machine does."""

from __future__ import annotations

import datetime as dt
import sys
import time


class SteadyClock:
    """Tells the time of day, in UTC: that of the machine, or the one at the start and what has passed since.

    The later of the two, so that nothing lives beyond its time, whichever way the machine's clock is set.
    """

    def __init__(self) -> None:
        self._started = dt.datetime.now(dt.UTC)
        self._mark = _running()

    def __call__(self) -> dt.datetime:
        passed = self._started + dt.timedelta(seconds=_running() - self._mark)
        return max(passed, dt.datetime.now(dt.UTC))


def _running() -> float:
    """Seconds that go on while the machine sleeps, where there is such a clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()
