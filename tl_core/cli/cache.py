"""`tl cache`: the features kept on disk, and clearing them."""

import time
from dataclasses import asdict
from typing import Annotated, Literal

import typer

from tl_core.cli.app import app
from tl_core.cli.output import Json, out, print_json, print_table, size
from tl_core.features.cache import EntryReport, clear, usage


@app.command()
def cache(
    action: Annotated[
        Literal["show", "clear"], typer.Argument(help="Look at the cache, or empty it.")
    ] = "show",
    as_json: Json = False,
) -> None:
    """Show the features kept on disk, or delete those that no run is using."""
    if action == "clear":
        freed, left = clear()
        if as_json:
            print_json({"freed_bytes": freed, "left": left})
        else:
            busy = f"; {left} in use stayed" if left else ""
            out().print(f"Freed {size(freed)}{busy}.")
        return
    held = usage()
    if as_json:
        print_json(asdict(held))
        return
    if held.entries:
        print_table(
            ("features", "pixels", "view", "engine", "images", "size", "state", "last used"),
            [_row(entry) for entry in held.entries],
        )
    out().print(f"{size(held.bytes)} of at most {size(held.limit)}.")


def _row(entry: EntryReport) -> tuple[object, ...]:
    of = entry.document
    into = ", entering its last blocks" if of.get("boundary") is not None else ""
    state = "in use" if entry.in_use else "whole" if entry.complete else "in part"
    return (
        f"{of.get('backbone')}{into}",
        of.get("size"),
        of.get("view") or "as it is",
        f"{of.get('engine')}, {of.get('precision')}",
        entry.images,
        size(entry.bytes),
        state,
        time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used)),
    )
