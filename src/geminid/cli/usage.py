"""``geminid usage``: what was used, by whom and for what, and what it costs; and forgetting what is old.

Reads the database that the servers write. The sums are made in ``usage_report.py``, shown by ``usage_forms.py``.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import enum
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geminid.cli import options
from geminid.cli.reported import reported
from geminid.cli.usage_report import GROUPINGS, grouping
from geminid.settings import Settings, SettingsError, load

if TYPE_CHECKING:
    from geminid.storage.records import UsageRecords

app = typer.Typer(help="Say what was used, and what it costs.")

_AGO = re.compile(r"([0-9]{1,5})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


class Format(enum.StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def moment(text: str, now: dt.datetime) -> dt.datetime:
    """``2026-11-01``, ``2026-11-01T12:00`` (UTC, unless it says otherwise), or ``7d``, ``12h``, ``30m`` ago.

    Raises BadParameter.
    """
    if ago := _AGO.fullmatch(text):
        return now - dt.timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        parsed = dt.datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a date like 2026-11-01 nor an age like 7d.") from None
    return parsed.astimezone(dt.UTC) if parsed.tzinfo else parsed.replace(tzinfo=dt.UTC)


def _moment(text: str) -> dt.datetime:
    return moment(text, dt.datetime.now(dt.UTC))


@app.callback(invoke_without_command=True)
def usage(
    context: typer.Context,
    by: Annotated[str, typer.Option(help=f"What to group by: {', '.join(GROUPINGS)}.")] = "day",
    since: Annotated[
        str, typer.Option(metavar="DATE|AGE", help="From when on, like 2026-11-01 or 7d. All, if not given.")
    ] = "",
    until: Annotated[str, typer.Option(metavar="DATE|AGE", help="Before when.")] = "",
    format: Annotated[Format, typer.Option(help="How to show it.")] = Format.TABLE,
    database: Annotated[
        str, typer.Option(envvar="GEMINID_DATABASE", help="The database.", show_default="that of the file")
    ] = "",
    config: options.Config = None,
) -> None:
    """Say what was used, and what it costs. Days are those of UTC."""
    settings = _settings(config)
    context.obj = database or settings.storage.url or _default_database()
    if context.invoked_subcommand:
        return
    from geminid.cli import usage_forms
    from geminid.cli.usage_report import Price, Tally

    prices = {model: Price.read(table) for model, table in settings.prices.items()}
    group = grouping(by)
    if group is None:
        raise typer.BadParameter(f"{by!r} is none of {', '.join(GROUPINGS)}.", param_hint="--by")
    first, end = (_moment(text) if text else None for text in (since, until))

    async def read() -> None:
        async with _opened(context.obj) as records:
            tally = Tally(group, prices)
            async for batch in records.read(first, end):
                tally.add(batch)
        made = tally.report()
        match format:
            case Format.TABLE:
                usage_forms.table(made, by)
            case Format.CSV:
                usage_forms.csv(made, by, sys.stdout)
            case Format.JSON:
                typer.echo(usage_forms.json(made, by))

    with _reported():
        asyncio.run(read())


@app.command()
def prune(
    context: typer.Context,
    before: Annotated[
        str,
        typer.Option(metavar="DATE|AGE", help="What is older goes, like 2026-01-01 or 400d.", show_default=False),
    ],
) -> None:
    """Delete old records. There is no way back."""
    horizon = _moment(before)

    async def delete() -> None:
        async with _opened(context.obj) as records:
            typer.echo(
                f"deleted {await records.prune(horizon):,} records of calls before {horizon:%Y-%m-%d %H:%M} UTC"
            )

    with _reported():
        asyncio.run(delete())


def _settings(config: Path | None) -> Settings:
    try:
        return load(config)
    except SettingsError as error:
        typer.echo(f"geminid: {error}", err=True)
        raise typer.Exit(1) from None


def _default_database() -> str:
    from geminid.storage.durable import state_folder

    return f"sqlite:///{state_folder() / 'geminid.db'}"


@contextlib.asynccontextmanager
async def _opened(url: str) -> AsyncIterator[UsageRecords]:
    from geminid.storage.sql.database import open_database

    database = await open_database(url, upgrade=False)  # that is for the servers to do
    try:
        yield database.usage_records
    finally:
        await database.aclose()


def _reported() -> contextlib.AbstractContextManager[None]:
    from geminid.errors import ApiError
    from geminid.storage.base import StorageError

    return reported(StorageError, ApiError)
