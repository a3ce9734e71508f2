"""The latest runs, a line each, with what came of them."""

import textwrap

import streamlit as st

from pages.parts import words
from pages.parts.shell import COMPARE, RUNS
from tl_core.runs.names import run_name
from tl_core.runs.store import Run
from tl_core.wording import interval, percent

_MOST = 6
_LONGEST = 80


def latest_runs(made_here: list[Run], recorded: list[Run]) -> None:
    """Draw the newest runs made here and what came of them, then those that were recorded."""
    if made_here:
        st.header("Latest runs")
        _table(made_here[:_MOST], "The latest runs and what came of them")
        if len(made_here) > _MOST:
            more = f"And {len(made_here) - _MOST} more"
            st.page_link(RUNS, label=more, icon=":material/history:")
    if recorded:
        st.header("Recorded runs")
        st.caption("Made elsewhere, behind the figures in the README, to look at before your own.")
        _table(recorded[:_MOST], "The recorded runs and what they reached")
        st.page_link(
            COMPARE,
            label="Compare them",
            icon=":material/leaderboard:",
            query_params=[("runs", run.id) for run in recorded[:_MOST]],
        )


def _table(runs: list[Run], alt: str) -> None:
    st.table(
        {
            "Run": [_name(run) for run in runs],
            "Top-1": [_result(run) for run in runs],
            "Data": ["" if run.problem else words.plain(words.dataset_title(run)) for run in runs],
            "When": ["" if run.problem else words.ago(run.status.created) for run in runs],
        },
        border="horizontal",
        hide_index=True,
        alt=alt,
    )


def _name(run: Run) -> str:
    if run.problem:
        return words.plain(run.id)
    return f"{words.dot(run.recipe.backbone)} {words.plain(run_name(run))} {words.marks(run)}"


def _result(run: Run) -> str:
    if run.problem:
        problem = textwrap.shorten(run.problem, _LONGEST, placeholder=" …")
        return f"{words.UNREADABLE_BADGE} :small[{words.said(problem)}]"
    if run.figures:
        top1 = run.figures.top1
        return f"**{percent(top1.value)}** :gray[:small[{interval(top1)}]]"
    # The page of the runs has the rest of it.
    message = textwrap.shorten(run.status.message or "", _LONGEST, placeholder=" …")
    said = f" :gray[:small[{words.said(message)}]]" if message else ""
    return words.STATE_BADGES[run.status.state] + said
