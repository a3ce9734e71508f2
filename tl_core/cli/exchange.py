"""`tl export`, `tl import`, `tl tensorboard` and `tl mlflow`: runs for elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from tl_core.cli.app import app
from tl_core.cli.asking import RunName
from tl_core.cli.output import err, out, size

Runs = Annotated[list[str], typer.Argument(metavar="RUN…", help="Runs that have ended.")]


@app.command()
def export(
    run: RunName,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; else RUN.zip here.")
    ] = None,
    model: Annotated[
        bool, typer.Option("--model/--no-model", help="Leave the model out: a small file.")
    ] = True,
) -> None:
    """Write a run as one archive, with a checksum of every file; `tl import` takes it in."""
    from tl_core.exchange.archive import export_run
    from tl_core.runs.recorded import find_run

    found = find_run(run)
    path = output or Path(f"{found.folder.name}.zip")
    manifest = export_run(found, path, with_model=model)
    out().print(f"{path} ({size(path.stat().st_size)}, {len(manifest.files)} files)")


@app.command("import")
def take_in(
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="What `tl export` wrote.")],
) -> None:
    """Take in a run from elsewhere, every file checked; its model is tried in a process apart."""
    from tl_core.exchange.importing import import_run

    err().print("Checking the archive and trying its model …")
    out().print(f"{import_run(archive).id} is here, marked as imported.")


@app.command()
def tensorboard(
    runs: Runs,
    to: Annotated[Path, typer.Option("--to", help="The folder; one is made in it for each run.")],
) -> None:
    """Write runs as TensorBoard's event files: `tensorboard --logdir FOLDER` shows them."""
    from tl_core.cli.quiet import start_tensorflow
    from tl_core.exchange.tensorboard import write_events
    from tl_core.runs.recorded import find_run

    found = [find_run(name) for name in runs]
    start_tensorflow()
    for run in found:
        out().print(str(write_events(run, to)))


@app.command()
def mlflow(
    runs: Runs,
    to: Annotated[str, typer.Option("--to", help="The tracking URI: a server's, or file:FOLDER.")],
    experiment: Annotated[str, typer.Option(help="Its name in MLflow.")] = "transfer-lab",
    artifacts: Annotated[
        bool, typer.Option("--artifacts", help="Send the documents and the model too.")
    ] = False,
) -> None:
    """Log runs to MLflow: recipe, metrics by epoch, final figures and tags."""
    from tl_core.exchange.mlflow import log_run
    from tl_core.runs.recorded import find_run

    for run in [find_run(name) for name in runs]:
        logged = log_run(run, to, experiment=experiment, artifacts=artifacts)
        out().print(f"{run.id} is {logged} there.")
