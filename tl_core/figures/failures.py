"""Where models fail: by superclass, and which class is taken for which."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from tl_core.figures.cells import FEW, draw_cells, shortened
from tl_core.figures.look import blank, plain
from tl_core.wording import percent

# More classes than these cannot be told apart as cells of one figure.
MOST_CLASSES = 30


def superclass_heat_map(
    superclasses: Sequence[str],
    runs: Sequence[str],
    accuracy: NDArray[np.float64],
    pictures: Sequence[int],
    bounds: tuple[Sequence[Sequence[float]], Sequence[Sequence[float]]],
    *,
    dark: bool = False,
) -> go.Figure:
    """Return accuracy (0..1, superclasses×runs) as a heat map, the hardest superclass on top.

    `pictures` are the test pictures of each superclass, `bounds` the lower and upper ends of the
    intervals (superclasses×runs each). Cells of a superclass without any hold NaN
    and stay empty.
    """
    means = [row[~np.isnan(row)].mean() if not np.isnan(row).all() else 2.0 for row in accuracy]
    order = np.argsort(means, kind="stable").tolist()
    shares = [[None if np.isnan(v) else float(v) for v in accuracy[s]] for s in order]
    figure = blank(
        "Accuracy per superclass",
        note="share of its pictures named right, hardest on top",
        height=120 + 29 * len(superclasses),
        dark=dark,
    )
    draw_cells(
        figure,
        shares,
        rows=[superclasses[s] for s in order],
        columns=runs,
        words=[["" if v is None else f"{100 * v:.0f}%" for v in row] for row in shares],
        hover=[
            [
                f"<b>{plain(superclasses[s])}</b><br>{plain(run)}<br>"
                + (
                    "no test pictures"
                    if v is None
                    else f"{percent(v)} of {pictures[s]:,} pictures<br>"
                    f"95 %: {percent(low)} to {percent(high)}"
                )
                for run, v, low, high in zip(runs, row, bounds[0][s], bounds[1][s], strict=True)
            ]
            for s, row in zip(order, shares, strict=True)
        ],
        most=1.0,
        dark=dark,
    )
    return figure


def confusion_heat_map(
    run: str,
    counts: NDArray[np.int64],
    rows: Sequence[str],
    columns: Sequence[str],
    totals: Sequence[int],
    *,
    dark: bool = False,
) -> go.Figure:
    """Return how many pictures of each row got each column as the answer of `run`.

    `totals` are all test pictures of each row, more than `counts` sums up to where only some
    columns are shown. A cell's colour is its share of the row's total. Where row and column carry
    one name the answer was right; those cells play no part in the scale, so that mistakes show.
    """
    share = counts / np.maximum(np.asarray(totals), 1)[:, None]
    right = np.array([[row == column for column in columns] for row in rows])
    wrong = share[~right]
    most = float(wrong.max()) if wrong.size and wrong.max() > 0 else 1.0
    size = 29 if len(columns) <= FEW else 17
    figure = blank(
        shortened(run, 42),
        note="confusions · rows: the truth · columns: the answer",
        height=120 + size * len(rows) + (0 if len(columns) <= FEW else 90),
        dark=dark,
    )
    draw_cells(
        figure,
        share.tolist(),
        rows=rows,
        columns=columns,
        words=[[str(cell) if cell else "" for cell in row] for row in counts.tolist()],
        hover=[
            [
                f"{counts[r, c]:,} of {totals[r]:,} pictures of <b>{plain(row)}</b><br>"
                f"called <b>{plain(column)}</b>{' ✓' if right[r, c] else ''}<br>"
                f"{percent(share[r, c])}"
                for c, column in enumerate(columns)
            ]
            for r, row in enumerate(rows)
        ],
        most=most,
        dark=dark,
    )
    return figure
