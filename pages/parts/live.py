"""The runs that wait and train, as they go: how far they are, their curves, and stop."""

import time
from functools import partial

import streamlit as st

from pages.parts import words
from pages.parts.acts import stop_or_resume
from pages.parts.chart import chart
from pages.parts.curves import curve
from pages.parts.results import link_to_results, warn_of_guessing
from pages.parts.shell import sentences
from tl_core.figures.curves import CurveData, training_curves
from tl_core.progress import PHASE_TITLES
from tl_core.runs import queue
from tl_core.runs.names import run_name
from tl_core.runs.store import Run, list_runs, waiting_runs
from tl_core.runs.summary import epoch_now
from tl_core.wording import interval, percent

_EVERY = 1.0
_RECENT = 30 * 60
_MOST_ENDED = 4


def shown_runs() -> list[Run]:
    """Return what trains, then what waits in its order, then what has lately ended."""
    runs = [run for run in list_runs() if not run.problem]
    # A run may begin or end between two looks at it: each is shown once, and none is missed.
    waiting = waiting_runs(runs)
    ids = {run.id for run in waiting}
    at_work = [run for run in reversed(runs) if run.active and run.id not in ids]
    ids |= {run.id for run in at_work}
    now = time.time()
    ended = [r for r in runs if r.id not in ids and now - (r.status.ended or 0) < _RECENT]
    return [*at_work, *waiting, *ended[:_MOST_ENDED]]


def live(start_new: str) -> None:
    """Draw the live view; it looks again every second for as long as something runs.

    `start_new` is what to do where there is nothing to show, in a sentence.
    """
    queue.refresh()
    runs = shown_runs()
    if not runs:
        st.caption(start_new)
        return
    going = any(run.active for run in runs)
    st.fragment(_view, run_every=_EVERY if going else None)(going)


def _view(going: bool) -> None:
    with sentences():
        queue.refresh()
        runs = shown_runs()
        if going != any(run.active for run in runs):
            # The whole page once more, so that it stops looking or begins to, and shows what there
            # is to do now.
            st.rerun()
        stored = list_runs()
        curves = [curve(run) for run in runs]
        for run, data in zip(runs, curves, strict=True):
            _card(run, data.ended, stored)
        # An accuracy on one data set says nothing beside that on another.
        drawn: dict[str, list[CurveData]] = {}
        for run, data in zip(runs, curves, strict=True):
            if data.points:
                drawn.setdefault(words.dataset_title(run), []).append(data)
        if not drawn:
            if going:
                st.caption("Curves appear here as soon as the first steps are trained.")
            return
        for title, together in drawn.items():
            with st.container(border=True):
                if len(drawn) > 1:
                    st.markdown(f"**{words.plain(title)}**")
                _curves(title, together)


def _curves(title: str, drawn: list[CurveData]) -> None:
    many = "1 run" if len(drawn) == 1 else f"{len(drawn)} runs"
    for place, metric in zip(st.columns(2), ("loss", "accuracy"), strict=True):
        with place:
            chart(
                partial(training_curves, drawn, metric),
                key=f"live_{metric}_{title}",
                alt=f"{metric.capitalize()} of {many} on {title} while training, by epoch",
            )


def _card(run: Run, ended: int, stored: list[Run]) -> None:
    status = run.status
    with st.container(border=True, key=f"run_{run.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"{words.dot(run.recipe.backbone)} **{words.plain(run_name(run))}** "
                f"{words.STATE_BADGES[status.state]} {words.marks(run)} {_data(run)}"
            )
            st.space("stretch")
            stop_or_resume(run)
        if status.state in ("running", "stopping"):
            st.progress(min(max(status.share, 0.0), 1.0), _progress(run, ended))
        elif run.figures:
            top1 = run.figures.top1
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(
                    f"Top-1 **{percent(top1.value)}** "
                    f":gray[(95 %: {interval(top1)}) on {top1.n:,} test images]"
                )
                st.markdown(f":gray[{_took(run)}]")
                link_to_results(run, stored)
            warn_of_guessing(run)
        elif status.message:
            st.caption(words.said(status.message))


def _data(run: Run) -> str:
    # Demo data are said by their mark.
    return "" if words.is_demo(run) else f":gray[:small[{words.plain(words.dataset_title(run))}]]"


def _progress(run: Run, ended: int) -> str:
    status = run.status
    parts = [PHASE_TITLES[status.phase] if status.phase else "Starting"]
    epoch = epoch_now(run, ended)
    if epoch is not None:
        parts.append(f"epoch {epoch[0]} of {epoch[1]}")
    parts.append(f"{100 * status.share:.0f} %")
    if status.seconds_left is not None:
        parts.append(f"about {words.duration(status.seconds_left)} left")
    return " · ".join(parts)


def _took(run: Run) -> str:
    outcome = run.outcome
    if outcome is None:
        return ""
    expected = sum(outcome.estimated_seconds.values()) or None
    return "took " + words.taken(sum(outcome.cost.seconds.values()), expected)
