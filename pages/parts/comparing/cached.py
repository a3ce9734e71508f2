"""A comparison, made once for the same runs."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from tl_core.compare import Comparison, compare
from tl_core.runs.labels import LABELS
from tl_core.runs.store import ABOUT, OUTCOME, Run


def compared(runs: Sequence[Run]) -> Comparison:
    """Return the comparison of these runs, made anew only where one of them changed."""
    changed = tuple(
        _changed(run.folder / name) for run in runs for name in (OUTCOME, LABELS, ABOUT)
    )
    return _compared(runs, tuple(str(run.folder) for run in runs), changed)


@st.cache_resource(max_entries=16, show_spinner="Comparing …")
def _compared(
    _runs: Sequence[Run], folders: tuple[str, ...], changed: tuple[int, ...]
) -> Comparison:
    return compare(_runs)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
