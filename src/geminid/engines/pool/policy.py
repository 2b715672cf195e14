"""What a pool may do, in numbers. Made by ``build/engines.py`` from the settings; read by this package."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Seconds and shares.

    ``check_seconds``: between two health checks of a replica, give or take a fifth. ``first_event_seconds``: how
    long a replica may be silent before its first event; then it has failed. ``tries``: at so many replicas a call
    is tried, as long as nothing of an answer has come. ``hedge_seconds``: after so long a silence another replica
    is asked beside the first; 0 for never.

    After ``failures`` in a row a replica is ejected: for ``ejection_seconds``, each time twice as long, up to
    ``longest_ejection``; of all replicas never more than ``most_ejected``. One that came back takes its full share
    only after ``slow_start_seconds``.

    A call goes where the beginning of its prompt lies, unless its load there would be more than ``overload`` times
    the least. Where nothing of it lies anywhere, it goes to its home within ``home_overload`` times.
    """

    check_seconds: float = 5.0
    first_event_seconds: float = 60.0
    tries: int = 3
    hedge_seconds: float = 0.0
    failures: int = 3
    ejection_seconds: float = 5.0
    longest_ejection: float = 300.0
    most_ejected: float = 0.5
    slow_start_seconds: float = 30.0
    overload: float = 2.0
    home_overload: float = 1.25


DEFAULT = Policy()
