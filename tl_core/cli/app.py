"""The application that every command registers itself with."""

from typing import Annotated

import typer

from tl_core import __version__
from tl_core.cli.errors import Commands

app = typer.Typer(
    name="tl",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Transfer Lab: which pretrained image network to start from, and what it costs.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"Transfer Lab {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show where an error happened; goes anywhere.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    # Both are dealt with before: `--debug` by Commands, the version by its callback.
    del debug, version
