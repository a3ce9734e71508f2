"""Which finished runs a page is about; the address of the page says it too."""

from collections import defaultdict

import streamlit as st

from pages.parts import words
from tl_core.runs.store import Run
from tl_core.runs.summary import best_runs

# A link to a page with this many runs still reads, and so do its figures.
MOST = 8


def choose_runs(runs: list[Run], key: str, label: str, most: int = MOST) -> list[Run]:
    """Let the reader choose among finished runs that were tested on the same pictures.

    Runs on other test pictures cannot be chosen beside them. `key` names the choice in the page's
    address.
    """
    groups: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        if run.outcome and run.evaluation:
            groups[run.outcome.dataset.test_fingerprint].append(run)
    if not groups:
        return []
    # Real data first, then what was trained last.
    names = sorted(groups, key=lambda name: words.is_demo(groups[name][0]))
    asked = st.session_state.get(key, st.query_params.get_all(key))
    group = next((n for n in names if any(run.id in asked for run in groups[n])), names[0])
    if len(names) > 1:
        group = st.segmented_control(
            "Tested on",
            names,
            default=group,
            required=True,
            format_func=lambda name: _group_title(groups[name]),
            key=f"{key}_tested_on",
            on_change=lambda: st.session_state.pop(key, None),
            help="Only runs tested on the same pictures can be compared.",
        )
    offered = {run.id: run for run in groups[group]}
    there = [name for name in asked if name in offered][:most]
    if key not in st.session_state:
        there = there or [run.id for run in best_runs(groups[group])[:most]]
    st.session_state[key] = there
    chosen = st.multiselect(
        label,
        list(offered),
        format_func=lambda name: words.run_title(offered[name]),
        max_selections=most,
        key=key,
    )
    # Not bind="query-params": that leaves the first choice out of the address, and a link without
    # runs would mean other ones once there are newer.
    if st.query_params.get_all(key) != chosen:
        st.query_params[key] = chosen
    return [offered[name] for name in chosen]


def left_out(runs: list[Run]) -> list[str]:
    """Return a sentence for each run that cannot be compared at all."""
    reasons = []
    for run in runs:
        if run.problem:
            reasons.append(f"{run.id}: {run.problem}")
        elif not run.evaluation:
            message = f" ({run.status.message})" if run.status.message else ""
            reasons.append(f"{words.run_title(run)}: {run.status.state}{message}")
    return reasons


def _group_title(runs: list[Run]) -> str:
    outcome = runs[0].outcome
    assert outcome is not None
    many = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    return f"{outcome.dataset.title} ({many})"
