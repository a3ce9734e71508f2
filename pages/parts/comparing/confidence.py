"""Whether the models' confidence can be believed, and what it is good for."""

from functools import partial

import pandas as pd
import streamlit as st

from pages.parts.chart import chart
from tl_core.compare import Comparison
from tl_core.figures.trust import Coverage, Reliability, coverage_curves, reliability_diagram
from tl_core.runs.store import Run


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
    rows = []
    for run in comparison.runs:
        before, after = run.believable.before, run.believable.after
        row: dict[str, object] = {"Run": run.title, "Temperature": run.believable.temperature}
        for name, attribute in (
            ("ECE", "ece"),
            ("Adaptive ECE", "adaptive_ece"),
            ("Brier", "brier"),
            ("Loss", "loss"),
        ):
            row[name] = getattr(before, attribute)
            row[f"{name}, scaled"] = getattr(after, attribute) if after else None
        rows.append(row)
    numbers = [name for name in rows[0] if name != "Run"]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        alt="Calibration of each run before and after temperature scaling",
        column_config={
            "Run": st.column_config.TextColumn(pinned=True),
            **{name: st.column_config.NumberColumn(format="%.3f") for name in numbers},
        },
    )
    st.caption(
        "ECE: expected calibration error, the mean gap between confidence and accuracy (15 bins of "
        "equal width; adaptive: of equally many pictures). Brier score and loss (nats): smaller is "
        "better. 'Scaled': after temperature scaling, its temperature fitted on validation; one "
        "above 1 means that the run was too sure of itself."
    )
