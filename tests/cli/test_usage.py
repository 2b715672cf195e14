from __future__ import annotations

import asyncio
import csv
import datetime as dt
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest
import typer
from typer.testing import CliRunner

from geminid.cli.usage import app, moment
from geminid.storage.records import UsageRecord
from geminid.storage.sql.database import open_database

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
Keep: TypeAlias = Callable[..., None]


def a_record(id: str, labels: Mapping[str, str], *, days_ago: int = 0, code: str = "OK") -> UsageRecord:
    time = dt.datetime.now(dt.UTC) - dt.timedelta(days=days_ago)
    return UsageRecord(
        id, time, "p", "me", "gemini-2.5-flash", "GenerateContent", code, "STOP", labels,
        {"TEXT": 12, "IMAGE": 258}, {"TEXT": 1_030}, {"TEXT": 12, "IMAGE": 88}, 5, 0.5,
    )  # fmt: skip


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'usage.db'}"


@pytest.fixture
def keep(url: str) -> Keep:
    """Puts records into the database."""

    def keep(*records: UsageRecord) -> None:
        async def add() -> None:
            database = await open_database(url)
            await database.usage_records.add(records)
            await database.aclose()

        asyncio.run(add())

    return keep


@pytest.fixture
def usage(url: str) -> Callable[..., str]:
    def usage(*arguments: str, code: int = 0) -> str:
        """What the command prints, on both streams."""
        result = CliRunner().invoke(app, ["--database", url, *arguments])
        assert result.exit_code == code, result.output
        return result.output

    return usage


def test_nothing_was_used_yet(usage: Callable[..., str], keep: Keep) -> None:
    keep()

    assert json.loads(usage("--format", "json"))["rows"] == []


def test_a_table_by_label(usage: Callable[..., str], keep: Keep) -> None:
    keep(a_record("1", {"team": "search"}), a_record("2", {}, code="UNAVAILABLE"), a_record("3", {"team": "ads"}))

    lines = [" ".join(line.split()) for line in usage("--by", "label.team").splitlines() if line.strip()]

    assert lines == [
        "label.team CALLS FAILED PROMPT CACHED OUTPUT THOUGHTS SECONDS A CALL",
        "(none) 1 1 270 100 1,030 5 0.500",
        "ads 1 0 270 100 1,030 5 0.500",
        "search 1 0 270 100 1,030 5 0.500",
        "TOTAL 3 1 810 300 3,090 15 0.500",
    ]


def test_csv_has_a_column_for_each_modality(usage: Callable[..., str], keep: Keep) -> None:
    keep(a_record("1", {}), a_record("2", {}))

    (row,) = csv.DictReader(usage("--by", "model", "--format", "csv").splitlines())

    assert (row["model"], row["calls"], row["prompt_tokens"]) == ("gemini-2.5-flash", "2", "540")
    assert (row["prompt_text_tokens"], row["prompt_image_tokens"], row["prompt_audio_tokens"]) == (
        "24",
        "516",
        "0",
    )


def test_a_cell_is_no_formula(usage: Callable[..., str], keep: Keep) -> None:
    keep(a_record("1", {"team": "-1"}))

    assert "'-1,1,0" in usage("--by", "label.team", "--format", "csv")


def test_json_has_the_sum_of_all(usage: Callable[..., str], keep: Keep) -> None:
    keep(a_record("1", {}), a_record("2", {}))

    told = json.loads(usage("--by", "code", "--format", "json"))

    assert told["by"] == "code"
    assert told["rows"][0]["promptByModality"] == {"TEXT": 24, "IMAGE": 516}
    assert told["rows"][0]["cachedByModality"] == {"TEXT": 24, "IMAGE": 176}
    assert told["total"]["outputTokens"] == 2_060


def test_a_stretch_of_time(usage: Callable[..., str], keep: Keep) -> None:
    keep(a_record("1", {}), a_record("2", {}, days_ago=5), a_record("3", {}, days_ago=10))

    told = json.loads(usage("--since", "7d", "--until", "2d", "--format", "json"))

    assert told["total"]["calls"] == 1


def test_old_ones_are_deleted(usage: Callable[..., str], keep: Keep) -> None:
    keep(a_record("1", {}), a_record("2", {}, days_ago=500))

    assert usage("prune", "--before", "400d").startswith("deleted 1 records")
    assert json.loads(usage("--format", "json"))["total"]["calls"] == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--by", "colour"], "'colour' is none of label.KEY, model"),
        (["--since", "yesterday"], "'yesterday' is neither a date like 2026-11-01 nor an age like 7d."),
    ],
)
def test_what_means_nothing_is_refused(usage: Callable[..., str], arguments: list[str], text: str) -> None:
    shown = " ".join(usage(*arguments, code=2).replace("│", " ").split())

    assert text in shown


def test_a_server_makes_the_database(usage: Callable[..., str]) -> None:
    assert usage(code=1).startswith("geminid: ")


def test_a_database_that_is_none_is_named_in_one_line() -> None:
    result = CliRunner().invoke(app, ["--database", "mysql://somewhere"])

    assert result.exit_code == 1
    assert result.output.startswith("geminid: ")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-01", dt.datetime(2026, 11, 1, tzinfo=dt.UTC)),
        ("2026-11-01T12:30", dt.datetime(2026, 11, 1, 12, 30, tzinfo=dt.UTC)),
        ("2026-11-01T12:30+02:00", dt.datetime(2026, 11, 1, 10, 30, tzinfo=dt.UTC)),
        ("7d", NOW - dt.timedelta(days=7)),
        ("12h", NOW - dt.timedelta(hours=12)),
        ("30m", NOW - dt.timedelta(minutes=30)),
    ],
)
def test_times_are_dates_or_ages(text: str, meant: dt.datetime) -> None:
    assert moment(text, NOW) == meant


@pytest.mark.parametrize("text", ["", "7", "d", "-7d", "7w", "2026-13-01", "999999d"])
def test_other_times_are_none(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        moment(text, NOW)
