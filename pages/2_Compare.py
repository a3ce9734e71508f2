"""Compare: finished runs side by side, with the uncertainty of what they reached."""

import streamlit as st

from pages.parts import shell, words
from pages.parts.chart import load_plotly
from pages.parts.compare import curves, overview
from pages.parts.selection import choose_runs, left_out
from tl_core.runs import queue
from tl_core.runs.store import list_runs

with shell.page("Compare"):
    st.title("Compare")
    queue.refresh()
    everything = list_runs()
    runs = choose_runs(everything, key="runs", label="Runs")
    if not runs:
        if any(run.evaluation for run in everything):
            st.info("Choose at least one run above.", icon=":material/touch_app:")
        else:
            words.empty(
                "There is no finished run to show yet.",
                shell.TRAIN,
                "Train a network",
                ":material/model_training:",
            )
        st.stop()

    load_plotly()
    if words.is_demo(runs[0]):
        st.caption(
            f"{words.DEMO_BADGE} These pictures were made by code: the figures show how the "
            "product works and say nothing about real pictures."
        )
    first, second = st.tabs(["Overview", "Curves"], key="tab", bind="query-params")
    if first.open:
        with first:
            overview(runs)
    if second.open:
        with second:
            curves(runs)

    missing = left_out(everything)
    if missing:
        with st.expander(f"Left out: {len(missing)}", icon=":material/block:"):
            for sentence in missing:
                st.caption(sentence)
