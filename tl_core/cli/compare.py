"""`tl compare`: several finished runs beside each other."""

from typing import Annotated

import typer

from tl_core.cli.app import app
from tl_core.cli.output import Json, err, out, print_json, print_table, proportion


@app.command()
def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN…", help="Finished runs.")],
    as_json: Json = False,
) -> None:
    """Compare finished runs: which is better, how sure that is, and what each costs."""
    from tl_core.compare import compare as compared
    from tl_core.runs.recorded import find_run

    comparison = compared([find_run(name) for name in runs])
    if as_json:
        print_json(comparison.model_dump(mode="json"))
        return
    out().print(comparison.verdict)
    for caveat in comparison.caveats:
        out().print(caveat)
    out().print()
    print_table(
        ("run", "top-1 % (95 %)", "top-5 % (95 %)", "minutes", "ms", "MB", "parameters"),
        [
            (
                run.run,
                proportion(run.top1),
                proportion(run.top5),
                f"{run.minutes:.1f}",
                f"{run.ms_per_image:.1f}",
                f"{run.megabytes:.1f}",
                f"{run.parameters / 1e6:.1f} M",
            )
            for run in comparison.runs
        ],
    )
    for pair in comparison.pairs:
        first, second = comparison.runs[pair.first], comparison.runs[pair.second]
        out().print(
            f"{first.run} against {second.run}: {pair.verdict} (McNemar, Holm: "
            f"p {pair.p_holm:.2g}; right alone on {pair.only_first} and {pair.only_second})"
        )
    for other in comparison.left_out:
        err().print(f"Left out: {other.run}: {other.why}")
