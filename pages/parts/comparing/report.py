"""Results for people who do not have this machine."""

import streamlit as st

from pages.parts import words
from pages.parts.log import logged
from tl_core.compare import Comparison
from tl_core.report import model_card, report
from tl_core.runs.store import Run


def draw(comparison: Comparison, runs: list[Run]) -> None:
    """Offer the comparison as one HTML file, and a model card for each run."""
    left, right = st.columns(2, gap="small")
    with left.container(border=True, height="stretch"):
        st.markdown("**The whole comparison**")
        st.caption(
            "One HTML file with every section and its figures to explore. It opens anywhere, also "
            "offline, and asks nobody for anything."
        )
        # Made when it is asked for: it holds pictures and Plotly's script, some megabytes.
        st.download_button(
            "Download the report",
            logged(lambda: report(comparison, runs).encode()),
            "transfer-lab-report.html",
            "text/html",
            icon=":material/download:",
            type="primary",
            on_click="ignore",
        )
    with right.container(border=True, height="stretch"):
        st.markdown("**Model cards**")
        st.caption(
            "What a run is, what it was made of, how good it is and where it ends, in Markdown."
        )
        for row, run in zip(comparison.runs, runs, strict=True):
            st.download_button(
                words.plain(row.title),
                logged(lambda run=run: model_card(run).encode()),
                f"{run.folder.name}.md",
                "text/markdown",
                icon=":material/article:",
                key=f"card_{run.id}",
                on_click="ignore",
            )
