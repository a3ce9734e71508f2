"""Every stored run in one table, and the choice of one of them."""

from datetime import datetime

import pandas as pd
import streamlit as st

from pages.parts import words
from tl_core.backbones.table import BACKBONES
from tl_core.paths import without_folders
from tl_core.runs.names import run_title
from tl_core.runs.store import Run
from tl_core.runs.summary import minutes
from tl_core.wording import interval


def draw(runs: list[Run]) -> Run | None:
    """Draw the table and return the run that the reader chose; the address names it too."""
    ids = [run.id for run in runs]
    st.dataframe(
        pd.DataFrame([_row(run) for run in runs]),
        hide_index=True,
        placeholder="–",
        alt="The stored runs; click a column's title to sort, a row to choose the run",
        key="runs_table",
        selection_mode="single-row",
        on_select=lambda: _take_row(ids),
        column_config={
            "Top-1 %": st.column_config.NumberColumn(format="%.1f"),
            "Minutes": st.column_config.NumberColumn(format="%.1f"),
            "Asked for": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
            "Tags": st.column_config.ListColumn(),
            "Remark": st.column_config.TextColumn(width="large"),
        },
    )
    by_id = {run.id: run for run in runs}
    asked = st.query_params.get("run") if "run" not in st.session_state else None
    if asked and asked not in by_id:
        st.warning(
            f"This link names the run {words.plain(asked)}, which is not here; it may have been "
            "deleted, or never was on this machine.",
            icon=":material/link_off:",
        )
    if st.session_state.setdefault("run", asked) not in by_id:
        st.session_state["run"] = None
    chosen = st.selectbox(
        "Look at, rename, export or delete",
        ids,
        placeholder="Choose a run, here or in the table",
        format_func=lambda name: name if by_id[name].problem else _named(by_id[name]),
        key="run",
    )
    # Not bind="query-params": that would put the name into the address, which changes.
    if chosen is None:
        st.query_params.pop("run", None)
    else:
        st.query_params["run"] = chosen
    return by_id.get(chosen)


def _named(run: Run) -> str:
    return f"{run_title(run)} ({run.id})"


def _take_row(ids: list[str]) -> None:
    rows = st.session_state["runs_table"].selection.rows
    st.session_state["run"] = ids[rows[0]] if rows and rows[0] < len(ids) else None


def _row(run: Run) -> dict[str, object]:
    if run.problem:
        return {"Run": run.id, "State": "unreadable", "Remark": without_folders(run.problem)}
    status = run.status
    return {
        "Run": run_title(run),
        "State": "waiting, held" if status.held else status.said,
        "Network": BACKBONES[run.recipe.backbone].title,
        "Data": words.dataset_title(run),
        "Top-1 %": 100 * run.figures.top1.value if run.figures else None,
        "95 % interval": interval(run.figures.top1) if run.figures else None,
        "Minutes": minutes(run),
        "Asked for": datetime.fromtimestamp(status.created),
        "Tags": list(run.about.tags),
        "Remark": without_folders(run.about.note or status.message or ""),
        "Id": run.id,
    }
