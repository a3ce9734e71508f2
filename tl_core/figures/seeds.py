"""Several seeds of one recipe as one result with a spread."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from tl_core.evaluation.seeds import SeedGroup
from tl_core.figures.bars import hide_rows, row_label
from tl_core.figures.look import blank, colour_of, inks, plain
from tl_core.wording import percent


@dataclass(frozen=True)
class SeedRow:
    """One recipe and its seeds."""

    label: str
    backbone: str | None
    group: SeedGroup


def seed_spread(rows: Sequence[SeedRow], *, dark: bool = False) -> go.Figure:
    """Return one row a recipe: a dot each seed, their mean, one standard deviation around it."""
    colours = inks(dark)
    figure = blank(
        "Top-1 accuracy over seeds",
        note="dot: one seed · ┃ mean · line: ± one standard deviation",
        x="accuracy",
        height=120 + 52 * len(rows),
        dark=dark,
    )
    notes = []
    for place, row in enumerate(rows):
        group = row.group
        spread = "" if group.spread is None else f" ± {100 * group.spread:.1f}"
        figure.add_scatter(
            x=list(group.values),
            y=[place] * len(group.values),
            mode="markers",
            marker={
                "color": colour_of(row.backbone, dark),
                "size": 10,
                "opacity": 0.85,
                "line": {"width": 1, "color": colours.text},
            },
            text=[
                f"<b>{plain(row.label)}</b><br>seed {seed}: {percent(value)}"
                for seed, value in zip(group.seeds, group.values, strict=True)
            ],
            hovertemplate="%{text}<extra></extra>",
            showlegend=False,
        )
        figure.add_scatter(
            x=[group.mean],
            y=[place],
            error_x={
                "type": "data",
                "array": [group.spread or 0.0],
                "color": colours.text,
                "thickness": 1.5,
                "width": 5,
            },
            mode="markers",
            marker={"symbol": "line-ns", "size": 9, "line": {"width": 4, "color": colours.text}},
            text=[f"<b>{plain(row.label)}</b><br>mean {100 * group.mean:.1f}{spread} %"],
            hovertemplate="%{text}<extra></extra>",
            showlegend=False,
        )
        seeds = f"{len(group.seeds)} seed{'s' if len(group.seeds) != 1 else ''}"
        said = f"{plain(row.label)} · {100 * group.mean:.1f}{spread} % · {seeds}"
        notes.append(row_label(place, said, colours.text))
    figure.update_layout(annotations=notes)
    figure.update_xaxes(tickformat=".1~%")
    hide_rows(figure, len(rows))
    return figure
