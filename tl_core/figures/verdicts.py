"""Which differences are real, as words in a small table."""

from collections.abc import Sequence

import plotly.graph_objects as go

from tl_core.evaluation.significance import Pair, Verdict, verdict_matrix
from tl_core.figures.cells import label_cells
from tl_core.figures.look import blank, inks, plain

_PLACES: dict[Verdict | None, int] = {None: 0, "cannot tell": 1, "worse": 2, "better": 3}
_ON_LIGHT = ("#fcfcfa", "#eceeec", "#ecd9bd", "#9fb9cf")
_ON_DARK = ("#111917", "#202a28", "#57452c", "#34536a")


def verdict_table(labels: Sequence[str], pairs: Sequence[Pair], *, dark: bool = False) -> go.Figure:
    """Return the verdict on each run (row) beside each other (column).

    `pairs` are those of `compare_pairs` for the runs of `labels`, in the same order.
    """
    matrix = verdict_matrix(pairs, len(labels))
    figure = blank(
        "Which differences are real",
        note="the row's run beside the column's",
        height=130 + 40 * len(labels),
        dark=dark,
    )
    colours = _ON_DARK if dark else _ON_LIGHT
    figure.add_heatmap(
        z=[[_PLACES[verdict] for verdict in row] for row in matrix],
        x=list(range(len(labels))),
        y=list(range(len(labels))),
        zmin=-0.5,
        zmax=3.5,
        # Two stops a colour: four flat steps, nothing between them.
        colorscale=[[stop / 4, colours[i]] for i in range(4) for stop in (i, i + 1)],
        xgap=2,
        ygap=2,
        text=[[_in_cell(verdict) for verdict in row] for row in matrix],
        texttemplate="%{text}",
        textfont={"color": inks(dark).text, "size": 12 if len(labels) <= 5 else 9},
        customdata=_hover(labels, pairs),
        hovertemplate="%{customdata}<extra></extra>",
        showscale=False,
    )
    numbered = [f"{place} · {label}" for place, label in enumerate(labels, start=1)]
    label_cells(figure, numbered, [str(place) for place in range(1, len(labels) + 1)])
    return figure


def _in_cell(verdict: Verdict | None) -> str:
    return "" if verdict is None else verdict.replace(" ", "<br>")


def _hover(labels: Sequence[str], pairs: Sequence[Pair]) -> list[list[str]]:
    cells = [[f"<b>{plain(label)}</b>"] * len(labels) for label in labels]
    matrix = verdict_matrix(pairs, len(labels))
    for pair in pairs:
        for row, column, only_row, only_column in (
            (pair.first, pair.second, pair.only_first, pair.only_second),
            (pair.second, pair.first, pair.only_second, pair.only_first),
        ):
            cells[row][column] = (
                f"<b>{plain(labels[row])}</b><br>beside {plain(labels[column])}: "
                f"<b>{matrix[row][column]}</b><br>"
                f"pictures that only the first names right: {only_row:,}<br>"
                f"only the second: {only_column:,}<br>"
                f"p {_p(pair.p)}, after Holm's correction {_p(pair.p_holm)}"
            )
    return cells


def _p(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}"
