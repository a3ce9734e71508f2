"""The latest runs, a line each, with what came of them."""

import streamlit as st

from pages.parts import words
from tl_core.runs.names import run_title
from tl_core.runs.store import Run

_MOST = 6


def latest_runs(runs: list[Run]) -> None:
    """Draw the newest runs and what came of them; nothing where there are none."""
    if not runs:
        return
    st.header("Latest runs")
    st.table(
        {
            "Run": [_name(run) for run in runs[:_MOST]],
            "Top-1": [_result(run) for run in runs[:_MOST]],
            "Data": ["" if run.problem else words.dataset_title(run) for run in runs[:_MOST]],
            "When": ["" if run.problem else words.ago(run.status.created) for run in runs[:_MOST]],
        },
        border="horizontal",
        hide_index=True,
        alt="The latest runs and what came of them",
    )
    if len(runs) > _MOST:
        st.caption(f"And {len(runs) - _MOST} more; `tl runs` lists them all.")


def _name(run: Run) -> str:
    if run.problem:
        return run.id
    return f"{words.dot(run.recipe.backbone)} {run_title(run)} {words.marks(run)}"


def _result(run: Run) -> str:
    if run.problem:
        return f":red-badge[unreadable] :small[{run.problem}]"
    if run.evaluation:
        top1 = run.evaluation.top1
        return f"**{words.percent(top1.value)}** :gray[:small[{words.interval(top1)}]]"
    message = f" :gray[:small[{run.status.message}]]" if run.status.message else ""
    return words.STATE_BADGES[run.status.state] + message
