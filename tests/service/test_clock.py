from __future__ import annotations

import datetime as dt

from geminid.service.clock import SteadyClock


def test_it_is_the_time_of_day_and_never_goes_back() -> None:
    clock = SteadyClock()

    told = [clock() for _ in range(100)]

    assert told == sorted(told)
    assert abs(told[-1] - dt.datetime.now(dt.UTC)) < dt.timedelta(seconds=5)
