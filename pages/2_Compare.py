"""Compare: finished runs side by side, the answer first and what it rests on below."""

import streamlit as st

from pages.parts import shell, words
from pages.parts.comparing import agreement, confidence, cost, curves, failures, report, verdict
from pages.parts.comparing.cached import compared
from pages.parts.kept import keep
from pages.parts.selection import choose_runs
from tl_core.runs import queue

SECTIONS = {
    "Verdict": verdict.draw,
    "Cost": cost.draw,
    "Curves": curves.draw,
    "Failures": failures.draw,
    "Confidence": confidence.draw,
    "Together": agreement.draw,
    "Report": report.draw,
}

# The keys of what the reader chooses inside the sections.
_CHOSEN = (
    "cost",
    "along",
    "part",
    "confusions_of",
    "truth",
    "answer",
    "superclass",
    "gallery",
    "gallery_of",
)

with shell.page("Compare"):
    st.title("Compare")
    queue.refresh()
    runs, left_out = choose_runs(key="runs", label="Runs")
    if not runs:
        st.stop()

    comparison = compared(runs)
    by_id = {run.id: run for run in runs}
    shown = [by_id[row.run] for row in comparison.runs]
    if comparison.data.is_demo:
        st.markdown(words.DEMO_BADGE)
    for caveat in comparison.caveats:
        st.caption(words.said(caveat))

    keep(_CHOSEN)
    tabs = st.tabs(list(SECTIONS), key="tab", bind="query-params")
    for tab, draw in zip(tabs, SECTIONS.values(), strict=True):
        if tab.open:
            with tab:
                draw(comparison, shown)

    reasons = [f"{left.run}: {left.why}" for left in (*comparison.left_out, *left_out)]
    if reasons:
        with st.expander(f"Left out: {len(reasons)}", icon=":material/block:"):
            for reason in reasons:
                st.caption(words.said(reason))
