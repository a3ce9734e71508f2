"""What the runs say together."""

import pandas as pd
import streamlit as st

from pages.parts import words
from tl_core.compare import Comparison
from tl_core.runs.store import Run
from tl_core.wording import interval, percent


def draw(comparison: Comparison, runs: list[Run]) -> None:
    """Draw what averaging the runs gives, and how far every two of them agree."""
    together = comparison.together
    if together is None:
        st.caption("Choose a second run above to see what they say together.")
        return
    best = comparison.runs[together.best_single]
    st.header(
        f"Averaging their probabilities names {percent(together.top1.value)} right: "
        f"{_beside(together.verdict)} {words.plain(best.title)} alone"
    )
    with st.grid(4, min_column_width=200, gap="small"):
        st.metric("Average, top-1", percent(together.top1.value), border=True)
        st.metric("Gain over the best", f"{100 * together.gain:+.1f} points", border=True)
        if best.has_top5:
            st.metric("Average, top-5", percent(together.top5.value), border=True)
        st.metric("At least one is right", percent(together.any_right.value), border=True)
    st.caption(
        f"95 % intervals: top-1 {interval(together.top1)}"
        + (f", top-5 {interval(together.top5)}" if best.has_top5 else "")
        + f", at least one {interval(together.any_right)}: what a perfect choice between "
        "the runs would reach."
    )
    titles = [row.title for row in comparison.runs]
    st.dataframe(
        pd.DataFrame(
            {
                "Run": titles[pair.first],
                "and": titles[pair.second],
                "Same answer": pair.same,
                "Kappa": pair.kappa,
            }
            for pair in comparison.agreement
        ),
        hide_index=True,
        alt="How far every two runs agree",
        column_config={
            "Same answer": st.column_config.NumberColumn(format="percent"),
            "Kappa": st.column_config.ProgressColumn(format="%.2f", min_value=0, max_value=1),
        },
    )
    st.caption(
        "Cohen's kappa: agreement beyond what chance would bring about; 1 is always the same "
        "answer, 0 no more than chance. Averaging gains most where runs agree least."
    )


def _beside(verdict: str) -> str:
    words_of = {"better": "better than", "worse": "worse than"}
    return words_of.get(verdict, "these pictures cannot tell it from")
