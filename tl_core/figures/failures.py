"""Where models fail."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from tl_core.figures.look import blank, colour_scale, inks, plain, wrapped


def superclass_heat_map(
    superclasses: Sequence[str],
    runs: Sequence[str],
    accuracy: NDArray[np.float64],
    *,
    dark: bool = False,
) -> go.Figure:
    """Return accuracy (0..1, superclasses×runs) as a heat map, the hardest superclass on top.

    Cells of a superclass without test images hold NaN and stay empty.
    """
    means = [row[~np.isnan(row)].mean() if not np.isnan(row).all() else 2.0 for row in accuracy]
    order = np.argsort(means, kind="stable")
    figure = blank(
        "Accuracy per superclass",
        note="share of its pictures named right, hardest on top",
        height=120 + 29 * len(superclasses),
        dark=dark,
    )
    draw_cells(
        figure,
        accuracy[order],
        rows=[superclasses[s] for s in order],
        columns=runs,
        hover=[[f"<b>{plain(superclasses[s])}</b><br>{plain(run)}" for run in runs] for s in order],
        number=".0%",
        most=1.0,
        dark=dark,
    )
    return figure


def draw_cells(
    figure: go.Figure,
    values: NDArray[np.float64],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    hover: Sequence[Sequence[str]],
    number: str,
    most: float,
    dark: bool,
) -> None:
    """Draw rows×columns as coloured cells from 0 to `most`, with their numbers where they fit."""
    numbers_fit = len(columns) <= 8
    names = [wrapped(column, 12) for column in columns]
    figure.add_heatmap(
        z=[[None if np.isnan(cell) else float(cell) for cell in row] for row in values],
        x=list(range(len(columns))),
        y=list(range(len(rows))),
        zmin=0,
        zmax=most,
        colorscale=colour_scale(dark),
        xgap=2,
        ygap=2,
        texttemplate=f"%{{z:{number}}}" if numbers_fit else None,
        textfont={"color": inks(dark).text, "size": 12},
        text=hover,
        hovertemplate=f"%{{text}}<br>%{{z:{number}}}<extra></extra>",
        hoverongaps=False,
        showscale=not numbers_fit,
        colorbar={
            "tickformat": number,
            "thickness": 10,
            "outlinewidth": 0,
            "tickfont": {"color": inks(dark).quiet, "size": 11},
        },
    )
    figure.update_xaxes(
        tickvals=list(range(len(columns))),
        ticktext=names,
        tickangle=0 if numbers_fit else -90,
        tickfont={"size": 11},
        side="top",
        showgrid=False,
    )
    figure.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=[wrapped(row, 20) for row in rows],
        tickfont={"size": 11},
        autorange="reversed",
        showgrid=False,
    )
    lines = max((name.count("<br>") + 1 for name in names), default=1)
    figure.update_layout(margin={"t": 70 + 15 * lines if numbers_fit else 150})
