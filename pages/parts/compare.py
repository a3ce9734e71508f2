"""The sections of the Compare page."""

from functools import partial

import pandas as pd
import streamlit as st

from pages.parts import words
from pages.parts.chart import chart
from pages.parts.curves import curve
from tl_core.evaluation.reference import notebook
from tl_core.figures.bars import AccuracyBar, accuracy_bars
from tl_core.figures.curves import training_curves
from tl_core.runs.store import Run


def overview(runs: list[Run]) -> None:
    """Draw the metric row, the accuracy bars and the table."""
    best_first = sorted(runs, key=lambda run: run.evaluation.top1.value, reverse=True)
    with st.grid(4, min_column_width=230, gap="small") as grid:
        for run in best_first:
            with grid.container(border=True, height="stretch", gap="xsmall"):
                _metrics(run)
    with st.container(border=True):
        bars = [
            AccuracyBar(words.run_title(run), run.recipe.backbone, run.evaluation.top1)
            for run in best_first
        ]
        # The notebook was tested on CIFAR-100: beside other pictures its figures mean nothing.
        references = runs[0].outcome.dataset.name == "cifar100"
        chart(
            partial(accuracy_bars, bars, references=references),
            key="accuracy_bars",
            alt="Top-1 accuracy of each run with its 95 % interval",
        )
        shown = [notebook(run.recipe.backbone) for run in runs] if references else []
        if any(shown):
            st.caption(next(reference.source for reference in shown if reference))
    st.dataframe(
        _table(best_first),
        hide_index=True,
        alt="The runs with their accuracy and cost; click a column's title to sort",
        column_config={
            "Run": st.column_config.TextColumn(pinned=True),
            **{
                name: st.column_config.NumberColumn(format="percent")
                for name in ("Top-1", "from", "to", "Top-5", "Validation")
            },
            "Minutes": st.column_config.NumberColumn(format="%.1f"),
            "ms per image": st.column_config.NumberColumn(format="%.1f"),
            "Parameters": st.column_config.NumberColumn(format="compact"),
            "MB": st.column_config.NumberColumn(format="%.0f"),
        },
    )
    st.caption("'from' and 'to' bound the 95 % interval of top-1. A column's title sorts by it.")


def curves(runs: list[Run]) -> None:
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


def _metrics(run: Run) -> None:
    evaluation, outcome = run.evaluation, run.outcome
    st.markdown(f"{words.dot(run.recipe.backbone)} **{words.run_title(run)}** {words.marks(run)}")
    st.metric("Top-1", words.percent(evaluation.top1.value))
    st.caption(f"95 %: {words.interval(evaluation.top1)}")
    st.markdown(
        f":small[Top-5 {words.percent(evaluation.top5.value)} · "
        f"{words.duration(sum(outcome.cost.seconds.values()))} to train · "
        f"{outcome.cost.ms_per_image:.1f} ms per image · "
        f"{words.megabytes(outcome.cost.model_bytes)}]"
    )


def _table(runs: list[Run]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Run": words.run_title(run),
            "Data": words.dataset_title(run),
            "Weights": run.outcome.weights.kind,
            "Top-1": run.evaluation.top1.value,
            "from": run.evaluation.top1.low,
            "to": run.evaluation.top1.high,
            "Top-5": run.evaluation.top5.value,
            "Validation": run.outcome.val_accuracy,
            "Best epoch": run.outcome.best_epoch,
            "Minutes": sum(run.outcome.cost.seconds.values()) / 60,
            "ms per image": run.outcome.cost.ms_per_image,
            "Parameters": run.outcome.cost.parameters,
            "MB": run.outcome.cost.model_bytes / 1e6,
        }
        for run in runs
    )
