"""What accuracy costs."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from tl_core.backbones.table import BACKBONES
from tl_core.evaluation.document import Proportion
from tl_core.evaluation.pareto import CostKind, pareto_front
from tl_core.evaluation.reference import NOTEBOOK, Reference
from tl_core.figures.look import (
    Across,
    blank,
    colour_of,
    draw_across,
    inks,
    plain,
    styles,
)
from tl_core.wording import interval, percent

# Costs further apart than this are drawn on a logarithmic axis.
_WIDE = 6.0


@dataclass(frozen=True)
class CostPoint:
    """One run: what it costs, in the unit of the axis, and what it reaches."""

    label: str
    backbone: str | None
    cost: float
    accuracy: Proportion


def cost_scatter(
    points: Sequence[CostPoint],
    kind: CostKind,
    *,
    references: bool = True,
    dark: bool = False,
) -> go.Figure:
    """Return top-1 accuracy against cost, with the runs that no other beats on both joined.

    With `references`, a dotted line shows what the notebook published for each backbone here
    (top-1 on CIFAR-100, costs not published); leave it out for other data.
    """
    figure = blank(
        f"{kind.title} against accuracy",
        note="upper left is better · line: nothing beats these on both",
        x=f"{kind.title.lower()} ({kind.unit})",
        y="top-1 accuracy",
        height=370 + 20 * len(points),
        dark=dark,
    )
    _draw_front(figure, points, dark)
    for point, style in zip(points, styles([p.backbone for p in points], dark), strict=True):
        share = point.accuracy
        figure.add_scatter(
            x=[point.cost],
            y=[share.value],
            error_y={
                "type": "data",
                "array": [share.high - share.value],
                "arrayminus": [share.value - share.low],
                "color": style.colour,
                "thickness": 1.5,
                "width": 4,
            },
            name=plain(point.label),
            mode="markers",
            marker={"color": style.colour, "symbol": style.symbol, "size": 12},
            text=[
                f"<b>{plain(point.label)}</b><br>{percent(share.value)} "
                f"({interval(share)})<br>"
                f"{point.cost:,.3g} {kind.unit}"
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    drawn = {point.backbone for point in points}
    marks = [row for row in NOTEBOOK.values() if references and row.backbone in drawn]
    _draw_references(figure, sorted(marks, key=lambda row: row.top1), dark)
    costs = [point.cost for point in points]
    if costs and min(costs) > 0 and max(costs) / min(costs) > _WIDE:
        figure.update_xaxes(type="log", dtick="D2", tickformat="~g")
    else:
        figure.update_xaxes(rangemode="tozero")
    heights = [h for point in points for h in (point.accuracy.low, point.accuracy.high)]
    heights += [mark.top1 for mark in marks]
    if heights:
        # Lines across the figure do not count when Plotly chooses the range by itself.
        figure.update_yaxes(range=[min(heights) - 0.06, max(heights) + 0.04])
    figure.update_yaxes(tickformat=".1~%")
    figure.update_layout(showlegend=True)
    return figure


def _draw_front(figure: go.Figure, points: Sequence[CostPoint], dark: bool) -> None:
    front = pareto_front([p.cost for p in points], [p.accuracy.value for p in points])
    figure.add_scatter(
        x=[points[place].cost for place in front],
        y=[points[place].accuracy.value for place in front],
        mode="lines",
        line={"color": inks(dark).neutral, "width": 1.5, "shape": "hv"},
        hoverinfo="skip",
        showlegend=False,
    )


def _draw_references(figure: go.Figure, references: Sequence[Reference], dark: bool) -> None:
    lines = [
        Across(
            "y",
            reference.top1,
            line={"color": colour_of(reference.backbone, dark), "dash": "dot", "width": 1.5},
            note={
                "text": f"notebook: {BACKBONES[reference.backbone].title} "
                f"{percent(reference.top1)}",
                "xanchor": "right",
                # The lowest is named below its line, since the next may be close above.
                "yanchor": "bottom" if place else "top",
                "font": {"size": 11, "color": inks(dark).quiet},
            },
        )
        for place, reference in enumerate(references)
    ]
    draw_across(figure, lines)
