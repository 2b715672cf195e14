from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from geminid.cli.usage_report import Price, Rate, Report, Row, Tally, grouping
from geminid.storage.records import UsageRecord

NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
RECORD = UsageRecord(
    "1", NOON, "p", "me", "m", "GenerateContent", "OK", "STOP",
    {"team": "a"}, {"TEXT": 1_000_000, "IMAGE": 1_000_000}, {"TEXT": 1_000_000}, {}, 500_000, 2.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Written:
    """A price as it stands in the settings."""

    input: Rate = 0.0
    output: Rate = 0.0
    cached: Rate | None = None


def report(records: list[UsageRecord], by: str, prices: Mapping[str, Price] | None = None) -> Report:
    group = grouping(by)
    assert group is not None
    tally = Tally(group, prices or {})
    for record in records:
        tally.add([record])
    return tally.report()


def groups(records: list[UsageRecord], by: str) -> dict[str, Row]:
    return {row.group: row for row in report(records, by).rows}


@pytest.mark.parametrize(
    ("by", "name"),
    [
        ("label.team", "a"),
        ("label.other", ""),
        ("model", "m"),
        ("project", "p"),
        ("principal", "me"),
        ("method", "GenerateContent"),
        ("code", "OK"),
        ("day", "2026-11-22"),
    ],
)
def test_calls_are_grouped(by: str, name: str) -> None:
    assert list(groups([RECORD], by)) == [name]


@pytest.mark.parametrize("by", ["", "label", "label.", "colour", "Model"])
def test_nothing_else_groups(by: str) -> None:
    assert grouping(by) is None


def test_rows_are_in_the_order_of_their_names() -> None:
    later = replace(RECORD, time=NOON + dt.timedelta(days=1))

    assert list(groups([later, RECORD], "day")) == ["2026-11-22", "2026-11-23"]


def test_a_row_adds_up() -> None:
    failed = UsageRecord("2", NOON, "p", "me", "m", "GenerateContent", "UNAVAILABLE", seconds=1.0)

    row = groups([RECORD, failed, RECORD], "model")["m"]

    assert (row.calls, row.failed, row.seconds) == (3, 1, 5.0)
    assert row.prompt == {"TEXT": 2_000_000, "IMAGE": 2_000_000}
    assert (row.output.total(), row.thoughts) == (2_000_000, 1_000_000)


def test_the_total_is_that_of_all_rows() -> None:
    total = report([RECORD, replace(RECORD, model="n")], "model").total

    assert (total.calls, total.output.total()) == (2, 2_000_000)


@pytest.mark.parametrize(
    ("price", "cached", "cost"),
    [
        pytest.param(Written(input=1.0), {}, 2.0, id="one price for every modality"),
        pytest.param(Written(input={"TEXT": 1.0, "IMAGE": 3.0}), {}, 4.0, id="its own price"),
        pytest.param(Written(input={"TEXT": 1.0, "AUDIO": 3.0}), {}, 2.0, id="that of text"),
        pytest.param(Written(output=4.0), {}, 6.0, id="thoughts are output"),
        pytest.param(Written(input=1.0), {"": 1_000_000}, 2.0, id="cached is as dear as uncached"),
        pytest.param(Written(input=1.0, cached=0.25), {"": 1_000_000}, 1.25, id="half of it cached"),
        pytest.param(Written(input=1.0, cached=0.25), {"": 2_000_000}, 0.5, id="all of it cached"),
        pytest.param(
            Written(input=1.0, cached={"TEXT": 0.0, "IMAGE": 0.5}), {"": 1_000_000}, 1.25, id="by modality"
        ),
        pytest.param(Written(input=1.0, cached=0.0), {"TEXT": 250_000, "IMAGE": 250_000}, 1.5, id="as told"),
        pytest.param(
            Written(input={"TEXT": 1.0, "IMAGE": 3.0}, cached=0.5), {"IMAGE": 1_000_000}, 1.5, id="pictures alone"
        ),
        pytest.param(Written(input=1.0, cached=0.0), {"TEXT": 9_000_000}, 1.0, id="no more than the prompt has"),
    ],
)
def test_a_call_costs_what_its_tokens_cost(price: Written, cached: Mapping[str, int], cost: float) -> None:
    record = replace(RECORD, cached=cached)

    assert Price.read(price).of(record) == pytest.approx(cost)


def test_what_has_no_price_is_counted() -> None:
    prices: Mapping[str, Price] = {"m": Price.read(Written(input=1.0))}

    total = report([RECORD, replace(RECORD, model="n")], "model", prices).total

    assert (total.cost, total.unpriced) == (pytest.approx(2.0), 1)


def test_what_used_nothing_needs_no_price() -> None:
    nothing = UsageRecord("2", NOON, "p", "me", "", "ListModels", "OK")

    assert report([nothing], "model").total.unpriced == 0
