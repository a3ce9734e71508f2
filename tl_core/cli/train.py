"""`tl train`, `tl resume` and `tl again`: ask for a run, or the rest of one, and see it through."""

from typing import Annotated

import typer

from tl_core.cli.app import app
from tl_core.cli.asking import RunName
from tl_core.cli.describe import print_run
from tl_core.cli.follow import follow
from tl_core.cli.output import Json, err, out, print_json
from tl_core.cli.recipe_options import takes_recipe
from tl_core.data.counts import image_counts
from tl_core.runs import queue
from tl_core.runs.recorded import find_run
from tl_core.runs.store import Run, get_run
from tl_core.runs.summary import summary
from tl_core.training.recipe import Recipe

Detach = Annotated[
    bool, typer.Option("--detach", help="Return at once; the run goes on by itself.")
]


@app.command()
@takes_recipe
def train(recipe: Recipe, as_json: Json = False, detach: Detach = False) -> None:
    """Train a head on a pretrained network and measure it on the test set.

    The run is put in the queue and goes on if this command is ended by anything but Ctrl-C, which
    stops it.
    """
    _show(queue.submit(recipe), as_json, detach)


@app.command()
def resume(run: RunName, as_json: Json = False, detach: Detach = False) -> None:
    """Go on with a run that was stopped, interrupted or failed.

    It goes on in its folder, from its last finished epoch or the last finished part of its
    features, and ends as it would have ended without the break.
    """
    queue.refresh()
    _show(queue.resume(get_run(run)), as_json, detach)


@app.command()
def again(
    run: RunName,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Another seed; without it the run's own.")
    ] = None,
    as_json: Json = False,
    detach: Detach = False,
) -> None:
    """Train the recipe of a run anew, with another seed to see how far chance moves it."""
    found = find_run(run)
    if not found.problem:
        image_counts(found.recipe.dataset).check_limit(found.recipe.limit)
    _show(queue.repeat(found, seed), as_json, detach)


def _show(run: Run, as_json: bool, detach: bool) -> None:
    if not detach:
        run = _see_through(run)
    if as_json:
        print_json(summary(run))
    elif detach:
        out().print(run.id)
    else:
        print_run(run)
    if not detach and run.outcome is None:
        raise typer.Exit(1)


def _see_through(run: Run) -> Run:
    err().print(f"Run {run.id}")
    try:
        return follow(run)
    except KeyboardInterrupt as interrupt:
        if get_run(run.id).active:
            queue.stop(run)
            err().print(f"Asked run {run.id} to stop; `tl resume {run.id}` goes on.")
        raise typer.Exit(130) from interrupt
