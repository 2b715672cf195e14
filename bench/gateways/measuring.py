"""What is asked of every gateway, and of the upstream itself, in turns within one run.

A *side* is a way to the answer: a gateway in one format, or the upstream asked directly. Every round asks every
side for everything, in an order that turns, so that a noisy machine is noisy for all.
"""

from __future__ import annotations

import contextlib
import gc
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import loadgen
from gateways.base import Format, Order, Route
from gateways.machine import busy_seconds
from gateways.ours import WORDS
from gateways.running import Running
from loadgen import Load

DIRECT = "direct"
CONCURRENCY = (1, 16, 64, 256)
BRIEF, USUAL, LONG = WORDS
"""Words of an answer: the two that a chunk's cost is the difference of, and the one between of all else."""

UNARY, STREAM = "unary", "stream"
BRIEF_STREAMS, LONG_STREAMS, PACED_STREAMS = "brief streams", "long streams", "paced streams"

_STAMP = re.compile(rb"@(\d+);")
_STAMP_BYTES = 32


@dataclass(frozen=True, slots=True)
class Side:
    """``running`` is None for the upstream itself, whose CPU time and memory are nobody's concern."""

    name: str
    form: Format
    port: int
    route: Route
    running: Running | None = None

    def request(self, order: Order) -> bytes:
        return self.route.request(self.form, order)

    @property
    def paces(self) -> bool:
        """Doubles do not know when a word was sent."""
        return self.running is None or self.running.gateway.forwards

    def cpu_seconds(self) -> float:
        return self.running.cpu_seconds() if self.running else 0.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One block: one side, asked one thing, in one round.

    Times are seconds: ``p50`` and ``p99`` of whole answers, in paced streams from the sending of a word to its
    arrival; ``first_p50`` and ``first_p99`` until the first byte of an answer's body. ``others_seconds`` is what
    others took of the gateways' core meanwhile.
    """

    round: int
    side: Side
    what: str
    connections: int
    requests: int
    seconds: float
    cpu_seconds: float
    others_seconds: float
    p50: float
    p99: float
    first_p50: float
    first_p99: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_each(self) -> float:
        return self.cpu_seconds / self.requests


@dataclass(frozen=True, slots=True)
class Failure:
    """A block that a side did not get through."""

    round: int
    side: Side
    what: str
    connections: int
    reason: str


@dataclass(frozen=True, slots=True)
class Effort:
    """How long is measured: so many rounds, so many seconds a block, so many seconds of paced streams.

    ``core`` is the gateways'.
    """

    rounds: int
    seconds: float
    paced_seconds: int
    core: int | None
    streams: int = 64
    pace: int = 20

    @property
    def paced_words(self) -> int:
        return self.pace * self.paced_seconds


def sides(upstream_port: int, running: Sequence[Running]) -> list[Side]:
    direct = Side(DIRECT, Format.OPENAI, upstream_port, Route("/v1/chat/completions", model="scripted"))
    through = [
        Side(one.gateway.name, form, one.port, route, one)
        for one in running
        for form, route in one.gateway.routes.items()
        if form not in one.unfit
    ]
    return [direct, *through]


async def measure(
    asked: Sequence[Side], effort: Effort, tell: Callable[[str], None]
) -> tuple[list[Reading], list[Failure]]:
    """All rounds, after one that does not count: some programs are compiled while they run."""
    readings: list[Reading] = []
    failures: list[Failure] = []
    gc.disable()  # its pauses would be read as the gateways'
    try:
        for side in asked:
            await _warm(side, effort)
        for number in range(effort.rounds):
            for block in _blocks(effort):
                tell(f"round {number + 1} of {effort.rounds}: {block.what}, {block.connections} at a time")
                for side in _turned(asked, number):
                    if block.order.pace and not side.paces:
                        continue
                    try:
                        readings.append(await _read(number, side, block, effort))
                    except (RuntimeError, OSError) as error:
                        reason = str(error).split("\r\n")[0]
                        failures.append(Failure(number, side, block.what, block.connections, reason))
                    gc.collect()
    finally:
        gc.enable()
    return readings, failures


async def _warm(side: Side, effort: Effort) -> None:
    for order in (Order(USUAL, stream=False), Order(USUAL, stream=True)):
        with contextlib.suppress(RuntimeError, OSError):
            await loadgen.run_for(side.port, side.request(order), seconds=effort.seconds, connections=16)


@dataclass(frozen=True, slots=True)
class _Block:
    what: str
    order: Order
    connections: int


def _blocks(effort: Effort) -> Iterator[_Block]:
    for connections in CONCURRENCY:
        yield _Block(UNARY, Order(USUAL, stream=False), connections)
        yield _Block(STREAM, Order(USUAL, stream=True), connections)
    yield _Block(BRIEF_STREAMS, Order(BRIEF, stream=True), 16)
    yield _Block(LONG_STREAMS, Order(LONG, stream=True), 16)
    yield _Block(PACED_STREAMS, Order(effort.paced_words, True, effort.pace), effort.streams)


def _turned(asked: Sequence[Side], number: int) -> Sequence[Side]:
    at = number % len(asked)
    return [*asked[at:], *asked[:at]]


async def _read(number: int, side: Side, block: _Block, effort: Effort) -> Reading:
    request, connections = side.request(block.order), block.connections
    before, busy = side.cpu_seconds(), busy_seconds(effort.core)
    if block.order.pace:
        load = await loadgen.run(side.port, request, requests=connections, connections=connections)
    else:
        load = await loadgen.run_for(side.port, request, seconds=effort.seconds, connections=connections)
    spent = side.cpu_seconds() - before
    others = max(0.0, busy_seconds(effort.core) - busy - spent)
    times = _lateness(load) if block.order.pace else [sample.total for sample in load.samples]
    return Reading(
        number, side, block.what, connections, len(load.samples), load.seconds, spent, others,
        _percentile(times, 0.5), _percentile(times, 0.99),
        load.percentile(0.5, of="first"), load.percentile(0.99, of="first"),
    )  # fmt: skip


def _lateness(load: Load) -> list[float]:
    """From the upstream's sending of each word to its arrival."""
    late = []
    for sample in load.samples:
        rest = b""
        for arrived, piece in sample.pieces:
            text = rest + piece
            end = 0
            for stamp in _STAMP.finditer(text):
                late.append((arrived - int(stamp[1])) / 1e9)
                end = stamp.end()
            rest = text[max(end, len(text) - _STAMP_BYTES) :]
    return late


def _percentile(values: list[float], share: float) -> float:
    if not values:
        raise RuntimeError("no word of a paced stream arrived as it was sent")
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
