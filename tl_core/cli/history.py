"""`tl rename`, `tl tag`, `tl note`, `tl delete`, `tl restore` and `tl bin`: keeping order."""

import sys
from typing import Annotated

import typer

from tl_core.cli.app import app
from tl_core.cli.asking import RunName
from tl_core.cli.output import NOTHING, Json, moment, out, print_json, print_table, size
from tl_core.cli.runs import called
from tl_core.runs import about, queue
from tl_core.runs import bin as the_bin
from tl_core.runs.names import run_title
from tl_core.runs.store import Run, get_run

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command()
def rename(
    run: RunName,
    name: Annotated[str, typer.Argument(help='One line of text; "" takes the name away.')],
) -> None:
    """Give a run a name that is shown beside its id."""
    found = about.rename(get_run(run), name)
    out().print(f"{found.id} is called {run_title(found)}.")


@app.command()
def tag(
    run: RunName,
    tags: Annotated[list[str], typer.Argument(metavar="TAG…")],
    remove: Annotated[bool, typer.Option("--remove", help="Take these tags away.")] = False,
) -> None:
    """Give a run tags; `tl runs --tag TAG` lists the runs that have one."""
    found = about.tag(get_run(run), *((), tags) if remove else (tags,))
    out().print(f"{found.id}: {', '.join(found.about.tags) or 'no tags'}")


@app.command()
def note(
    run: RunName,
    text: Annotated[str, typer.Argument(help='The note; "" takes it away.')],
) -> None:
    """Keep a note with a run, in place of the one before."""
    found = about.annotate(get_run(run), text)
    out().print(f"{found.id}: {'noted' if found.about.note else 'no note'}.")


@app.command()
def delete(run: RunName, yes: Yes = False) -> None:
    """Put a run into the bin with everything in its folder; asks first on a terminal."""
    queue.refresh()
    found = get_run(run)
    _confirm(f"Put {found.id} into the bin?", yes)
    the_bin.delete(found)
    out().print(f"Deleted {found.id}; `tl restore {found.id}` brings it back.")


@app.command()
def restore(run: RunName) -> None:
    """Take a deleted run out of the bin."""
    out().print(f"{the_bin.restore(run).id} is back.")


@app.command("bin")
def show_bin(
    empty: Annotated[bool, typer.Option("--empty", help="Delete for good what is in it.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """List the deleted runs, or delete them for good; that asks first on a terminal."""
    found = the_bin.binned()
    total = the_bin.total(found)
    if empty:
        _confirm(f"Delete {len(found)} runs of {size(total)} for good?", yes)
        freed = the_bin.empty()
        if as_json:
            print_json({"freed_bytes": freed})
        else:
            out().print(f"Freed {size(freed)}.")
    elif as_json:
        runs = [{"run": o.run.id, "deleted": o.deleted, "bytes": o.size} for o in found]
        print_json({"runs": runs, "bytes": total})
    elif not found:
        out().print("The bin is empty.")
    else:
        rows = [(o.run.id, size(o.size), moment(o.deleted), _called(o.run)) for o in found]
        print_table(("run", "size", "deleted", "called"), rows)
        out().print(f"{size(total)} in all; `tl bin --empty` frees that.")


def _called(run: Run) -> str:
    return NOTHING if run.problem else called(run)


def _confirm(question: str, yes: bool) -> None:
    if not yes and sys.stdin.isatty():
        typer.confirm(question, abort=True, err=True)
