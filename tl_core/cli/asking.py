"""Which runs, pictures and models a command is about."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from tl_core.data.folder_scan import ENDINGS
from tl_core.data.images import Fit
from tl_core.data.picture_file import ACCEPTED
from tl_core.errors import TransferLabError
from tl_core.runs.recorded import find_run
from tl_core.runs.store import Run, list_runs
from tl_core.runs.summary import best_runs

RunName = Annotated[
    str, typer.Argument(metavar="RUN", help="A run, or how its name begins or ends.")
]
Images = Annotated[
    list[Path], typer.Argument(metavar="IMAGE…", help="Pictures, or folders of them.")
]
RunsToAsk = Annotated[
    list[str] | None,
    typer.Option(
        "--run",
        help="A run to ask; may be given several times. Without it: the best finished run of "
        "each backbone on the data set trained on last.",
    ),
]
HowToFit = Annotated[
    Fit, typer.Option(help="Cut the centre square out of a picture, or pad it with black.")
]


def runs_to_ask(names: list[str]) -> list[Run]:
    """Return the runs called `names`, or the best of each backbone where none is named.

    Raises:
        TransferLabError: there is no such run, or its model is not here.
    """
    if not names:
        best = best_runs(run for run in list_runs() if run.model_path.exists())
        if not best:
            raise TransferLabError(
                "No finished run has its model here; train one first, for instance with "
                "`tl train mobilenet_v2 --dataset demo`."
            )
        return best
    runs = [find_run(name) for name in names]
    for run in runs:
        if run.outcome is None:
            state = run.problem or f"it is {run.status.said}"
            raise TransferLabError(f"Run {run.id} cannot be asked: {state}.")
        if not run.model_path.exists():
            raise TransferLabError(
                f"Run {run.id} cannot be asked: its model is not here. Train it again, or take it "
                "in with its model."
            )
    return runs


def files_in(paths: list[Path]) -> Iterator[Path]:
    """Yield the files among `paths` and the pictures inside the folders among them.

    Raises:
        TransferLabError: a path does not exist, or a folder holds no picture.
    """
    for path in paths:
        if not path.exists():
            raise TransferLabError(f"There is no file or folder {path}.")
        if not path.is_dir():
            yield path
            continue
        inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
        if not inside:
            raise TransferLabError(f"The folder {path} holds no {ACCEPTED} file.")
        yield from inside
