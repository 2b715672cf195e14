"""What geminid promises of itself, held against the figures of a run. Peers that did not run are not judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateways.base import Format
from gateways.figures import P50, P99, Figures
from gateways.measuring import PACED_STREAMS, UNARY, Side

_REQUESTS_A_SECOND = 1_200
_CHUNKS_A_SECOND = 20_000
_CHUNK_SECONDS = 50e-6
_ADDED_SECONDS = 1.5e-3
_PACED_SECONDS = 20e-3
_TIMES_LITELLM = 20
_SHARE_OF_LITELLM = 0.1
_CROWD = 64


@dataclass(frozen=True, slots=True)
class Goal:
    """``met`` is None where there is nothing to judge by."""

    text: str
    measured: str
    met: bool | None


def goals(figures: Figures) -> list[Goal]:
    ours = _side(figures, "geminid")
    if ours is None:
        return []
    return [*_alone(figures, ours), *_beside_litellm(figures, ours), *_beside_bifrost(figures, ours)]


def _side(figures: Figures, name: str) -> Side | None:
    found = (side for side in figures.sides if side.name == name and side.form is Format.GEMINI)
    return next(found, None)


def _alone(figures: Figures, ours: Side) -> Iterator[Goal]:
    rate = figures.saturated(ours, UNARY) or 0.0
    yield Goal(f"{_REQUESTS_A_SECOND:,} unary requests/s", f"{rate:,.0f}", rate >= _REQUESTS_A_SECOND)
    rate = figures.chunks_per_second(ours) or 0.0
    yield Goal(f"{_CHUNKS_A_SECOND:,} streamed chunks/s", f"{rate:,.0f}", rate >= _CHUNKS_A_SECOND)
    if (cost := figures.cpu_per_chunk(ours)) is not None:
        yield Goal("50 µs of CPU a chunk", f"{1e6 * cost:.1f} µs", cost <= _CHUNK_SECONDS)
    if (added := figures.added(ours, UNARY, P50[UNARY], 1)) is not None:
        yield Goal("1.5 ms added at concurrency 1, p50", f"{1e3 * added:.2f} ms", added <= _ADDED_SECONDS)
    if (late := figures.middle(ours, PACED_STREAMS, lambda one: one.p99)) is not None:
        yield Goal("paced streams delivered in 20 ms, p99", f"{1e3 * late:.1f} ms", late <= _PACED_SECONDS)


def _beside_litellm(figures: Figures, ours: Side) -> Iterator[Goal]:
    rate_text = f"{_TIMES_LITELLM} times the requests/s of LiteLLM"
    added_text = f"a tenth of LiteLLM's added p99, {_CROWD} at a time"
    theirs = _side(figures, "litellm")
    if theirs is None:
        yield from (Goal(rate_text, "-", None), Goal(added_text, "-", None))
        return
    rates = figures.saturated(ours, UNARY), figures.saturated(theirs, UNARY)
    if rates[0] and rates[1]:
        yield Goal(rate_text, f"{rates[0] / rates[1]:.1f} times", rates[0] / rates[1] >= _TIMES_LITELLM)
    added = [figures.added(side, UNARY, P99[UNARY], _CROWD) for side in (ours, theirs)]
    if added[0] is not None and added[1]:
        share = added[0] / added[1]
        yield Goal(added_text, f"{share:.3f}", share <= _SHARE_OF_LITELLM)


def _beside_bifrost(figures: Figures, ours: Side) -> Iterator[Goal]:
    text = "added p50 at concurrency 1 no worse than Bifrost's"
    theirs = _side(figures, "bifrost")
    added = [figures.added(side, UNARY, P50[UNARY], 1) if side else None for side in (ours, theirs)]
    if added[0] is None or added[1] is None:
        yield Goal(text, "-", None)
    else:
        yield Goal(text, f"{1e3 * added[0]:.2f} against {1e3 * added[1]:.2f} ms", added[0] <= added[1])
