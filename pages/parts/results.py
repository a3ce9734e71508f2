"""The ways from a finished run to what can be seen of it."""

import streamlit as st

from pages.parts.models import MOST
from pages.parts.shell import COMPARE, PREDICT
from tl_core.runs.chance import no_better_than_guessing
from tl_core.runs.store import Run
from tl_core.runs.summary import beside


def warn_of_guessing(run: Run) -> None:
    """Draw a sentence where the run's answers are no better than guessing."""
    guessed = no_better_than_guessing(run)
    if guessed:
        st.markdown(f":orange[:material/casino:] :small[{guessed}]")


def link_to_results(run: Run, runs: list[Run]) -> None:
    """Draw the links to Compare, with the rivals among `runs` beside it, and to Predict."""
    st.page_link(
        COMPARE,
        label="Compare",
        icon=":material/leaderboard:",
        query_params=[("runs", one.id) for one in beside(run, runs)],
    )
    if run.model_path.exists():
        with_models = [one for one in runs if one.model_path.exists()]
        st.page_link(
            PREDICT,
            label="Predict",
            icon=":material/image_search:",
            query_params=[("models", one.id) for one in beside(run, with_models)[:MOST]],
        )
