"""`tl runs`, `tl show`, `tl stop` and `tl delete`: the runs there are."""

import sys
import time
from typing import Annotated

import typer

from tl_core.cli.app import app
from tl_core.cli.describe import DEMO, print_run
from tl_core.cli.output import (
    NOTHING,
    Json,
    duration,
    moment,
    out,
    print_json,
    print_table,
    proportion,
    share,
)
from tl_core.runs import queue
from tl_core.runs.recorded import find_run
from tl_core.runs.store import Run, get_run, list_runs
from tl_core.runs.summary import summary

RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="A run, or how its name begins or ends.")
]


@app.command()
def runs(as_json: Json = False) -> None:
    """List the runs, newest first."""
    queue.refresh()
    found = list_runs()
    if as_json:
        print_json([summary(run) for run in found])
    elif not found:
        out().print("There are no runs yet; `tl train mobilenet_v2 --dataset demo` makes one.")
    else:
        print_table(
            ("run", "state", "data", "top-1 % (95 %)", "top-5", "took", "asked for"),
            [_row(run) for run in found],
        )


@app.command()
def show(run: RunName, as_json: Json = False) -> None:
    """Show one run: where it stands, its figures, its cost and its recipe."""
    queue.refresh()
    found = find_run(run)
    if as_json:
        print_json(summary(found))
    else:
        print_run(found)


@app.command()
def stop(run: RunName) -> None:
    """Stop a run: at once if it waits, within five seconds if it works."""
    queue.refresh()
    stopped = queue.stop(get_run(run))
    out().print(f"{stopped.id} is {stopped.status.state}.")


@app.command()
def delete(
    run: RunName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a run with everything in its folder; asks first on a terminal."""
    queue.refresh()
    found = get_run(run)
    if not yes and sys.stdin.isatty():
        typer.confirm(f"Delete {found.id} with its model and figures?", abort=True, err=True)
    queue.delete(found)
    out().print(f"Deleted {found.id}.")


def _row(run: Run) -> tuple[object, ...]:
    if run.problem is not None:
        return run.id, "unreadable", run.problem, NOTHING, NOTHING, NOTHING, NOTHING
    status, evaluation = run.status, run.evaluation
    end = status.ended or time.time()
    return (
        run.id,
        state(run),
        DEMO if run.recipe.dataset == "demo" else run.recipe.dataset,
        proportion(evaluation.top1 if evaluation else None),
        share(evaluation.top5.value if evaluation else None),
        duration(end - status.started if status.started else None),
        moment(status.created),
    )


def state(run: Run) -> str:
    """Return where a readable run stands, in a word or two."""
    status = run.status
    if status.held:
        return "queued, held"
    return f"running {100 * status.share:.0f} %" if status.state == "running" else status.state
