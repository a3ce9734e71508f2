"""Tables drawn as coloured cells."""

import html
from collections.abc import Sequence
from unicodedata import east_asian_width

import plotly.graph_objects as go

from tl_core.figures.look import colour_scale, inks, plain, wrapped

# So many columns still have room for their number on a phone.
FEW = 8

# Pixels of a character of the rows' names, in the wider of the fonts that may be there.
_CHARACTER = 6.5


def draw_cells(
    figure: go.Figure,
    shares: Sequence[Sequence[float | None]],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    words: Sequence[Sequence[str]],
    hover: Sequence[Sequence[str]],
    most: float,
    dark: bool,
) -> None:
    """Draw rows×columns as cells coloured by `shares`, 0 to `most`; None leaves a cell empty.

    `words` stand in the cells as long as there are few columns; `hover` says the same in full.
    """
    few = len(columns) <= FEW
    figure.add_heatmap(
        z=shares,
        x=list(range(len(columns))),
        y=list(range(len(rows))),
        zmin=0,
        zmax=most,
        colorscale=colour_scale(dark),
        xgap=2 if few else 1,
        ygap=2 if few else 1,
        text=words,
        texttemplate="%{text}" if few else None,
        textfont={"color": inks(dark).text, "size": 12},
        customdata=hover,
        hovertemplate="%{customdata}<extra></extra>",
        hoverongaps=False,
        showscale=False,
    )
    label_cells(figure, rows, columns)


def label_cells(figure: go.Figure, rows: Sequence[str], columns: Sequence[str]) -> None:
    """Name the rows on the left, from the top down, and the columns above the cells."""
    few = len(columns) <= FEW
    names = [wrapped(column, 12) if few else shortened(column) for column in columns]
    figure.update_xaxes(
        tickvals=list(range(len(columns))),
        ticktext=names,
        tickangle=0 if few else -90,
        tickfont={"size": 11},
        side="top",
        showgrid=False,
    )
    titles = [wrapped(row, 20) if few else shortened(row) for row in rows]
    figure.update_yaxes(
        tickvals=list(range(len(rows))),
        ticktext=titles,
        tickfont={"size": 11},
        autorange="reversed",
        showgrid=False,
    )
    lines = max((name.count("<br>") + 1 for name in names), default=1)
    longest = max((len(name) for name in names), default=1)
    figure.update_layout(
        margin={
            "t": 70 + 15 * lines if few else 76 + 7 * longest,
            "l": 14 + _CHARACTER * max((_width(title) for title in titles), default=0),
            "b": 8,
        }
    )


def _width(title: str) -> int:
    """Return the characters of the longest line as it is shown; a wide one counts as two."""
    lines = [html.unescape(line) for line in title.split("<br>")]
    return max(sum(1 + (east_asian_width(letter) in "WF") for letter in line) for line in lines)


def shortened(text: str, width: int = 18) -> str:
    """Return `text` cut to `width` characters, safe to show."""
    return plain(text if len(text) <= width else f"{text[: width - 1].rstrip()}…")
