"""`tl password`: the hash of a password, for a server's settings."""

import sys
from typing import Annotated

import typer

from tl_core.cli.app import app
from tl_core.cli.output import err
from tl_core.door.passwords import HASH, hash_password


@app.command()
def password(
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Print the hash of a password, to set as TL_PASSWORD_HASH where the app is served."""
    if stdin:
        given = sys.stdin.readline().rstrip("\r\n")
    else:
        given = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    print(hash_password(given))
    if sys.stdout.isatty():
        err().print(f"Set it as {HASH} for the server; the password itself is stored nowhere.")
