"""Accuracy against the number of labelled images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from tl_core.figures.look import blank, plain, styles
from tl_core.wording import percent


@dataclass(frozen=True)
class LabelCurve:
    """One recipe: labelled images of each class, and for each the accuracies (0..1) by seed."""

    label: str
    backbone: str | None
    per_class: tuple[int, ...]
    accuracies: tuple[tuple[float, ...], ...]


def label_curves(curves: Sequence[LabelCurve], *, dark: bool = False) -> go.Figure:
    """Return mean accuracy over labelled images of each class, with the lowest and highest seed."""
    figure = blank(
        "How many labels are needed",
        note="line: mean over seeds · whiskers: lowest and highest seed",
        x="labelled images of each class",
        y="top-1 accuracy on the test set, %",
        dark=dark,
    )
    for curve, style in zip(curves, styles([c.backbone for c in curves], dark), strict=True):
        means = [float(np.mean(values)) for values in curve.accuracies]
        figure.add_scatter(
            x=list(curve.per_class),
            y=[100 * mean for mean in means],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [100 * (max(v) - m) for v, m in zip(curve.accuracies, means, strict=True)],
                "arrayminus": [
                    100 * (m - min(v)) for v, m in zip(curve.accuracies, means, strict=True)
                ],
                "thickness": 1.5,
                "width": 4,
            },
            name=plain(curve.label),
            mode="lines+markers",
            line={"color": style.colour, "width": 2},
            marker={"color": style.colour, "symbol": style.symbol, "size": 9},
            text=[
                f"<b>{plain(curve.label)}</b><br>{count} of each class: {percent(mean)} "
                f"({percent(min(values))} to {percent(max(values))}, {len(values)} seeds)"
                for count, mean, values in zip(
                    curve.per_class, means, curve.accuracies, strict=True
                )
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    ticks = sorted({count for curve in curves for count in curve.per_class})
    figure.update_xaxes(type="log", tickvals=ticks, ticktext=[str(tick) for tick in ticks])
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(showlegend=len(curves) > 1)
    return figure
