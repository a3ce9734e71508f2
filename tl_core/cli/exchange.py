"""`tl export` and `tl import`: a run as one file, for another machine."""

from pathlib import Path
from typing import Annotated

import typer

from tl_core.cli.app import app
from tl_core.cli.asking import RunName
from tl_core.cli.output import err, out, size


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
