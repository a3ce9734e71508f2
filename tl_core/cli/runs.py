"""`tl runs`, `tl show` and `tl stop`: the runs there are."""

from typing import Annotated

import typer

from tl_core.cli.app import app
from tl_core.cli.asking import RunName
from tl_core.cli.describe import DEMO, print_run
from tl_core.cli.output import (
    NOTHING,
    Json,
    duration,
    err,
    moment,
    out,
    print_json,
    print_table,
    printable,
    proportion,
    size,
)
from tl_core.cli.quiet import start_tensorflow
from tl_core.runs import queue
from tl_core.runs.bin import binned, total
from tl_core.runs.recorded import find_run, recorded_runs
from tl_core.runs.store import Run, get_run, list_runs
from tl_core.runs.summary import seconds_of, summary


@app.command()
def runs(
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="Only runs with this tag; repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the runs, newest first."""
    queue.refresh()
    found = [run for run in list_runs() if not tag or _has(run, tag)]
    if as_json:
        print_json([summary(run) for run in found])
        return
    if found:
        _print_runs(found)
    elif tag:
        out().print(f"No run has {' and '.join(f'the tag {name!r}' for name in tag)}.")
    else:
        out().print("There are no runs yet; `tl train mobilenet_v2 --dataset demo` makes one.")
    recorded = [] if tag else recorded_runs()
    if recorded:
        out().print("\nRecorded, made elsewhere:")
        _print_runs(recorded)
    deleted = binned()
    if deleted:
        held = size(total(deleted))
        err().print(f"In the bin: {len(deleted)} of {held}; `tl bin --empty` frees that.")


@app.command()
def measure(run: RunName) -> None:
    """Time a finished run's answers again, on a machine that does nothing else meanwhile."""
    # It brings TensorFlow with it, which the other commands of this file do without.
    from tl_core.runs.cost import in_batches
    from tl_core.runs.measuring import measure_again

    start_tensorflow()
    found = measure_again(get_run(run))
    out().print(
        f"{found.ms_per_image:.1f} ms an image (95th percentile {found.ms_per_image_p95:.1f} ms), "
        f"in batches {in_batches(found.images_per_second, found.images_per_second_p5)}."
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


@app.command("log")
def show_log(run: RunName) -> None:
    """Show what a run said while it worked, tracebacks included."""
    said = get_run(run).log()
    out().print(printable(said.rstrip()) or "It said nothing.", soft_wrap=True)


@app.command()
def stop(run: RunName) -> None:
    """Stop a run: at once if it waits, within five seconds if it works."""
    queue.refresh()
    stopped = queue.stop(get_run(run))
    out().print(f"{stopped.id} is {stopped.status.said}.")


def _print_runs(found: list[Run]) -> None:
    print_table(
        ("run", "state", "data", "top-1 (95 %)", "took", "asked for", "called"),
        [_row(run) for run in found],
    )


def _row(run: Run) -> tuple[object, ...]:
    if run.problem is not None:
        return run.id, "unreadable", run.problem, *[NOTHING] * 4
    status, figures = run.status, run.figures
    return (
        run.id,
        state(run),
        DEMO if run.recipe.dataset == "demo" else run.recipe.dataset,
        proportion(figures.top1 if figures else None),
        duration(seconds_of(run).get("total")),
        moment(status.created),
        called(run),
    )


def called(run: Run) -> str:
    """Return the name and the tags that people gave a readable run."""
    words = [run.about.name or "", *(f"#{tag}" for tag in run.about.tags)]
    return " ".join(words + (["(imported)"] if run.imported else [])).strip()


def _has(run: Run, tags: list[str]) -> bool:
    return run.problem is None and set(tags) <= set(run.about.tags)


def state(run: Run) -> str:
    """Return where a readable run stands, in a word or two."""
    status = run.status
    if status.held:
        return f"{status.said}, held"
    share = f" {100 * status.share:.0f} %" if status.state == "running" else ""
    return status.said + share
