"""How the runs learned."""

from functools import partial

import streamlit as st

from pages.parts.chart import chart
from pages.parts.curves import curve
from tl_core.compare import Comparison
from tl_core.figures.curves import training_curves
from tl_core.runs.store import Run


def draw(comparison: Comparison, runs: list[Run]) -> None:
    """Draw accuracy and loss of all runs over each other."""
    by = st.segmented_control(
        "Along",
        ["epoch", "minutes"],
        default="epoch",
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
