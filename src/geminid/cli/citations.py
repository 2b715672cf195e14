"""``geminid citations``: the texts that are recognised in answers.

The work is done in ``geminid.citations``; this file asks, shows and explains. A server that runs sees each change.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from geminid.cli import options
from geminid.cli.progress import shown, size
from geminid.cli.reported import reported

if TYPE_CHECKING:
    from geminid.citations.manifest import Source
    from geminid.judgement import Citation, Date

app = typer.Typer(help="Say which texts are to be recognised in answers.", no_args_is_help=True)

# A table that goes to a file or another program is not folded to a terminal's width.
_FILE_COLUMNS = 180

Origins = Annotated[
    list[str], typer.Argument(metavar="PATH|URL...", help="Files, folders, pages.", show_default=False)
]


@app.callback()
def citations(
    context: typer.Context,
    state: options.State = None,
) -> None:
    """Say which texts are to be recognised in answers."""
    from geminid.storage.durable import state_folder

    context.obj = (state or state_folder()) / "citations"


@app.command()
def add(
    context: typer.Context,
    origins: Origins,
    uri: Annotated[str, typer.Option(help="Where it is to be found; of a folder, what its paths go after.")] = "",
    title: Annotated[str, typer.Option(help="What it is called, if not as the page or the file.")] = "",
    license: Annotated[str, typer.Option(help="What it is licensed under, as SPDX writes it.")] = "",
    date: Annotated[str, typer.Option(help="When it was published: YYYY, YYYY-MM or YYYY-MM-DD.")] = "",
) -> None:
    """Add texts, or read those again that are there already. Either all are added or none."""
    from geminid.citations.base import parsed
    from geminid.citations.library import Details, Library
    from geminid.citations.reading import origin_of

    try:
        details = Details(uri, title, license, parsed(date) if date else None)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--date") from error
    with _reported(), shown() as progress:
        for source in Library(context.obj).add([*map(origin_of, origins)], details, progress):
            typer.echo(
                f"added {source.origin}: {_counted(source.texts, 'text')}, {_counted(source.words, 'word')}"
            )


@app.command("list")
def list_(context: typer.Context) -> None:
    """List what was added, oldest first."""
    from geminid.citations.library import Library

    with _reported():
        _show(Library(context.obj).sources())


@app.command()
def remove(
    context: typer.Context,
    sources: Annotated[
        list[str],
        typer.Argument(metavar="PATH|URL|NUMBER...", help="As the list has them.", show_default=False),
    ],
) -> None:
    """Recognise these no longer."""
    from geminid.citations.library import Library
    from geminid.citations.reading import origin_of

    names = [name if name.isdecimal() else origin_of(name) for name in sources]
    with _reported():
        for source in Library(context.obj).remove(names):
            typer.echo(f"removed {source.origin}")


@app.command()
def check(
    context: typer.Context,
    file: Annotated[
        typer.FileText, typer.Argument(metavar="FILE", help="A text; - for standard input.", encoding="utf-8")
    ],
) -> None:
    """Say what would be cited if FILE were an answer: bytes from-to, and the source."""
    from geminid.citations.index import Index

    with _reported():
        matcher = Index.open(context.obj).matcher()
        try:
            while text := file.read(1 << 16):
                matcher.feed(text)
        except UnicodeDecodeError as error:
            typer.echo(f"geminid: {file.name} is not UTF-8: {error.reason}.", err=True)
            raise typer.Exit(1) from error
        matcher.finish()
        for citation in matcher.citations():
            typer.echo(_line(citation))
        if matcher.recites:
            typer.echo(f"An answer like this ends with RECITATION: {matcher.longest_run_words} words in a row.")


def _line(citation: Citation) -> str:
    told = (citation.title, citation.uri, citation.license, _date(citation.date))
    return f"{citation.start}-{citation.end}  " + "  ".join(part for part in told if part)


def _show(sources: Iterable[Source]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", no_wrap=True, justify="right")
    table.add_column("SOURCE", overflow="fold")
    for heading in ("TEXTS", "WORDS", "SIZE"):
        table.add_column(heading, no_wrap=True, justify="right")
    for heading in ("TITLE", "URI", "LICENCE", "DATE"):
        table.add_column(heading, overflow="fold")
    for source in sources:
        numbers = (f"{source.texts:,}", f"{source.words:,}", size(source.size))
        told = (source.title, source.uri, source.license, _date(source.date))
        table.add_row(str(source.id), source.origin, *numbers, *told)
    console = Console(width=None if sys.stdout.isatty() else _FILE_COLUMNS, highlight=False, markup=False)
    console.print(table)


def _date(date: Date | None) -> str:
    from geminid.citations.base import written

    return written(date) if date else ""


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _reported() -> contextlib.AbstractContextManager[None]:
    from geminid.citations.base import CitationsError

    return reported(CitationsError)
