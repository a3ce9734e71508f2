"""Whether the models' confidence can be believed, and what it is good for."""

from functools import partial

import streamlit as st

from pages.parts.chart import chart
from pages.parts.table import table
from tl_core.compare import Comparison
from tl_core.evaluation.calibration import FEWEST_TO_SCALE_BY
from tl_core.figures.trust import Coverage, Reliability, coverage_curves, reliability_diagram
from tl_core.runs.store import Run
from tl_core.wording import percent


def draw(comparison: Comparison, runs: list[Run]) -> None:
    """Draw reliability, its figures before and after temperature scaling, and coverage."""
    left, right = st.columns(2, gap="small")
    with left.container(border=True):
        chart(
            partial(
                reliability_diagram,
                [
                    Reliability(r.title, r.backbone, r.believable.before, r.believable.after)
                    for r in comparison.runs
                ],
            ),
            key="reliability",
            alt="How often each run is right, against how sure it is",
        )
    with right.container(border=True):
        chart(
            partial(
                coverage_curves,
                [Coverage(r.title, r.backbone, r.coverage) for r in comparison.runs],
            ),
            key="coverage",
            alt="Accuracy of each run if its unsure answers are handed to a person",
        )
    _table(comparison)


def _table(comparison: Comparison) -> None:
    runs = comparison.runs
    columns: dict[str, list[str]] = {
        "Run": [run.title for run in runs],
        "Temperature": [
            "–" if run.believable.temperature is None else f"{run.believable.temperature:.2f}"
            for run in runs
        ],
    }
    for name, attribute, shown in (
        ("ECE", "ece", percent),
        ("Adaptive ECE", "adaptive_ece", percent),
        ("Brier", "brier", "{:.3f}".format),
        ("Loss", "loss", "{:.3f}".format),
    ):
        columns[name] = [shown(getattr(run.believable.before, attribute)) for run in runs]
        columns[f"{name}, scaled"] = [
            "–" if run.believable.after is None else shown(getattr(run.believable.after, attribute))
            for run in runs
        ]
    table(columns, alt="Calibration of each run before and after temperature scaling")
    st.caption(
        "ECE: expected calibration error, the mean gap between confidence and accuracy (15 bins of "
        "equal width; adaptive: of equally many pictures). Brier score and loss (nats): smaller is "
        "better. 'Scaled': after temperature scaling, its temperature fitted on validation; one "
        "above 1 means that the run was too sure of itself. There is none where fewer than "
        f"{FEWEST_TO_SCALE_BY} validation images are known, or all of them are named right."
    )
