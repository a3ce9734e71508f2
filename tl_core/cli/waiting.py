"""`tl queue`, `tl move`, `tl hold` and `tl release`: the runs that wait, and their order."""

from typing import Annotated, get_args

import typer

from tl_core.cli.app import app
from tl_core.cli.asking import RunName
from tl_core.cli.output import NOTHING, Json, moment, out, print_json, print_table
from tl_core.cli.runs import state
from tl_core.runs import order
from tl_core.runs.queue import refresh
from tl_core.runs.store import Run, get_run, list_runs, waiting_runs
from tl_core.runs.summary import summary

To = Annotated[order.Move, typer.Argument(metavar="|".join(get_args(order.Move)))]


@app.command()
def queue(as_json: Json = False) -> None:
    """Show what is at work and what waits, in the order in which it will be taken."""
    refresh()
    runs = list_runs()
    waiting = waiting_runs(runs)
    at_work = [run for run in runs if run.active and not run.waits]
    if as_json:
        print_json([summary(run) for run in (*at_work, *waiting)])
    else:
        _print(waiting, at_work)


@app.command()
def move(run: RunName, to: To) -> None:
    """Move a run that waits to another place in the queue."""
    _print(order.move(get_run(run), to))


@app.command()
def hold(run: RunName) -> None:
    """Let a run that waits wait until it is released; those behind it go first."""
    out().print(f"{order.hold(get_run(run)).id} is held; `tl release` lets it go on.")


@app.command()
def release(run: RunName) -> None:
    """Let a held run be taken when its turn comes."""
    out().print(f"{order.release(get_run(run)).id} waits for its turn.")


def _print(waiting: list[Run], at_work: list[Run] | None = None) -> None:
    if not waiting and not at_work:
        out().print("Nothing waits.")
        return
    rows = [(run.id, NOTHING, state(run), moment(run.status.created)) for run in at_work or ()]
    rows += [
        (run.id, str(place), state(run), moment(run.status.created))
        for place, run in enumerate(waiting, start=1)
    ]
    print_table(("run", "place", "state", "asked for"), rows)
