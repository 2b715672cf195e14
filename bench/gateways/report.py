"""Figures as tables and as JSON. Milliseconds and microseconds in tables, seconds in JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from gateways.base import Format
from gateways.figures import P50, P99, Figures
from gateways.goals import goals
from gateways.machine import Machine
from gateways.measuring import CONCURRENCY, DIRECT, PACED_STREAMS, STREAM, UNARY, Effort, Reading
from gateways.running import Running


def print_tables(console: Console, figures: Figures, running: Sequence[Running], effort: Effort) -> None:
    console.print(_latency(figures, UNARY, "a whole answer"))
    console.print(_latency(figures, STREAM, "the first byte of a stream"))
    console.print(_capacity(figures))
    console.print(_paced(figures, effort))
    console.print(_processes(running))
    console.print(_goals(figures))
    console.print(f"Others took {figures.others:.0%} of the gateways' core, on average.")
    for failure in figures.failures:
        console.print(
            f"FAILED {failure.side.name} ({failure.side.form.value}), {failure.what}, "
            f"{failure.connections} at a time: {failure.reason}",
            markup=False,
        )


def _latency(figures: Figures, what: str, until: str) -> Table:
    table = Table(title=f"{what}: ms until {until}, beyond the upstream asked directly; p50 / p99")
    table.add_column("gateway")
    table.add_column("format")
    for connections in CONCURRENCY:
        table.add_column(f"{connections} at a time", justify="right")
    for side in figures.sides:
        of = figures.middle if side.name == DIRECT else figures.added
        cells = [
            " / ".join(_scaled(of(side, what, figure, many), 1e3, 2) for figure in (P50[what], P99[what]))
            for many in CONCURRENCY
        ]
        table.add_row(side.name, side.form.value, *cells)
    return table


def _capacity(figures: Figures) -> Table:
    table = Table(title="one core: unary answers and streamed chunks")
    table.add_column("gateway")
    table.add_column("format")
    for column in ("requests/s", "µs CPU each", "chunks/s", "µs CPU each"):
        table.add_column(column, justify="right")
    for side in figures.sides:
        is_direct = side.name == DIRECT
        table.add_row(
            side.name,
            side.form.value,
            _scaled(figures.saturated(side, UNARY), 1, 0),
            "" if is_direct else _scaled(figures.cpu_per_request(side), 1e6, 0),
            _scaled(figures.chunks_per_second(side), 1, 0),
            "" if is_direct else _scaled(figures.cpu_per_chunk(side), 1e6, 1),
        )
    return table


def _paced(figures: Figures, effort: Effort) -> Table:
    title = f"{effort.streams} streams of {effort.pace} words a second: ms from the upstream to the client"
    table = Table("gateway", "format", title=title)
    for column in ("p50", "p99", "first byte p50", "µs CPU a chunk"):
        table.add_column(column, justify="right")
    for side in figures.sides:
        if side.paces:
            cost = figures.cpu_per_paced_chunk(side, effort.paced_words)
            table.add_row(
                side.name,
                side.form.value,
                _scaled(figures.middle(side, PACED_STREAMS, lambda one: one.p50), 1e3, 2),
                _scaled(figures.middle(side, PACED_STREAMS, lambda one: one.p99), 1e3, 2),
                _scaled(figures.middle(side, PACED_STREAMS, lambda one: one.first_p50), 1e3, 2),
                "" if side.name == DIRECT else _scaled(cost, 1e6, 1),
            )
    return table


def _processes(running: Sequence[Running]) -> Table:
    table = Table("gateway", "version", title="processes")
    for column in ("ready after s", "MB idle", "MB after the load"):
        table.add_column(column, justify="right")
    table.add_column("")
    for one in running:
        unfit = [f"{form.value}: {reason}" for form, reason in one.unfit.items()]
        missing = [f"no {form.value} format" for form in Format if form not in one.gateway.routes]
        double = [] if one.gateway.forwards else ["a double: answers by itself"]
        table.add_row(
            one.gateway.name,
            one.gateway.recipe.version,
            f"{one.start_seconds:.1f}",
            _scaled(one.idle_bytes, 1e-6, 0),
            _scaled(one.memory(), 1e-6, 0),
            "; ".join([*double, *missing, *one.gateway.remarks, *unfit]),
        )
    return table


def _goals(figures: Figures) -> Table:
    table = Table("goal for geminid, Gemini format", "measured", "", title="goals")
    for goal in goals(figures):
        met = {True: "[green]met[/]", False: "[red]missed[/]", None: "not measured"}[goal.met]
        table.add_row(goal.text, goal.measured, met)
    return table


def as_json(
    told: Machine,
    effort: Effort,
    figures: Figures,
    running: Sequence[Running],
    missing: Mapping[str, str],
) -> dict[str, Any]:
    """Every reading, with what is needed to make the tables again."""
    return {
        "machine": asdict(told),
        "effort": asdict(effort),
        "gateways": [
            {
                "name": one.gateway.name,
                "version": one.gateway.recipe.version,
                "forwards": one.gateway.forwards,
                "start_seconds": one.start_seconds,
                "idle_bytes": one.idle_bytes,
                "bytes": one.memory(),
                "unfit": {form.value: reason for form, reason in one.unfit.items()},
            }
            for one in running
        ],
        "unavailable": dict(missing),
        "readings": [_reading(one) for one in figures.readings],
        "failures": [
            {"gateway": one.side.name, "format": one.side.form.value, "what": one.what, "round": one.round,
             "connections": one.connections, "reason": one.reason}
            for one in figures.failures
        ],
        "goals": [asdict(goal) for goal in goals(figures)],
    }  # fmt: skip


def _reading(one: Reading) -> dict[str, object]:
    names = ("round", "what", "connections", "requests", "seconds", "cpu_seconds", "others_seconds")
    times = ("p50", "p99", "first_p50", "first_p99")
    values = {name: getattr(one, name) for name in names + times}
    return {"gateway": one.side.name, "format": one.side.form.value, **values}


def _scaled(value: float | None, factor: float, digits: int) -> str:
    return "-" if value is None else f"{value * factor:,.{digits}f}"
