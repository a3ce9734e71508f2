"""`tl report`, `tl card` and `tl record`: results for people who do not have this machine."""

from pathlib import Path
from typing import Annotated

import typer

from tl_core.cli.app import app
from tl_core.cli.asking import RunName
from tl_core.cli.output import err, out, size
from tl_core.errors import TransferLabError
from tl_core.files import write_text


@app.command()
def report(
    runs: Annotated[list[str], typer.Argument(metavar="RUN…", help="Finished runs.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path(
        "transfer-lab-report.html"
    ),
    cards: Annotated[bool, typer.Option(help="Write a model card of each run beside it.")] = True,
) -> None:
    """Write a comparison of runs as one HTML file that opens offline, and their model cards."""
    from tl_core.compare import compare
    from tl_core.report import model_card
    from tl_core.report import report as made
    from tl_core.runs.recorded import find_run

    found = [find_run(name) for name in runs]
    comparison = compare(found)
    for left in comparison.left_out:
        err().print(f"Left out: {left.run}: {left.why}")
    written = {output: made(comparison, found)}
    if cards:
        left_out = {left.run for left in comparison.left_out}
        written |= {
            output.with_name(f"{run.folder.name}.md"): model_card(run)
            for run in found
            if run.id not in left_out
        }
    for path, text in written.items():
        _write(path, text)
        out().print(f"{path} ({size(path.stat().st_size)})")


@app.command()
def card(
    run: RunName,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; else it is printed.")
    ] = None,
) -> None:
    """Write the model card of a run in Markdown: data, recipe, weights, figures, limits."""
    from tl_core.report import model_card
    from tl_core.runs.recorded import find_run

    written = model_card(find_run(run))
    if output is None:
        typer.echo(written, nl=False)
    else:
        _write(output, written)
        out().print(str(output))


@app.command()
def record(run: RunName) -> None:
    """Copy a finished run to artifacts/recorded, for others to read without its model."""
    from tl_core.runs.recorded import record as copied
    from tl_core.runs.store import get_run

    copy = copied(get_run(run))
    count = sum(path.stat().st_size for path in copy.folder.iterdir())
    out().print(f"{copy.folder} ({size(count)})")


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise TransferLabError(
            f"{path} cannot be written ({error.strerror}); choose another file with --output."
        ) from error
