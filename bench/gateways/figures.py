"""Readings as figures: medians over rounds, in seconds.

What a side adds is its time less the direct one of the same round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

from gateways.measuring import (
    BRIEF,
    BRIEF_STREAMS,
    CONCURRENCY,
    LONG,
    LONG_STREAMS,
    PACED_STREAMS,
    STREAM,
    UNARY,
    Failure,
    Reading,
    Side,
)

Figure: TypeAlias = Callable[[Reading], float]

P50: dict[str, Figure] = {UNARY: lambda one: one.p50, STREAM: lambda one: one.first_p50}
P99: dict[str, Figure] = {UNARY: lambda one: one.p99, STREAM: lambda one: one.first_p99}
"""Of whole answers, or of the first bytes of streams."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The readings of one run."""

    sides: Sequence[Side]
    readings: Sequence[Reading]
    failures: Sequence[Failure]

    @property
    def others(self) -> float:
        """The share of the gateways' core that went to other processes."""
        return sum(one.others_seconds for one in self.readings) / sum(one.seconds for one in self.readings)

    def of(self, side: Side, what: str, connections: int | None = None) -> list[Reading]:
        return [
            one
            for one in self.readings
            if one.side is side and one.what == what and connections in (None, one.connections)
        ]

    def middle(self, side: Side, what: str, figure: Figure, connections: int | None = None) -> float | None:
        values = [figure(one) for one in self.of(side, what, connections)]
        return median(values) if values else None

    def added(self, side: Side, what: str, figure: Figure, connections: int | None = None) -> float | None:
        """Seconds beyond the direct answer."""
        direct = {one.round: figure(one) for one in self.of(self.sides[0], what, connections)}
        values = [
            figure(one) - direct[one.round] for one in self.of(side, what, connections) if one.round in direct
        ]
        return median(values) if values else None

    def saturated(self, side: Side, what: str) -> float | None:
        """Answers a second at the number of connections that suits the side best."""
        rates = [self.middle(side, what, lambda one: one.per_second, many) for many in CONCURRENCY]
        return max((rate for rate in rates if rate is not None), default=None)

    def cpu_per_request(self, side: Side) -> float | None:
        return self.middle(side, UNARY, lambda one: one.cpu_each, 16)

    def cpu_per_chunk(self, side: Side) -> float | None:
        """Seconds of CPU for each chunk beyond those of a brief answer, when they come as fast as they can."""
        brief, long = (self.middle(side, what, lambda one: one.cpu_each) for what in (BRIEF_STREAMS, LONG_STREAMS))
        return None if brief is None or long is None else (long - brief) / (LONG - BRIEF)

    def cpu_per_paced_chunk(self, side: Side, words: int) -> float | None:
        """The same where every chunk comes alone: in paced streams of so many words."""
        brief = self.middle(side, BRIEF_STREAMS, lambda one: one.cpu_each)
        paced = self.middle(side, PACED_STREAMS, lambda one: one.cpu_each)
        return None if brief is None or paced is None else (paced - brief) / (words - BRIEF)

    def chunks_per_second(self, side: Side) -> float | None:
        return self.middle(side, LONG_STREAMS, lambda one: one.per_second * LONG)
