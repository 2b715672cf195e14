"""``geminid models``: which model files are known, and getting them here.

The work is done in ``geminid.engines.weights``; this file asks, shows and explains. ``geminid serve`` calls
``pull_weights`` for what it lacks.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from geminid.cli import options
from geminid.cli.progress import shown, size
from geminid.cli.reported import reported
from geminid.engines import weights
from geminid.engines.weights import Weights, WeightsError
from geminid.settings import SettingsError, load

app = typer.Typer(help="List, fetch and find model files.")

# A table that goes to a file or another program is not folded to a terminal's width.
_FILE_COLUMNS = 180

Name = Annotated[str, typer.Argument(metavar="NAME", help="A name from the list.", show_default=False)]


@app.callback(invoke_without_command=True)
def models(context: typer.Context, config: options.Config = None) -> None:
    """List the known models, fetch one (pull), or print where its file is (path)."""
    from geminid.build.engines import known_weights

    with _reported():
        context.obj = known_weights(load(config))
        if context.invoked_subcommand is None:
            _show(context.obj.values())


@app.command()
def pull(
    context: typer.Context,
    name: Name,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="Agree to the model's terms without being asked.")
    ] = False,
) -> None:
    """Fetch a model, check it, and print the path of its file. What is here already is not fetched again."""
    with _reported():
        model = _find(context, name)
        typer.echo(weights.prepared(model) or pull_weights(model, accept_licence=accept_licence))


@app.command()
def path(
    context: typer.Context,
    name: Name,
    projector: Annotated[
        bool, typer.Option("--projector", help="Of a model that sees: its second file instead.")
    ] = False,
) -> None:
    """Print the path of a model's file. Fails when it is not here."""
    with _reported():
        model = _find(context, name)
        if projector and not model.sees:
            raise WeightsError(f"{name} does not see images: it has no second file.")
        if weights.cached(model) is None:
            raise WeightsError(f"{name} is not here yet. Fetch it: geminid models pull {name}")
        typer.echo(weights.projector_path(model) if projector else weights.cached(model))


def pull_weights(model: Weights, *, accept_licence: bool = False) -> Path:
    """Fetches ``model`` and shows how it goes; terms that come with it are shown, and agreed to, first.

    Raises WeightsError; also when nobody is there to agree.
    """
    _agree(model, accept_licence)
    with shown() as progress:
        return weights.fetch(model, progress)


def _agree(model: Weights, accepted: bool) -> None:
    licence = model.licence
    if not licence.accept:
        return
    typer.echo(f"{model.title} is under the {licence.name}: {licence.url}", err=True)
    if accepted:
        return
    if not sys.stdin.isatty():
        raise WeightsError(f"Read these terms, then agree: geminid models pull --accept-licence {model.name}")
    # Not typer.confirm: it writes a space to standard output, which is for the path.
    typer.echo("Do you agree to these terms? [y/N] ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise typer.Abort


def _find(context: typer.Context, name: str) -> Weights:
    known: dict[str, Weights] = context.obj
    if name not in known:
        raise WeightsError(f"{name!r} is not a known model. Known are {', '.join(known)}.")
    return known[name]


def _show(known: Iterable[Weights]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("NAME", no_wrap=True)
    table.add_column("PARAMETERS")
    table.add_column("SIZE", no_wrap=True, justify="right")
    for heading in ("LICENCE", "SEES", "CACHED"):
        table.add_column(heading)
    table.add_column("SOURCE", overflow="fold")
    listed = list(known)
    for model in listed:
        table.add_row(*_row(model))
    console = Console(width=None if sys.stdout.isatty() else _FILE_COLUMNS, highlight=False, markup=False)
    console.print(table)
    for line in _footnotes(listed):
        console.print(line, soft_wrap=True)


def _footnotes(models: Sequence[Weights]) -> Iterator[str]:
    terms = {model.licence.name: model.licence.url for model in models if model.licence.accept}
    if terms:
        yield "\n* Whoever fetches these agrees to their terms:"
        yield from (f"  {name}: {url}" for name, url in terms.items())
    for model in models:
        if made := model.conversion:
            yield f"\n{model.name} is served as {made.file_name}, made of what is fetched: {size(made.size)} more."


def _row(model: Weights) -> list[str]:
    return [
        model.name,
        model.parameters,
        size(model.total_size),
        model.licence.name + ("*" if model.licence.accept else ""),
        "yes" if model.sees else "",
        "yes" if weights.cached(model) else "",
        weights.origin(model),
    ]


def _reported() -> contextlib.AbstractContextManager[None]:
    return reported(WeightsError, SettingsError)
