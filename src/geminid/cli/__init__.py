"""The command line: parse, call ``app``, say what happened. No logic of the server lives here.

Sub-commands import what they need when they run, so that ``geminid --help`` answers at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from geminid import __version__
from geminid.cli import auth, check, citations, db, deploy, env, models, run, serve, usage

app = typer.Typer(
    name="geminid",
    help="Speaks Google's Gemini API on open models that you run yourself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("check")(check.check)
app.command("env")(env.env)
app.command("run", context_settings={"allow_interspersed_args": False})(run.run)
app.add_typer(models.app, name="models")
app.add_typer(auth.app, name="auth")
app.add_typer(citations.app, name="citations")
app.add_typer(usage.app, name="usage")
app.add_typer(db.app, name="db")
app.add_typer(deploy.app, name="deploy")


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"geminid {__version__}")
        raise typer.Exit


def main() -> None:
    """The entry point of the ``geminid`` command."""
    app()
