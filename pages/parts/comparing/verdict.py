"""The answer first: which run is best, by how much, and whether that is more than chance."""

from functools import partial

import pandas as pd
import streamlit as st

from pages.parts import words
from pages.parts.chart import chart
from pages.parts.table import table
from tl_core.compare import Comparison
from tl_core.compare.document import ComparedRun
from tl_core.figures.bars import AccuracyBar, accuracy_bars
from tl_core.figures.seeds import SeedRow, seed_spread
from tl_core.figures.verdicts import verdict_table
from tl_core.runs.names import provenance, run_name
from tl_core.runs.store import Run
from tl_core.wording import interval, percent


def draw(comparison: Comparison, runs: list[Run]) -> None:
    """Draw the verdict, a card a run, accuracies with their intervals, and the table."""
    st.header(words.plain(comparison.verdict))
    with st.grid(4, min_column_width=230, gap="small") as grid:
        for row, run in zip(comparison.runs, runs, strict=True):
            with grid.container(border=True, height="stretch", gap="xsmall"):
                _card(row, run)
    _accuracies(comparison)
    _differences(comparison)
    _seeds(comparison)
    # A grid takes the browser longer than all that stands above it.
    every_figure = st.expander(
        "Every figure in one table", icon=":material/table:", key="every_figure", on_change="rerun"
    )
    if every_figure.open:
        with every_figure:
            _table(comparison)


def _card(row: ComparedRun, run: Run) -> None:
    st.markdown(f"{words.dot(row.backbone)} **{words.plain(run_name(run))}** {words.marks(run)}")
    st.metric("Top-1", percent(row.top1.value))
    top5 = f"Top-5 {percent(row.top5.value)} ({interval(row.top5)}) · "
    said = [
        f":gray[95 %: {interval(row.top1)}]",
        f"{top5 if row.has_top5 else ''}best epoch {row.best_epoch} of {row.epochs} · "
        f"{row.minutes:.1f} min to train · {row.ms_per_image:.1f} ms per image · "
        f"{words.millions(row.parameters)} parameters · {row.megabytes:.0f} MB",
    ]
    if row.recorded:
        said.append(f":gray[Recorded on {words.plain(provenance(run))}]")
    # One element, not three: each takes the browser some milliseconds.
    st.markdown("\n\n".join(f":small[{line}]" for line in said))


def _accuracies(comparison: Comparison) -> None:
    bars = [AccuracyBar(row.title, row.backbone, row.top1) for row in comparison.runs]
    several = len(comparison.runs) > 1
    places = st.columns([3, 2], gap="small") if several else [st.container()]
    with places[0].container(border=True, height="stretch"):
        chart(
            partial(accuracy_bars, bars, references=bool(comparison.references)),
            key="accuracy_bars",
            alt="Top-1 accuracy of each run with its 95 % interval",
        )
        if comparison.references:
            st.caption(comparison.references[0].source)
    if several:
        with places[1].container(border=True, height="stretch"):
            titles = [row.title for row in comparison.runs]
            chart(
                partial(verdict_table, titles, comparison.pairs),
                key="verdicts",
                alt="Which run is better than which, in words",
            )
            st.caption(
                "Exact McNemar test for each pair, Holm's correction for all of them together, "
                "level 0.05. 'Cannot tell' means that chance could do it."
            )


def _differences(comparison: Comparison) -> None:
    if comparison.differences:
        st.header("In what the runs differ")
        table(
            {
                "": [one.name.capitalize() for one in comparison.differences],
                **{
                    row.title: [one.values[place] for one in comparison.differences]
                    for place, row in enumerate(comparison.runs)
                },
            },
            alt="What the runs were made of, where it is not the same",
        )


def _seeds(comparison: Comparison) -> None:
    rows = [
        SeedRow(row.title, row.backbone, row.seeds)
        for row in comparison.runs
        if row.seeds.spread is not None
    ]
    if rows:
        with st.container(border=True):
            chart(
                partial(seed_spread, rows),
                key="seeds",
                alt="Accuracy of each seed of one recipe, with mean and spread",
            )


def _table(comparison: Comparison) -> None:
    frame = pd.DataFrame(
        {
            "Run": row.title,
            "Weights": row.weights,
            "Top-1 %": 100 * row.top1.value,
            "from": 100 * row.top1.low,
            "to": 100 * row.top1.high,
            "Top-5 %": 100 * row.top5.value if row.has_top5 else None,
            "Macro F1 %": 100 * row.macro_f1,
            "Validation %": 100 * row.val_accuracy,
            "Saved model %": 100 * row.saved_model_agreement,
            "Training images": row.training_images,
            "Best epoch": row.best_epoch,
            "Minutes": row.minutes,
            "ms per image": row.ms_per_image,
            "ms, 95th percentile": row.ms_per_image_p95,
            "Images/s": row.images_per_second,
            "Images/s, 95 % of batches": row.images_per_second_p5,
            "Parameters": row.parameters,
            "MB": row.megabytes,
        }
        for row in comparison.runs
    )
    shares = ("Top-1 %", "from", "to", "Top-5 %", "Macro F1 %", "Validation %", "Saved model %")
    rates = ("Images/s", "Images/s, 95 % of batches")
    tenths = (*shares, "Minutes", "ms per image", "ms, 95th percentile")
    st.dataframe(
        frame,
        hide_index=True,
        alt="The runs with their accuracy and cost; click a column's title to sort",
        column_config={
            "Run": st.column_config.TextColumn(pinned=True),
            **{name: st.column_config.NumberColumn(format="%.1f") for name in tenths},
            **{name: st.column_config.NumberColumn(format="%.0f") for name in rates},
            "Parameters": st.column_config.NumberColumn(format="compact"),
            "MB": st.column_config.NumberColumn(format="%.0f"),
        },
    )
    st.caption(
        "'from' and 'to' bound the 95 % interval of top-1. 'Saved model %': how many pictures the "
        "saved model, which Predict asks and which computes in float32, answers as they were "
        "answered when the run was measured. A column's title sorts by it."
    )
