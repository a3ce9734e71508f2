"""Every figure of a comparison, for light and for dark paper."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import plotly.graph_objects as go

from tl_core.compare.document import ComparedRun, Comparison
from tl_core.evaluation.confusion import inside_pair
from tl_core.evaluation.pareto import COSTS
from tl_core.figures.bars import AccuracyBar, accuracy_bars
from tl_core.figures.costs import CostPoint, cost_scatter
from tl_core.figures.curves import CurveData, CurvePoint, training_curves
from tl_core.figures.failures import MOST_CLASSES, confusion_heat_map, superclass_heat_map
from tl_core.figures.labels import LabelCurve, label_curves
from tl_core.figures.seeds import SeedRow, seed_spread
from tl_core.figures.trust import Coverage, Reliability, coverage_curves, reliability_diagram
from tl_core.figures.verdicts import verdict_table

# Pairs of superclasses of each run that can be opened.
_OPENED = 10


@dataclass(frozen=True)
class Chart:
    """A figure to be drawn with `dark=`.

    `alt` says what it shows, `option` names it where it is one of several to choose from.
    """

    alt: str
    draw: Callable[..., go.Figure]
    option: str = ""

    def as_json(self) -> str:
        """Return the figure for both papers, in a form that a page can hold within a script."""
        light, dark = (self.draw(dark=dark).to_json() for dark in (False, True))
        return f'{{"light": {light}, "dark": {dark}}}'.replace("<", "\\u003c")


def accuracies(found: Comparison) -> Chart:
    """Return top-1 with its interval."""
    bars = [AccuracyBar(run.title, run.backbone, run.top1) for run in found.runs]
    return Chart(
        "Top-1 accuracy of each run with its 95 % interval",
        partial(accuracy_bars, bars, references=bool(found.references)),
    )


def verdicts(found: Comparison) -> Chart:
    """Return which differences are real."""
    titles = [run.title for run in found.runs]
    return Chart(
        "Which run is better than which, in words", partial(verdict_table, titles, found.pairs)
    )


def seeds(found: Comparison) -> Chart | None:
    """Return the spread over seeds, None where every recipe has one seed."""
    rows = [
        SeedRow(run.title, run.backbone, run.seeds)
        for run in found.runs
        if run.seeds.spread is not None
    ]
    if not rows:
        return None
    return Chart("Top-1 accuracy of each seed of a recipe", partial(seed_spread, rows))


def costs(found: Comparison) -> list[Chart]:
    """Return accuracy against each kind of cost."""
    return [
        Chart(
            f"Top-1 accuracy against {cost.title.lower()} of each run",
            partial(
                cost_scatter,
                [
                    CostPoint(run.title, run.backbone, value, run.top1)
                    for run, value in zip(found.runs, cost.values, strict=True)
                ],
                COSTS[name],
                references=bool(found.references),
            ),
            cost.title,
        )
        for name, cost in found.costs.items()
    ]


def curves(found: Comparison) -> list[Chart]:
    """Return accuracy and loss while training, by epoch and by minute."""
    runs = [_curve(run) for run in found.runs]
    metrics: Sequence[Literal["accuracy", "loss"]] = ("accuracy", "loss")
    axes: Sequence[Literal["epoch", "minutes"]] = ("epoch", "minutes")
    return [
        Chart(
            f"{metric.capitalize()} of each run while training, by {x}",
            partial(training_curves, runs, metric, x),
            f"{metric.capitalize()} by {x}",
        )
        for metric in metrics
        for x in axes
    ]


def label_curves_of(found: Comparison) -> list[LabelCurve]:
    """Return the curves of the runs that were studied."""
    return [
        LabelCurve(
            run.title,
            run.backbone,
            tuple(point.per_class for point in run.labels.points),
            tuple(point.accuracies for point in run.labels.points),
        )
        for run in found.runs
        if run.labels is not None
    ]


def labels(found: Comparison) -> Chart | None:
    """Return accuracy against labelled images, None where no run was studied."""
    studied = label_curves_of(found)
    if not studied:
        return None
    return Chart(
        "Accuracy of each studied run with ever more labelled images of each class",
        partial(label_curves, studied),
    )


def superclasses(found: Comparison) -> Chart | None:
    """Return accuracy per superclass, None where the data have none."""
    table = found.superclasses
    if table is None:
        return None
    shares = np.array(table.accuracies, dtype=np.float64)
    titles = [run.title for run in found.runs]
    return Chart(
        "Accuracy of each run in each superclass",
        partial(
            superclass_heat_map,
            table.names,
            titles,
            shares,
            table.supports,
            (table.low, table.high),
        ),
    )


def confusions(found: Comparison) -> list[Chart]:
    """Return one matrix a run: by superclass, or by class where there are few; else none."""
    found_charts = []
    for run in found.runs:
        names, cells = found.data.coarse_names, run.superclass_confusion
        if cells is None:
            names, cells = found.data.class_names, run.confusion
        if len(names) > MOST_CLASSES:
            continue
        counts = np.array(cells, dtype=np.int64)
        totals = counts.sum(axis=1).tolist()
        found_charts.append(
            Chart(
                f"What {run.title} takes for what",
                partial(confusion_heat_map, run.title, counts, names, names, totals),
                run.title,
            )
        )
    return found_charts


def opened_pairs(found: Comparison) -> list[Chart]:
    """Return the superclass pairs with most mistakes of each run, opened into their classes."""
    coarse = found.data.coarse_of_class
    if coarse is None:
        return []
    names, classes = found.data.coarse_names, found.data.class_names
    charts = []
    for run in found.runs:
        matrix = np.array(run.confusion, dtype=np.int64)
        for pair in run.most_confused_superclasses[:_OPENED]:
            truth, answer = names[pair.label], names[pair.answer]
            rows, columns, cells = inside_pair(matrix, coarse, pair.label, pair.answer)
            charts.append(
                Chart(
                    f"Pictures of {truth} that {run.title} calls {answer}, class by class",
                    partial(
                        confusion_heat_map,
                        run.title,
                        cells,
                        [classes[number] for number in rows],
                        [classes[number] for number in columns],
                        matrix.sum(axis=1)[rows].tolist(),
                    ),
                    f"{run.title}: {truth} called {answer}, {pair.count:,} wrong",
                )
            )
    return charts


def reliability(found: Comparison) -> Chart:
    """Return accuracy against confidence, before and after temperature scaling."""
    runs = [
        Reliability(run.title, run.backbone, run.believable.before, run.believable.after)
        for run in found.runs
    ]
    return Chart(
        "How often each run is right, by how sure it is", partial(reliability_diagram, runs)
    )


def coverage(found: Comparison) -> Chart:
    """Return accuracy against the share of pictures that a run answers itself."""
    runs = [Coverage(run.title, run.backbone, run.coverage) for run in found.runs]
    return Chart(
        "Accuracy of each run when its unsure answers go to a person",
        partial(coverage_curves, runs),
    )


def _curve(run: ComparedRun) -> CurveData:
    points = tuple(
        CurvePoint(
            epoch=point.epoch,
            seconds=point.seconds,
            phase=point.phase,
            ends_epoch=True,
            loss=point.loss,
            accuracy=point.accuracy,
            val_loss=point.val_loss,
            val_accuracy=point.val_accuracy,
        )
        for point in run.curve
    )
    return CurveData(run.title, run.backbone, points, run.best_epoch)
