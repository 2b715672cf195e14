"""Token buckets in the memory of one server: ``storage/records.Buckets`` where nothing is shared.

They begin full, and one that is full again is forgotten. Asked by ``gates/quotas.py``.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import OrderedDict
from dataclasses import dataclass

MOST = 1 << 16
"""Buckets in about 30 MB. Beyond them some are forgotten before they are full: where anybody may name any
project, names without end must not take memory without end."""

_LOOKED_AT = 2
"""With every use of a bucket, so that no more than half of those that are kept are full."""

_ROUNDING = 1e-9
_MICROSECOND = 1e-6
"""What a bucket gets in it nobody can wait for: times are no finer."""


@dataclass(frozen=True, slots=True)
class _Bucket:
    """What was in it at ``filled``, and when it will be full; seconds since 1970."""

    level: float
    filled: float
    full: float


class LocalBuckets:
    """Implements ``records.Buckets``; 0.0 or infinite seconds are told as there. Keeps ``most`` at most."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    async def take(self, key: str, amount: float, *, per_minute: float, burst: float, now: dt.datetime) -> float:
        """0.0 where ``amount`` was taken, else in how many seconds it could be."""
        rate = per_minute / 60
        level, filled = self._level(key, rate, burst, now)
        enough = min(amount, burst)
        if level < enough - rate * _MICROSECOND - burst * _ROUNDING:
            return (enough - level) / rate if rate > 0 else math.inf
        self._put(key, level - amount, filled, rate, burst)
        return 0.0

    async def settle(self, key: str, amount: float, *, per_minute: float, burst: float, now: dt.datetime) -> None:
        """Takes ``amount`` even where it is not there, which the bucket then owes; gives it back if negative."""
        rate = per_minute / 60
        level, filled = self._level(key, rate, burst, now)
        self._put(key, level - amount, filled, rate, burst)

    def _level(self, key: str, rate: float, burst: float, now: dt.datetime) -> tuple[float, float]:
        """What is in a bucket, and the time of that: a clock that was set back takes nobody back."""
        second = now.timestamp()
        bucket = self._buckets.get(key)
        if bucket is None:
            return burst, second
        latest = max(bucket.filled, second)
        return min(burst, bucket.level + rate * (latest - bucket.filled)), latest

    def _put(self, key: str, level: float, filled: float, rate: float, burst: float) -> None:
        full = filled + (burst - level) / rate if rate > 0 else math.inf
        self._buckets[key] = _Bucket(level, filled, full)
        for _ in range(min(_LOOKED_AT, len(self._buckets))):
            key, bucket = self._buckets.popitem(last=False)
            if bucket.full > filled and len(self._buckets) < self._most:
                self._buckets[key] = bucket
