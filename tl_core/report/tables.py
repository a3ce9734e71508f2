"""The tables of the page: the runs' figures, in what they differ, what their phases took."""

from tl_core.compare.document import ComparedRun, Comparison
from tl_core.progress import PHASES
from tl_core.report.html import Cell, dot, number, share, table, unbroken, word
from tl_core.wording import interval


def runs_table(found: Comparison) -> str:
    """Return every run's accuracy and cost."""
    return table(
        "Every accuracy with its 95 % interval; milliseconds for one picture at a time, images a "
        "second in batches of 64",
        (
            *("Run", "Top-1", "95 %", "Top-5", "95 %", "Macro F1", "Validation"),
            *("Saved model as measured", "Best epoch", "Minutes"),
            *("ms per image", "ms, 95th percentile", "Images/s", "Images/s, 95 % of batches"),
            *("Parameters", "MB"),
        ),
        map(_row, found.runs),
    )


def differences_table(found: Comparison) -> str:
    """Return in what the runs differ, nothing where they do not."""
    if not found.differences:
        return ""
    rows = (
        (word(run.title), *(word(one.values[place]) for one in found.differences))
        for place, run in enumerate(found.runs)
    )
    return table(
        "In what the runs differ",
        ("Run", *(one.name.capitalize() for one in found.differences)),
        rows,
    )


def phases_table(found: Comparison) -> str:
    """Return what each phase of each run took."""
    phases = [n for n in ("start", *PHASES) if any(n in run.seconds for run in found.runs)]
    rows = (
        (
            word(run.title),
            number(sum(run.seconds.values()), f"{sum(run.seconds.values()):,.0f}"),
            *(
                number(run.seconds.get(name), f"{run.seconds[name]:,.1f}")
                if name in run.seconds
                else number(None, "–")
                for name in phases
            ),
        )
        for run in found.runs
    )
    return table(
        "Seconds that each phase took; features that were in the cache took none",
        ("Run", "Whole run", *(name.capitalize() for name in phases)),
        rows,
    )


def _row(run: ComparedRun) -> tuple[Cell, ...]:
    name = word(run.title)
    return (
        Cell(f"{dot(run.backbone)} {name.shown}", name.by),
        share(run.top1.value),
        number(run.top1.low, unbroken(interval(run.top1))),
        *_top5(run),
        share(run.macro_f1),
        share(run.val_accuracy),
        share(run.saved_model_agreement),
        number(run.best_epoch, f"{run.best_epoch} of {run.epochs}"),
        number(run.minutes, f"{run.minutes:.1f}"),
        number(run.ms_per_image, f"{run.ms_per_image:.1f}"),
        number(run.ms_per_image_p95, f"{run.ms_per_image_p95:.1f}"),
        number(run.images_per_second, f"{run.images_per_second:,.0f}"),
        _slow_batches(run),
        number(run.parameters, f"{run.parameters / 1e6:.1f} M"),
        number(run.megabytes, f"{run.megabytes:.1f}"),
    )


def _slow_batches(run: ComparedRun) -> Cell:
    rate = run.images_per_second_p5
    return number(None, "–") if rate is None else number(rate, f"{rate:,.0f}")


def _top5(run: ComparedRun) -> tuple[Cell, Cell]:
    if not run.has_top5:
        return number(None, "–"), number(None, "–")
    return share(run.top5.value), number(run.top5.low, unbroken(interval(run.top5)))
