"""Whether confidence can be believed, and what it is good for."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from tl_core.evaluation.calibration import Calibration
from tl_core.evaluation.coverage import CoveragePoint
from tl_core.figures.look import Style, blank, inks, plain, styles
from tl_core.wording import interval, percent


@dataclass(frozen=True)
class Reliability:
    """One run's calibration as it is and, where there is one, after temperature scaling."""

    label: str
    backbone: str | None
    before: Calibration
    after: Calibration | None = None


@dataclass(frozen=True)
class Coverage:
    """One run's accuracy against the share of pictures it answers."""

    label: str
    backbone: str | None
    curve: tuple[CoveragePoint, ...]


def reliability_diagram(runs: Sequence[Reliability], *, dark: bool = False) -> go.Figure:
    """Return accuracy against confidence by bin; below the diagonal a run is over-confident.

    Solid as it is, dotted after temperature scaling. A larger mark stands for more pictures.
    """
    scaled = any(run.after for run in runs)
    figure = blank(
        "Is it right as often as it is sure?",
        note="below the line: too sure" + (" · dotted: temperature-scaled" if scaled else ""),
        x="confidence of the answer",
        y="share of these answers that are right",
        height=390 + 20 * len(runs),
        dark=dark,
    )
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": inks(dark).neutral, "width": 1.5},
        hoverinfo="skip",
        showlegend=False,
    )
    drawn = zip(runs, styles([run.backbone for run in runs], dark), strict=True)
    for number, (run, style) in enumerate(drawn):
        _draw_bins(figure, run.label, run.before, style, str(number), "")
        if run.after:
            _draw_bins(figure, run.label, run.after, style, str(number), "temperature-scaled")
    figure.update_xaxes(range=[0, 1.02], tickformat=".0%")
    figure.update_yaxes(range=[0, 1.02], tickformat=".0%")
    figure.update_layout(showlegend=True, legend={"groupclick": "togglegroup"})
    return figure


def coverage_curves(runs: Sequence[Coverage], *, dark: bool = False) -> go.Figure:
    """Return accuracy on the pictures a run answers when it hands its unsure ones to a person."""
    figure = blank(
        "Accuracy if a person gets the unsure ones",
        note="its surest answers from the left · band: 95 % interval",
        x="share of pictures the run answers itself",
        y="accuracy on those",
        height=370 + 20 * len(runs),
        dark=dark,
    )
    for run, style in zip(runs, styles([run.backbone for run in runs], dark), strict=True):
        _draw_interval(figure, run, style)
        figure.add_scatter(
            x=[point.coverage for point in run.curve],
            y=[point.accuracy.value for point in run.curve],
            name=plain(run.label),
            legendgroup=plain(run.label),
            mode="lines+markers",
            line={"color": style.colour, "width": 2.5},
            marker={
                "color": style.colour,
                "symbol": style.symbol,
                "size": 8,
                "maxdisplayed": 10,
            },
            text=[
                f"<b>{plain(run.label)}</b><br>{percent(point.accuracy.value)} "
                f"({interval(point.accuracy)}) right on "
                f"{percent(point.coverage)} of the pictures<br>"
                f"confidence at least {percent(point.confidence)}"
                for point in run.curve
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    # The first few answers' intervals are wide, and would press everything else together.
    seen = [point.accuracy.value for run in runs for point in run.curve]
    figure.update_xaxes(range=[0, 1.02], tickformat=".0%")
    figure.update_yaxes(range=[max(min(seen, default=0) - 0.05, 0), 1.02], tickformat=".1~%")
    figure.update_layout(showlegend=True)
    return figure


def _draw_interval(figure: go.Figure, run: Coverage, style: Style) -> None:
    there = [point.coverage for point in run.curve]
    figure.add_scatter(
        x=[*there, *reversed(there)],
        y=[
            *(point.accuracy.high for point in run.curve),
            *(point.accuracy.low for point in reversed(run.curve)),
        ],
        legendgroup=plain(run.label),
        showlegend=False,
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor=style.colour,
        opacity=0.15,
        hoverinfo="skip",
    )


def _draw_bins(
    figure: go.Figure,
    label: str,
    calibration: Calibration,
    style: Style,
    group: str,
    what: str,
) -> None:
    images = sum(b.accuracy.n for b in calibration.bins)
    figure.add_scatter(
        x=[b.confidence for b in calibration.bins],
        y=[b.accuracy.value for b in calibration.bins],
        name=plain(label),
        legendgroup=group,
        showlegend=not what,
        mode="lines+markers",
        line={
            "color": style.colour,
            "width": 1.5 if what else 2,
            "dash": "dot" if what else "solid",
        },
        marker={
            "color": style.colour,
            "symbol": style.symbol,
            "opacity": 1,
            "line": {"width": 1, "color": style.colour},
            "size": [5 + 14 * (b.accuracy.n / images) ** 0.5 for b in calibration.bins],
        },
        text=[
            f"<b>{plain(label)}</b>{'<br>' + what if what else ''}<br>"
            f"sure to {percent(b.confidence)}, right in {percent(b.accuracy.value)}<br>"
            f"({interval(b.accuracy)}, "
            f"{b.accuracy.n:,} pictures)<br>expected calibration error {percent(calibration.ece)}"
            for b in calibration.bins
        ],
        hovertemplate="%{text}<extra></extra>",
    )
