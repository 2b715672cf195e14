"""Usage records -> the rows of a report: what was used, by whom or for what, and what it costs. Pure.

Called by ``usage.py``. Money is in the operator's currency, which nobody here knows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeAlias

from geminid.storage.records import UNTOLD, UsageRecord

MODALITIES: Final = ("TEXT", "IMAGE", "AUDIO", "VIDEO", "DOCUMENT")
UNLABELLED: Final = ""
"""The group of calls that lack the label."""

_PER: Final = 1_000_000


Rate: TypeAlias = float | Mapping[Any, float]
"""One price for all modalities, or one for each; the keys are their names."""


class PriceTable(Protocol):
    """What the settings say of one model."""

    @property
    def input(self) -> Rate: ...
    @property
    def output(self) -> Rate: ...
    @property
    def cached(self) -> Rate | None: ...


@dataclass(frozen=True, slots=True)
class Price:
    """For a million tokens, by modality; one that is not there costs as TEXT does. Thoughts cost as output.

    ``cached`` None: what came from a cache costs as what did not.
    """

    input: Mapping[str, float] = field(default_factory=dict)
    output: Mapping[str, float] = field(default_factory=dict)
    cached: Mapping[str, float] | None = None

    @classmethod
    def read(cls, table: PriceTable) -> Price:
        cached = None if table.cached is None else _by_modality(table.cached)
        return cls(_by_modality(table.input), _by_modality(table.output), cached)

    def of(self, record: UsageRecord) -> float:
        """What one call costs."""
        spent = _sum(record.prompt, self.input) + _sum(record.output, self.output)
        if record.thoughts:
            spent += record.thoughts * self.output.get("TEXT", 0.0)
        if record.cached and self.cached is not None:
            cached = _told(record)
            spent += _sum(cached, self.cached) - _sum(cached, self.input)
        return spent / _PER


def _by_modality(rate: Rate) -> Mapping[str, float]:
    return rate if isinstance(rate, Mapping) else {"TEXT": rate}


def _sum(tokens: Mapping[str, float], price: Mapping[str, float]) -> float:
    text = price.get("TEXT", 0.0)
    return sum(count * price.get(modality, text) for modality, count in tokens.items())


def _told(record: UsageRecord) -> Mapping[str, float]:
    """Its cached tokens by modality, no more than the prompt has. Each has its share of those of none."""
    told = {modality: min(record.cached.get(modality, 0), count) for modality, count in record.prompt.items()}
    untold, rest = record.cached.get(UNTOLD, 0), sum(record.prompt.values()) - sum(told.values())
    share = min(untold / rest, 1.0) if rest else 0.0
    return {modality: count + share * (record.prompt[modality] - count) for modality, count in told.items()}


@dataclass(slots=True)
class Row:
    """What the calls of one group come to. ``unpriced`` is how many used tokens for which no price is known."""

    group: str
    calls: int = 0
    failed: int = 0
    prompt: Counter[str] = field(default_factory=Counter)
    output: Counter[str] = field(default_factory=Counter)
    cached: Counter[str] = field(default_factory=Counter)
    thoughts: int = 0
    seconds: float = 0.0
    cost: float = 0.0
    unpriced: int = 0

    def add(self, record: UsageRecord, price: Price | None) -> None:
        self.calls += 1
        self.failed += record.code != "OK"
        _count(self.prompt, record.prompt)
        _count(self.output, record.output)
        _count(self.cached, record.cached)
        self.thoughts += record.thoughts
        self.seconds += record.seconds
        if price is not None:
            self.cost += price.of(record)
        else:
            self.unpriced += bool(record.prompt or record.output or record.thoughts)

    def include(self, other: Row) -> None:
        """Adds the calls of another group."""
        self.prompt += other.prompt
        self.output += other.output
        self.cached += other.cached
        for name in ("calls", "failed", "thoughts", "seconds", "cost", "unpriced"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


def _count(sums: Counter[str], tokens: Mapping[str, int]) -> None:
    """``Counter.update``, which takes longer for one or two."""
    for modality, count in tokens.items():
        sums[modality] += count


@dataclass(frozen=True, slots=True)
class Report:
    """One row for each group, in the order of their names, and the sum of all."""

    rows: list[Row]
    total: Row


Grouping: TypeAlias = Callable[[UsageRecord], str]

_GROUPINGS: dict[str, Grouping] = {
    "model": lambda record: record.model,
    "project": lambda record: record.project,
    "principal": lambda record: record.principal,
    "method": lambda record: record.method,
    "code": lambda record: record.code,
    "day": lambda record: record.time.date().isoformat(),
}
"""Days are those of UTC."""

GROUPINGS: Final = ("label.KEY", *_GROUPINGS)


def grouping(by: str) -> Grouping | None:
    """How ``--by`` groups; None where it names nothing."""
    head, _, key = by.partition(".")
    if head == "label" and key:
        return lambda record: record.labels.get(key, UNLABELLED)
    return _GROUPINGS.get(by)


class Tally:
    """Adds up records as they are read, and keeps none of them."""

    def __init__(self, group: Grouping, prices: Mapping[str, Price]) -> None:
        self._group = group
        self._prices = prices
        self._rows: dict[str, Row] = {}

    def add(self, records: Iterable[UsageRecord]) -> None:
        rows, group, prices = self._rows, self._group, self._prices
        for record in records:
            name = group(record)
            row = rows.get(name)
            if row is None:
                row = rows[name] = Row(name)
            row.add(record, prices.get(record.model))

    def report(self) -> Report:
        """Of all that were added."""
        total = Row("TOTAL")
        for row in self._rows.values():
            total.include(row)
        return Report([self._rows[name] for name in sorted(self._rows)], total)
