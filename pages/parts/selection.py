"""Which finished runs a page is about; the address of the page says it too."""

from functools import partial

import streamlit as st

from pages.parts import shell, words
from tl_core.compare.selection import ComparableSet, comparable_sets, left_out_of
from tl_core.evaluation.comparable import LeftOut
from tl_core.runs.names import run_title
from tl_core.runs.recorded import recorded_runs
from tl_core.runs.store import Run, list_runs
from tl_core.runs.summary import beside, best_runs

# A link to a page with this many runs still reads, and so do its figures.
MOST = 8


def choose_runs(
    key: str, label: str, most: int = MOST, with_model: bool = False
) -> tuple[list[Run], tuple[LeftOut, ...]]:
    """Let the reader choose among finished runs that were tested on the same pictures.

    `key` names the choice in the page's address. Returns the chosen runs, none where there are
    none (and the page says what to do), and the runs that have no results. `with_model` leaves
    out the runs whose model is not on this machine.
    """
    stored = [*list_runs(), *recorded_runs()]
    runs = stored
    if with_model:
        runs = [run for run in stored if run.model_path.exists() or not run.outcome]
    sets, left_out = comparable_sets(runs)
    if not sets:
        words.empty(
            "There is no finished run to show yet."
            if len(runs) == len(stored)
            else "No finished run has its model on this machine; recorded ones come without.",
            shell.TRAIN,
            "Train a network",
            ":material/model_training:",
        )
        return [], left_out
    asked = st.session_state.get(key, st.query_params.get_all(key))
    places = {found.key: found for found in sets}
    # Whoever has trained something wants to see that; recorded runs are for those who have not.
    made_here = next((s for s in sets if not all(run.recorded for run in s.runs)), sets[0])
    first = next((s for s in sets if any(run.id in asked for run in s.runs)), made_here)
    chosen_set = first
    if len(sets) > 1:
        chosen_set = places[
            st.segmented_control(
                "Tested on",
                list(places),
                default=first.key,
                required=True,
                format_func=lambda name: _set_title(places[name]),
                key=f"{key}_tested_on",
                on_change=partial(_choose_anew, key),
                help="Only runs tested on the same pictures can be compared.",
            )
        ]
    offered = {run.id: run for run in chosen_set.runs}
    _say_what_is_missing(asked, stored, runs, chosen_set, most)
    there = [name for name in asked if name in offered][:most]
    if key not in st.session_state:
        there = there or _first(chosen_set, most)
    st.session_state[key] = there
    chosen = st.multiselect(
        label,
        list(offered),
        format_func=lambda name: _run_title(offered[name]),
        max_selections=most,
        key=key,
    )
    # Not bind="query-params": that leaves the first choice out of the address, and a link without
    # runs would mean other ones once there are newer.
    if st.query_params.get_all(key) != chosen:
        st.query_params[key] = chosen
    if not chosen:
        st.info("Choose at least one run above.", icon=":material/touch_app:")
    return [offered[name] for name in chosen], left_out


def _choose_anew(key: str) -> None:
    # Both, or the address would still ask for runs of the data that was left.
    st.session_state.pop(key, None)
    st.query_params.pop(key, None)


def _say_what_is_missing(
    asked: list[str], stored: list[Run], usable: list[Run], chosen: ComparableSet, most: int
) -> None:
    """Warn of runs that a link names and that are not shown, each with its reason."""
    known = {run.id: run for run in stored}
    without_model = {run.id for run in stored} - {run.id for run in usable}
    named = [known[name] for name in dict.fromkeys(asked) if name in known]
    reasons = {left.run: left.why for left in left_out_of(chosen, named)}
    reasons |= {
        run.id: "Its model is not on this machine." for run in named if run.id in without_model
    }
    shown = [run.id for run in named if run.id not in reasons]
    reasons |= dict.fromkeys(shown[most:], f"No more than {most} are shown at once.")
    reasons |= {
        name: "It is not here; it may have been deleted, or never was on this machine."
        for name in asked
        if name not in known
    }
    if reasons:
        told = list(reasons.items())[:MOST]
        lines = [f"- {words.plain(name)}: {words.said(why)}" for name, why in told]
        st.warning(
            "This link also names runs that are not shown:\n" + "\n".join(lines),
            icon=":material/link_off:",
        )


def _first(found: ComparableSet, most: int) -> list[str]:
    """Return the best run of each backbone; recorded ones only where none was made here.

    Where all are of one backbone, the best two.
    """
    runs = [run for run in found.runs if not run.recorded] or list(found.runs)
    best = best_runs(runs)
    if len(best) == 1:
        best = beside(best[0], runs)
    return [run.id for run in best[:most]]


def _run_title(run: Run) -> str:
    seed = run.recipe.seed
    return run_title(run) + (f" · seed {seed}" if seed else "")


def _set_title(found: ComparableSet) -> str:
    many = "1 run" if len(found.runs) == 1 else f"{len(found.runs)} runs"
    return f"{words.plain(found.title)} ({many})"
