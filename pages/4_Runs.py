"""Runs: what waits and in which order, everything that is stored, the bin, and runs from afar."""

import streamlit as st

from pages.parts import shell, words
from pages.parts.history import about, binned, table, taking_in, waiting
from tl_core.runs import queue
from tl_core.runs.recorded import recorded_runs
from tl_core.runs.store import list_runs

with shell.page("Runs"):
    st.title("Runs")
    queue.refresh()
    waiting.draw()
    runs = [*list_runs(), *recorded_runs()]
    if runs:
        st.header("Stored runs")
        chosen = table.draw(runs)
        if chosen is not None:
            about.draw(chosen, runs)
    else:
        words.empty(
            "Nothing is stored yet.",
            shell.TRAIN,
            "Train a network",
            ":material/model_training:",
        )
    taking_in.draw()
    binned.draw()
