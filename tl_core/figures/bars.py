"""Accuracies of several runs beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import plotly.graph_objects as go

from tl_core.evaluation.document import Proportion
from tl_core.evaluation.reference import NOTEBOOK
from tl_core.figures.look import blank, colour_of, inks, plain
from tl_core.wording import interval, percent

# Pixels for the beginning of the first number of the axis below.
_HALF_NUMBER = 20


@dataclass(frozen=True)
class AccuracyBar:
    """One run's accuracy; `backbone` None stands for what is no single backbone."""

    label: str
    backbone: str | None
    accuracy: Proportion


def accuracy_bars(
    bars: Sequence[AccuracyBar],
    which: Literal["top-1", "top-5"] = "top-1",
    *,
    references: bool = True,
    dark: bool = False,
) -> go.Figure:
    """Return one horizontal bar a run with its 95 % interval.

    With `references`, a mark shows what the notebook published for the run's backbone (top-1 on
    CIFAR-100); leave it out for other data.
    """
    marks = [NOTEBOOK.get(bar.backbone or "") for bar in bars]
    marked = [
        (place, mark)
        for place, mark in enumerate(marks)
        if mark is not None and references and which == "top-1"
    ]
    figure = blank(
        f"{which.capitalize()} accuracy on the test set",
        note="whisker: 95 % interval" + (" · ┃ the notebook, 32 px" if marked else ""),
        x="accuracy",
        height=120 + 52 * len(bars),
        dark=dark,
    )
    colours = inks(dark)
    shares = [bar.accuracy for bar in bars]
    figure.add_bar(
        x=[share.value for share in shares],
        y=list(range(len(bars))),
        orientation="h",
        width=0.42,
        marker={"color": [colour_of(bar.backbone, dark) for bar in bars], "cornerradius": 3},
        error_x={
            "type": "data",
            "array": [share.high - share.value for share in shares],
            "arrayminus": [share.value - share.low for share in shares],
            "color": colours.text,
            "thickness": 1.5,
            "width": 5,
        },
        text=[
            f"<b>{plain(bar.label)}</b><br>{percent(bar.accuracy.value)} "
            f"({interval(bar.accuracy)})<br>"
            f"{bar.accuracy.n:,} test images"
            for bar in bars
        ],
        textposition="none",
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    figure.add_scatter(
        x=[mark.top1 for _, mark in marked],
        y=[place for place, _ in marked],
        mode="markers",
        marker={"symbol": "line-ns", "size": 10, "line": {"width": 4, "color": colours.text}},
        text=[f"the notebook: {percent(mark.top1)}<br>{mark.where}" for _, mark in marked],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    notes = []
    for place, bar in enumerate(bars):
        notes.append(row_label(place, plain(bar.label), colours.text))
        notes.append(bar_value(place, bar.accuracy.high, percent(bar.accuracy.value), colours.text))
    # All at once: Plotly copies those there are with each one that is added.
    figure.update_layout(annotations=notes)
    figure.update_xaxes(range=[0, 1.16], tickvals=[0, 0.2, 0.4, 0.6, 0.8, 1], tickformat=".0%")
    hide_rows(figure, len(bars))
    return figure


def row_label(place: int, text: str, colour: str, shift: int = 19) -> dict[str, Any]:
    """Return the annotation that names a row above its bar, where a narrow screen has room too."""
    return {
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "y": place,
        "yshift": shift,
        "text": text,
        "showarrow": False,
        "align": "left",
        "font": {"size": 12, "color": colour},
    }


def bar_value(place: int, end: float, text: str, colour: str) -> dict[str, Any]:
    """Return the annotation that writes a bar's value right of where it ends."""
    return {
        "x": end,
        "y": place,
        "text": text,
        "xanchor": "left",
        "xshift": 6,
        "showarrow": False,
        "font": {"size": 12, "color": colour},
    }


def hide_rows(figure: go.Figure, rows: int) -> None:
    """Let row 0 stand on top and leave the vertical axis without ticks, and so without room."""
    figure.update_yaxes(range=[rows - 0.6, -0.85], showticklabels=False, showgrid=False)
    if figure.layout.xaxis.visible is False:
        figure.update_layout(margin_l=8, margin_b=8)
    else:
        figure.update_layout(margin_l=_HALF_NUMBER)
