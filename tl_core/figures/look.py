"""The one look of every figure: fonts, colours, grid, paper, and how runs are told apart."""

import html
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import plotly.graph_objects as go

from tl_core.backbones.table import BACKBONES

FONT = '"Source Sans", "Source Sans 3", system-ui, "Segoe UI", Roboto, sans-serif'

# Every backbone begins with one of its own, so that runs are told apart without their colours.
SYMBOLS = (
    "circle",
    "diamond-open",
    "square",
    "triangle-up-open",
    "x",
    "circle-open",
    "diamond",
    "square-open",
)

# From little to much. One slate hue, which no backbone has, that only its lightness tells apart,
# so that colour-blind people read it; the theme's text has a contrast of 4.5 on every step.
_SLATE_ON_LIGHT = ("#f4f6f8", "#c9d5e0", "#94aec4", "#7396b3")
_SLATE_ON_DARK = ("#18201f", "#24343f", "#2f4a5e", "#3a627f")

# Pixels that an axis takes beside the plot: its numbers, and its name. They are given, because
# Plotly draws every axis twice where it has to find them by itself.
_NUMBERS_BELOW, _NUMBERS_LEFT, _AXIS_NAME = 24, 36, 22


@dataclass(frozen=True)
class Inks:
    """The colours of one theme; each text colour has a contrast of at least 4.5 to its paper."""

    text: str
    quiet: str
    grid: str
    neutral: str
    label: str


LIGHT = Inks(text="#1c2826", quiet="#5b6663", grid="#d8ddd8", neutral="#6b7572", label="#ffffff")
DARK = Inks(text="#e6ece9", quiet="#a3afab", grid="#33413e", neutral="#8d9995", label="#1b2523")


@dataclass(frozen=True)
class Style:
    """How one run is drawn."""

    colour: str
    symbol: str


def inks(dark: bool) -> Inks:
    """Return the colours for dark or light paper."""
    return DARK if dark else LIGHT


def colour_of(backbone: str | None, dark: bool) -> str:
    """Return the backbone's own colour, or a grey for what is no single backbone."""
    return BACKBONES[backbone].colour if backbone in BACKBONES else inks(dark).neutral


def styles(backbones: Sequence[str | None], dark: bool) -> list[Style]:
    """Return one style a run: its backbone's colour, and a symbol that no other of eight has."""
    known = list(BACKBONES)
    found: list[Style] = []
    for number, backbone in enumerate(backbones):
        own = known.index(backbone) if backbone in BACKBONES else len(known)
        following = [*SYMBOLS[own % len(SYMBOLS) :], *SYMBOLS[: own % len(SYMBOLS)]]
        taken = {style.symbol for style in found[number - number % len(SYMBOLS) :]}
        symbol = next(symbol for symbol in following if symbol not in taken)
        found.append(Style(colour_of(backbone, dark), symbol))
    return found


def colour_scale(dark: bool) -> list[list[float | str]]:
    """Return the scale of every heat map, from little to much."""
    colours = _SLATE_ON_DARK if dark else _SLATE_ON_LIGHT
    return [[i / (len(colours) - 1), colour] for i, colour in enumerate(colours)]


def plain(text: str) -> str:
    """Return `text` so that Plotly shows it as it stands, whatever tags it seems to hold."""
    return html.escape(text, quote=False)


def wrapped(text: str, width: int) -> str:
    """Return `text` as `plain` does, broken into lines of at most `width` characters.

    Underscores turn into spaces, so that a class name such as 'aquarium_fish' breaks between words.
    """
    lines = textwrap.wrap(text.replace("_", " "), width)
    return "<br>".join(plain(line) for line in lines or [""])


@dataclass(frozen=True)
class Across:
    """A line across the whole plot at one `value` of one axis, and what is written at its end."""

    axis: Literal["x", "y"]
    value: float
    line: dict[str, object]
    note: dict[str, object]


def draw_across(figure: go.Figure, lines: Sequence[Across]) -> None:
    """Draw all of a figure's lines at once, which Plotly's own way takes 20 ms each for."""
    shapes, notes = [], []
    for one in lines:
        along = "x" if one.axis == "y" else "y"
        places = {f"{one.axis}ref": one.axis, f"{along}ref": f"{along} domain"}
        ends = {
            f"{one.axis}0": one.value,
            f"{one.axis}1": one.value,
            f"{along}0": 0,
            f"{along}1": 1,
        }
        shapes.append({"type": "line", **places, **ends, "line": one.line})
        notes.append({**places, one.axis: one.value, along: 1, "showarrow": False, **one.note})
    figure.update_layout(shapes=shapes, annotations=notes)


def blank(
    title: str,
    *,
    note: str = "",
    x: str = "",
    y: str = "",
    height: int = 380,
    dark: bool = False,
) -> go.Figure:
    """Return an empty figure that carries the look; the width is the page's.

    `title` says what the figure shows and `note` how to read it; `x` and `y` name the axes with
    their units. `height` is in pixels.
    """
    colours = inks(dark)
    axis = {
        "gridcolor": colours.grid,
        "linecolor": colours.grid,
        "zeroline": False,
        "automargin": False,
        "tickfont": {"color": colours.quiet, "size": 12},
    }
    axis_title = {"font": {"color": colours.quiet, "size": 12}, "standoff": 8}
    return go.Figure(
        layout={
            # Without this, Plotly's own default template is merged into every figure.
            "template": "none",
            "height": height,
            "autosize": True,
            "margin": {
                "l": 8 + _NUMBERS_LEFT + (_AXIS_NAME if y else 0),
                "r": 12,
                "t": 62 if note else 44,
                "b": _NUMBERS_BELOW + (_AXIS_NAME if x else 0),
            },
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": FONT, "size": 13, "color": colours.text},
            "title": {
                "text": title,
                "subtitle": {"text": note, "font": {"size": 12, "color": colours.quiet}},
                "font": {"size": 15, "color": colours.text, "weight": 600},
                "x": 0,
                "xref": "container",
                "xanchor": "left",
                "y": 1,
                "yref": "container",
                "yanchor": "top",
                "pad": {"t": 8, "l": 4},
            },
            "xaxis": {**axis, "title": {**axis_title, "text": x}},
            "yaxis": {**axis, "title": {**axis_title, "text": y}},
            "legend": {
                "orientation": "h",
                "x": 0,
                "xanchor": "left",
                # A share of the plot's height, which leaves room for the axis above the legend.
                # Bound to the figure's lower edge, it would not count what the axis takes.
                "y": -0.2,
                "yanchor": "top",
                "tracegroupgap": 0,
                "font": {"size": 12, "color": colours.text},
                "bgcolor": "rgba(0,0,0,0)",
            },
            "hoverlabel": {
                "bgcolor": colours.label,
                "bordercolor": colours.neutral,
                "font": {"family": FONT, "size": 12, "color": colours.text},
                "align": "left",
            },
            "hovermode": "closest",
            # Plotly's share button would send the figure to a server of its maker.
            "modebar": {
                "bgcolor": "rgba(0,0,0,0)",
                "color": colours.quiet,
                "activecolor": colours.text,
                "remove": ["sendChartToCloud", "select2d", "lasso2d"],
            },
        }
    )
