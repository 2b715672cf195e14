"""How a command ends for an error that the operator can mend: with one line, and no traceback."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer


@contextlib.contextmanager
def reported(*kinds: type[Exception]) -> Iterator[None]:
    """Errors of these kinds are printed, and end the command with exit code 1."""
    try:
        yield
    except kinds as error:
        typer.echo(f"geminid: {error}", err=True)
        raise typer.Exit(1) from None
