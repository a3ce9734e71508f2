"""Home: what this is, what was found on this machine, the latest runs and one next step."""

import streamlit as st

from pages.parts.found import found_here
from pages.parts.latest import latest_runs
from pages.parts.next_step import next_step
from tl_core.runs import queue
from tl_core.runs.recorded import recorded_runs
from tl_core.runs.store import list_runs


def draw() -> None:
    """Draw the page."""
    st.title("Which pretrained network should you start from?")
    st.markdown(
        "Transfer Lab trains image classifiers from pretrained networks on your few labelled "
        "pictures, on this machine. It shows what each network reaches, how sure that is, and "
        "what it costs in time, memory and milliseconds per answer."
    )
    queue.refresh()
    runs = list_runs()
    next_step([run for run in runs if not run.problem])
    latest_runs(runs, recorded_runs())
    found_here()
