"""How runs learned, drawn over each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import plotly.graph_objects as go

from tl_core.figures.look import Across, Style, blank, draw_across, inks, plain, styles
from tl_core.progress import PHASE_TITLES, Phase
from tl_core.wording import percent

# A running epoch reports several times a second; more points than this cannot be told apart.
_MOST_STEPS = 200
# More marks on a line would make it one thick bar.
_MOST_MARKS = 40


@dataclass(frozen=True)
class CurvePoint:
    """One report of a run while it trains.

    `epoch` counts through head and fine-tuning alike, `seconds` from the start of the run; the
    accuracies are in 0..1. `ends_epoch` marks the means of a finished epoch.
    """

    epoch: float
    seconds: float
    phase: Phase
    ends_epoch: bool
    loss: float | None = None
    accuracy: float | None = None
    val_loss: float | None = None
    val_accuracy: float | None = None


@dataclass(frozen=True)
class CurveData:
    """One run's reports in the order they came; `best_epoch` is the epoch whose weights it kept."""

    label: str
    backbone: str
    points: tuple[CurvePoint, ...]
    best_epoch: int | None = None

    @property
    def ended(self) -> int:
        """How many epochs have ended."""
        return sum(point.ends_epoch for point in self.points)


def training_curves(
    runs: Sequence[CurveData],
    metric: Literal["accuracy", "loss"] = "accuracy",
    x: Literal["epoch", "minutes"] = "epoch",
    *,
    dark: bool = False,
) -> go.Figure:
    """Return the runs' curves: training dashed, validation solid, a star at the epoch kept.

    A dotted line in the run's colour stands where fine-tuning begins. Of the epoch that is still
    running the training's single steps are drawn, of finished epochs their means.
    """
    figure = blank(
        f"{metric.capitalize()} while training",
        note="solid: validation · dashed: training · ★ epoch kept",
        x="epoch" if x == "epoch" else "minutes since the run started",
        y="accuracy" if metric == "accuracy" else "loss (nats)",
        height=330 + 20 * len(runs),
        dark=dark,
    )
    figure.update_layout(legend={"groupclick": "togglegroup"})
    if metric == "accuracy":
        figure.update_yaxes(tickformat=".1~%")
    figure.update_xaxes(rangemode="tozero", tickformat=",~g")
    drawn = list(zip(runs, _styles(runs, dark), strict=True))
    for number, (run, style) in enumerate(drawn):
        _draw(figure, run, style, str(number), metric, x, dark)
    begun = [_begin_of_fine_tuning(run, style, x) for run, style in drawn]
    draw_across(figure, [line for line in begun if line])
    return figure


def _styles(runs: Sequence[CurveData], dark: bool) -> list[Style]:
    return styles([run.backbone for run in runs], dark)


def _draw(
    figure: go.Figure,
    run: CurveData,
    style: Style,
    group: str,
    metric: Literal["accuracy", "loss"],
    x: Literal["epoch", "minutes"],
    dark: bool,
) -> None:
    ended = [point for point in run.points if point.ends_epoch]
    running = [p for p in run.points if not p.ends_epoch and p.epoch > (_last_epoch(ended))]
    running = running[:: max(1, len(running) // _MOST_STEPS)]
    for key, points, name, dash in (
        (metric, ended + running, "training", "dash"),
        (f"val_{metric}", ended, "validation", "solid"),
    ):
        drawn = [point for point in points if getattr(point, key) is not None]
        # A run that has no validation yet still needs its line in the legend.
        figure.add_scatter(
            x=[_position(point, x) for point in drawn],
            y=[getattr(point, key) for point in drawn],
            name=plain(run.label),
            legendgroup=group,
            showlegend=name == "validation",
            mode="lines+markers" if name == "validation" or len(drawn) == 1 else "lines",
            line={"color": style.colour, "dash": dash, "width": 2.5 if dash == "solid" else 1.5},
            marker={
                "color": style.colour,
                "symbol": style.symbol,
                "size": 7,
                "maxdisplayed": _MOST_MARKS,
            },
            text=[_words(run, point, name, metric, key) for point in drawn],
            hovertemplate="%{text}<extra></extra>",
        )
    for point in ended:
        value = getattr(point, f"val_{metric}")
        if point.epoch == run.best_epoch and value is not None:
            figure.add_scatter(
                x=[_position(point, x)],
                y=[value],
                legendgroup=group,
                showlegend=False,
                mode="markers",
                marker={
                    "symbol": "star",
                    "size": 15,
                    "color": style.colour,
                    "line": {"width": 1.5, "color": inks(dark).text},
                },
                text=[f"{_words(run, point, 'validation', metric, f'val_{metric}')}<br>kept"],
                hovertemplate="%{text}<extra></extra>",
            )


def _begin_of_fine_tuning(
    run: CurveData, style: Style, x: Literal["epoch", "minutes"]
) -> Across | None:
    before = [point for point in run.points if point.phase == "head"]
    if not before or not any(point.phase == "fine-tune" for point in run.points):
        return None
    return Across(
        "x",
        _position(before[-1], x),
        line={"color": style.colour, "dash": "dot", "width": 1.5},
        note={
            "text": "fine-tuning",
            "textangle": -90,
            "xanchor": "right",
            "yanchor": "top",
            "font": {"size": 11, "color": style.colour},
        },
    )


def _last_epoch(ended: Sequence[CurvePoint]) -> float:
    return ended[-1].epoch if ended else 0.0


def _position(point: CurvePoint, x: Literal["epoch", "minutes"]) -> float:
    return point.epoch if x == "epoch" else point.seconds / 60


def _words(run: CurveData, point: CurvePoint, name: str, metric: str, key: str) -> str:
    value = getattr(point, key)
    figure = percent(value) if metric == "accuracy" else f"{value:.3f}"
    return (
        f"<b>{plain(run.label)}</b><br>{name} {metric} {figure}<br>"
        f"epoch {point.epoch:.3g}, {point.seconds / 60:.1f} min, "
        f"{PHASE_TITLES[point.phase].lower()}"
    )
