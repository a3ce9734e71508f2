"""What a point of accuracy costs."""

from functools import partial

import streamlit as st

from pages.parts import words
from pages.parts.chart import chart
from pages.parts.kept import unless_kept
from pages.parts.table import table
from tl_core.compare import Comparison
from tl_core.evaluation.pareto import COSTS
from tl_core.figures.costs import CostPoint, cost_scatter
from tl_core.progress import PHASES
from tl_core.runs.store import Run


def draw(comparison: Comparison, runs: list[Run]) -> None:
    """Draw accuracy against the cost that the reader cares for."""
    kinds = list(comparison.costs)
    kind = st.segmented_control(
        "Cost",
        kinds,
        default=unless_kept("cost", kinds, kinds[0]),
        required=True,
        format_func=lambda name: comparison.costs[name].title,
        key="cost",
        bind="query-params",
        wrap=True,
    )
    costs = comparison.costs[kind]
    points = [
        CostPoint(row.title, row.backbone, cost, row.top1)
        for row, cost in zip(comparison.runs, costs.values, strict=True)
    ]
    with st.container(border=True):
        chart(
            partial(cost_scatter, points, COSTS[kind], references=bool(comparison.references)),
            key="cost_scatter",
            alt=f"Top-1 accuracy against {costs.title.lower()} of each run",
        )
        best = words.plain(", ".join(comparison.runs[place].title for place in costs.front))
        st.caption(
            f"By these figures nothing here is both cheaper and more accurate than: {best}; which "
            "differences are more than chance is said in Verdict. Milliseconds are the "
            "median of single pictures, warm; every run was timed in the same way. On a machine "
            "that was busy with other things all of them are too many; `tl measure RUN` times a "
            "run's answers again."
        )
    _time(comparison)


def _time(comparison: Comparison) -> None:
    phases = [
        name
        for name in ("start", *PHASES)
        if any(name in run.seconds or name in run.estimated_seconds for run in comparison.runs)
    ]
    table(
        {
            "Run": [run.title for run in comparison.runs],
            "Whole run": [
                words.taken(sum(run.seconds.values()), sum(run.estimated_seconds.values()) or None)
                for run in comparison.runs
            ],
            **{
                name.capitalize(): [
                    words.taken(run.seconds.get(name), run.estimated_seconds.get(name))
                    for run in comparison.runs
                ]
                for name in phases
            },
        },
        alt="What each phase of each run took, beside what was expected",
    )
    st.caption(
        "What each phase took and, in brackets, what was expected before it began, as if nothing "
        "were cached: a run that found its features in the cache took less. Runs made before this "
        "was kept show no expectation."
    )
