"""`tl compare`: several finished runs beside each other."""

from typing import Annotated, Any

import typer

from tl_core.cli.app import app
from tl_core.cli.describe import DEMO
from tl_core.cli.output import Json, print_json, print_table, proportion, size
from tl_core.errors import TransferLabError
from tl_core.runs.store import Run, get_run
from tl_core.runs.summary import summary


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN…", help="Finished runs.")],
    as_json: Json = False,
) -> None:
    """Compare finished runs: accuracy with its interval, and what it cost."""
    found = list(dict.fromkeys(get_run(name) for name in runs))
    for run in found:
        if run.outcome is None:
            state = run.problem or f"it is {run.status.state}"
            raise TransferLabError(f"Run {run.id} has no results to compare: {state}.")
    if as_json:
        print_json({"runs": [summary(run) for run in found]})
        return
    print_table(
        ("run", "data", "top-1 % (95 %)", "top-5 % (95 %)", "minutes", "ms", "model", "parameters"),
        [_row(run) for run in found],
    )


def _row(run: Run) -> tuple[Any, ...]:
    outcome, evaluation = run.outcome, run.evaluation
    assert outcome is not None
    assert evaluation is not None
    return (
        run.id,
        DEMO if outcome.dataset.is_demo else outcome.dataset.name,
        proportion(evaluation.top1),
        proportion(evaluation.top5),
        f"{sum(outcome.cost.seconds.values()) / 60:.1f}",
        f"{outcome.cost.ms_per_image:.1f}",
        size(outcome.cost.model_bytes),
        f"{outcome.cost.parameters / 1e6:.1f} M",
    )
