"""The runs that wait: their order, and holding, releasing or stopping them."""

from typing import get_args

import streamlit as st

from pages.parts import words
from pages.parts.shell import sentences
from tl_core.runs import order, queue
from tl_core.runs.names import run_title
from tl_core.runs.store import Run, get_run, waiting_runs

_EVERY = 2.0
_MOVES: dict[order.Move, tuple[str, str]] = {
    "first": ("First", ":material/vertical_align_top:"),
    "up": ("Up", ":material/arrow_upward:"),
    "down": ("Down", ":material/arrow_downward:"),
    "last": ("Last", ":material/vertical_align_bottom:"),
}


def draw() -> None:
    """Draw the queue, next first, for as long as something waits in it."""
    if waiting_runs():
        st.header("Waiting")
        st.fragment(_queue, run_every=_EVERY)()


def _queue() -> None:
    with sentences():
        queue.refresh()
        runs = waiting_runs()
        if not runs:
            # The whole page once more: what waited is to be found below.
            st.rerun()
        for place, run in enumerate(runs, start=1):
            with st.container(border=True, key=f"waiting_{run.id}", gap="small"):
                _row(run, place, alone=len(runs) == 1)


def _row(run: Run, place: int, *, alone: bool) -> None:
    name = words.plain(run.id if run.problem else run_title(run))
    badge = words.HELD_BADGE if run.status.held else words.STATE_BADGES["queued"]
    st.markdown(f"{place} · **{name}** {badge}")
    with st.container(horizontal=True, gap="small"):
        if not alone:
            for to in get_args(order.Move):
                label, icon = _MOVES[to]
                _button(label, icon, f"{to}_{run.id}", order.move, run.id, to)
        if run.status.held:
            _button("Release", ":material/play_arrow:", f"release_{run.id}", order.release, run.id)
        else:
            _button("Hold", ":material/pause:", f"hold_{run.id}", order.hold, run.id)
        _button("Stop", ":material/stop_circle:", f"stop_{run.id}", queue.stop, run.id)


def _button(label: str, icon: str, key: str, change: object, *arguments: str) -> None:
    st.button(label, icon=icon, key=key, on_click=_do, args=(change, *arguments), type="tertiary")


def _do(change: object, run_id: str, *arguments: str) -> None:
    with sentences():
        change(get_run(run_id), *arguments)
