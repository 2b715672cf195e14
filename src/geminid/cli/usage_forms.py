"""A usage report as a table for people, and as CSV and JSON for programs. Called by ``usage.py``.

CSV and JSON keep their columns and keys, whatever was used; what is added is added at the end.
"""

from __future__ import annotations

import csv as csv_
import sys
from typing import Any, Final, TextIO

import msgspec

from geminid.cli.usage_report import MODALITIES, Report, Row

_FILE_COLUMNS: Final = 180
"""A table that goes to a file or another program is not folded to a terminal's width."""

_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is a formula to spreadsheets (https://owasp.org/www-community/attacks/CSV_Injection)."""


def table(report: Report, by: str) -> None:
    """Columns that are nothing but zeros are left out, except those of tokens."""
    from rich.console import Console
    from rich.table import Table

    total = report.total
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column(by.upper() if "." not in by else by, overflow="fold")
    for heading in _headings(total):
        shown.add_column(heading, no_wrap=True, justify="right")
    for row in report.rows:
        shown.add_row(row.group or "(none)", *_cells(row, total))
    if len(report.rows) > 1:
        shown.add_section()
        shown.add_row(total.group, *_cells(total, total), style="bold")
    console = Console(width=None if sys.stdout.isatty() else _FILE_COLUMNS, highlight=False, markup=False)
    console.print(shown)
    if total.cost and total.unpriced:
        console.print(f"{total.unpriced:,} calls are of models without a price and cost nothing here.")


def csv(report: Report, by: str, file: TextIO) -> None:
    """A line for each group; their sum is left to the reader."""
    writer = csv_.writer(file, lineterminator="\n")
    writer.writerow([by, *_columns(report.total)])
    for row in report.rows:
        writer.writerow([_cell(row.group), *_columns(row).values()])


def _columns(row: Row) -> dict[str, object]:
    told: dict[str, object] = {
        "calls": row.calls,
        "failed": row.failed,
        "prompt_tokens": row.prompt.total(),
        "cached_tokens": row.cached.total(),
        "output_tokens": row.output.total(),
        "thoughts_tokens": row.thoughts,
        "seconds": round(row.seconds, 3),
        "cost": round(row.cost, 6),
        "unpriced_calls": row.unpriced,
    }
    sides = {"prompt": row.prompt, "output": row.output, "cached": row.cached}
    return told | {
        f"{name}_{modality.lower()}_tokens": side[modality]
        for name, side in sides.items()
        for modality in MODALITIES
    }


def json(report: Report, by: str) -> str:
    """One object: what it is by, a row for each group, and the sum of all."""
    told = {"by": by, "rows": [_object(row) for row in report.rows], "total": _object(report.total)}
    return msgspec.json.format(msgspec.json.encode(told)).decode()


def _object(row: Row) -> dict[str, Any]:
    return {
        "group": row.group,
        "calls": row.calls,
        "failed": row.failed,
        "promptTokens": row.prompt.total(),
        "cachedTokens": row.cached.total(),
        "outputTokens": row.output.total(),
        "thoughtsTokens": row.thoughts,
        "seconds": round(row.seconds, 3),
        "cost": round(row.cost, 6),
        "unpricedCalls": row.unpriced,
        "promptByModality": dict(row.prompt),
        "outputByModality": dict(row.output),
        "cachedByModality": dict(row.cached),
    }


def _headings(total: Row) -> list[str]:
    optional = [(total.cached, "CACHED"), (total.thoughts, "THOUGHTS"), (total.cost, "COST")]
    cached, thoughts, cost = ([name] if there else [] for there, name in optional)
    return ["CALLS", "FAILED", "PROMPT", *cached, "OUTPUT", *thoughts, "SECONDS A CALL", *cost]


def _cells(row: Row, total: Row) -> list[str]:
    cached = [f"{row.cached.total():,}"] if total.cached else []
    thoughts = [f"{row.thoughts:,}"] if total.thoughts else []
    cost = [f"{row.cost:,.4f}"] if total.cost else []
    prompt, output = f"{row.prompt.total():,}", f"{row.output.total():,}"
    mean = f"{row.seconds / row.calls:.3f}" if row.calls else ""
    return [f"{row.calls:,}", f"{row.failed:,}", prompt, *cached, output, *thoughts, mean, *cost]


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULAS) else text
