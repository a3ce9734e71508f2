"""How the runs learned."""

from functools import partial

import streamlit as st

from pages.parts.chart import chart
from pages.parts.curves import curve
from pages.parts.kept import unless_kept
from tl_core.compare import Comparison
from tl_core.figures.curves import training_curves
from tl_core.figures.labels import label_curves
from tl_core.report.figures import label_curves_of
from tl_core.runs.store import Run


def draw(comparison: Comparison, runs: list[Run]) -> None:
    """Draw accuracy and loss of all runs over each other."""
    axes = ["epoch", "minutes"]
    by = st.segmented_control(
        "Along",
        axes,
        default=unless_kept("along", axes, axes[0]),
        required=True,
        key="along",
        bind="query-params",
    )
    drawn = [curve(run) for run in runs]
    for metric in ("accuracy", "loss"):
        with st.container(border=True):
            chart(
                partial(training_curves, drawn, metric, by),
                key=f"curves_{metric}",
                alt=f"{metric.capitalize()} of each run while training, by {by}",
            )
    _labels(comparison)


def _labels(comparison: Comparison) -> None:
    studied = label_curves_of(comparison)
    if studied:
        with st.container(border=True):
            chart(
                partial(label_curves, studied),
                key="labels",
                alt="Accuracy of each studied run with ever more labelled images of each class",
            )
            st.caption(
                "The run's head, trained anew on so many labelled images of each class. Read along "
                "a line where labelling more stops paying; between lines which network needs fewer."
            )
    missing = [row.run for row in comparison.runs if row.labels is None and not row.recorded]
    if missing:
        st.caption(
            "How many labels would have been enough? "
            + " or ".join(f"`tl labels {name}`" for name in missing[:2])
            + " finds out, in minutes, and keeps the answer with the run."
        )
