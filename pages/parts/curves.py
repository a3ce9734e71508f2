"""From a run's reports to the curves drawn of it."""

import os

import streamlit as st

from tl_core.figures.curves import CurveData, CurvePoint
from tl_core.runs.names import run_title
from tl_core.runs.store import METRICS, Run


def curve(run: Run) -> CurveData:
    """Return what a run has reported so far, read again only when its file has grown."""
    try:
        at = (run.folder / METRICS).stat()
    except FileNotFoundError:
        points: tuple[CurvePoint, ...] = ()
    else:
        points = _points(run, os.fspath(run.folder), at.st_mtime_ns, at.st_size)
    return CurveData(
        label=run_title(run),
        backbone=run.recipe.backbone,
        points=points,
        best_epoch=run.outcome.best_epoch if run.outcome else None,
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _points(_run: Run, folder: str, changed: int, size: int) -> tuple[CurvePoint, ...]:
    return tuple(
        CurvePoint(
            epoch=line.epoch,
            seconds=line.time,
            phase=line.phase,
            ends_epoch=line.kind == "epoch",
            loss=line.loss,
            accuracy=line.accuracy,
            val_loss=line.val_loss,
            val_accuracy=line.val_accuracy,
        )
        for line in _run.metrics()
        if line.epoch is not None
    )
