"""What a reader can have done to a run: stop it, resume it, train it again."""

import streamlit as st

from pages.parts.shell import TRAIN, sentences
from tl_core.runs import queue
from tl_core.runs.store import Run, get_run


def stop_or_resume(run: Run, place: str = "") -> None:
    """Draw the button that ends a run at work or waiting, or goes on with one that ended early.

    `place` tells it from others for the same run on the page.
    """
    state = run.status.state
    if state in ("queued", "running"):
        st.button(
            "Stop",
            icon=":material/stop_circle:",
            key=f"{place}stop_{run.id}",
            on_click=_stop,
            args=(run.id,),
        )
    elif state in queue.RESUMABLE and not run.imported:
        st.button(
            "Resume",
            icon=":material/play_circle:",
            key=f"{place}resume_{run.id}",
            help="Go on from the last finished epoch, or the last finished part of its features.",
            on_click=_resume,
            args=(run.id,),
        )


def train_again(run: Run) -> None:
    """Draw the choice of a seed and the button that trains the run's recipe with it."""
    with st.expander("Train it again", icon=":material/replay:"):
        st.caption(
            "The same recipe with another seed shows how far chance alone moves its accuracy: "
            "Compare then gives the mean and the spread."
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            seed = st.number_input(
                "Seed", 0, value=run.recipe.seed + 1, key=f"seed_{run.id}", width=160
            )
            clicked = st.button("Train", icon=":material/play_arrow:", key=f"again_{run.id}")
        if clicked:
            with sentences():
                queue.repeat(run, int(seed))
                st.switch_page(TRAIN, query_params={"view": "Live"})


def _stop(run_id: str) -> None:
    with sentences():
        queue.stop(get_run(run_id))


def _resume(run_id: str) -> None:
    with sentences():
        queue.resume(get_run(run_id))
