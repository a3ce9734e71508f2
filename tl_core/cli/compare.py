"""`tl compare`: several finished runs beside each other."""

from typing import TYPE_CHECKING, Annotated

import typer

from tl_core.cli.app import app
from tl_core.cli.output import NOTHING, Json, err, out, print_json, print_table, proportion
from tl_core.wording import percent

if TYPE_CHECKING:
    from tl_core.compare import Comparison


@app.command()
def compare(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN…", help="Runs, or how their names begin or end.")
    ],
    as_json: Json = False,
) -> None:
    """Compare runs: which is best, whether that is more than chance, and what it costs."""
    from tl_core.compare import compare as compared
    from tl_core.runs.recorded import find_run

    found = compared([find_run(name) for name in runs])
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        _print_comparison(found)


def _print_comparison(found: "Comparison") -> None:
    out().print(found.verdict)
    for caveat in found.caveats:
        out().print(caveat)
    out().print()
    _print_runs(found)
    if found.differences:
        _print_differences(found)
    if found.pairs:
        _print_pairs(found)
    if found.together is not None:
        average, best = found.together, found.runs[found.together.best_single]
        out().print(
            f"\nTheir average: {proportion(average.top1)}, {100 * average.gain:+.1f} points beside "
            f"{best.title} ({average.verdict}); at least one run is right on "
            f"{proportion(average.any_right)}."
        )
    _print_confidence(found)
    for left in found.left_out:
        err().print(f"Left out: {left.run}: {left.why}")


def _print_runs(found: "Comparison") -> None:
    print_table(
        (
            *("run", "top-1 (95 %)", "top-5 (95 %)", "seeds", "best epoch", "minutes"),
            *("ms", "ms 95 %", "images/s", "parameters", "MB"),
        ),
        [
            (
                run.run,
                proportion(run.top1),
                proportion(run.top5 if run.has_top5 else None),
                NOTHING
                if run.seeds.spread is None
                else f"{100 * run.seeds.mean:.1f} ± {100 * run.seeds.spread:.1f} %",
                f"{run.best_epoch} of {run.epochs}",
                f"{run.minutes:.1f}",
                f"{run.ms_per_image:.1f}",
                f"{run.ms_per_image_p95:.1f}",
                f"{run.images_per_second:.0f}",
                f"{run.parameters / 1e6:.1f} M",
                f"{run.megabytes:.1f}",
            )
            for run in found.runs
        ],
    )


def _print_differences(found: "Comparison") -> None:
    out().print("\nIn what the runs differ", style="bold")
    told = [one.values for one in found.differences]
    print_table(
        ("run", *(one.name for one in found.differences)),
        [(run.run, *values) for run, *values in zip(found.runs, *told, strict=True)],
    )


def _print_pairs(found: "Comparison") -> None:
    out().print("\nWhich differences are real (exact McNemar, Holm's correction)", style="bold")
    print_table(
        ("run", "", "beside", "right alone", "the other alone", "p"),
        [
            (
                found.runs[pair.first].run,
                pair.verdict,
                found.runs[pair.second].run,
                pair.only_first,
                pair.only_second,
                "below 0.001" if pair.p_holm < 0.001 else f"{pair.p_holm:.3f}",
            )
            for pair in found.pairs
        ],
    )


def _print_confidence(found: "Comparison") -> None:
    out().print("\nCan their confidence be believed (temperature scaling)", style="bold")
    print_table(
        ("run", "ECE", "scaled", "Brier", "scaled", "loss", "scaled", "temperature"),
        [
            (
                run.run,
                percent(trust.before.ece),
                percent(trust.after.ece) if trust.after else NOTHING,
                f"{trust.before.brier:.3f}",
                f"{trust.after.brier:.3f}" if trust.after else NOTHING,
                f"{trust.before.loss:.3f}",
                f"{trust.after.loss:.3f}" if trust.after else NOTHING,
                f"{trust.temperature:.2f}" if trust.temperature else NOTHING,
            )
            for run in found.runs
            for trust in (run.believable,)
        ],
    )
