"""The bin: deleted runs, bringing them back, and letting them go for good."""

import streamlit as st

from pages.parts import words
from pages.parts.shell import sentences
from tl_core.runs import bin
from tl_core.runs.bin import Binned, total
from tl_core.runs.names import run_title

_MOST = 20


def draw() -> None:
    """Draw what is in the bin, where anything is."""
    found = bin.binned()
    if not found:
        return
    size = words.megabytes(total(found))
    many = "1 run" if len(found) == 1 else f"{len(found)} runs"
    with st.expander(f"Bin: {many}, {size}", icon=":material/delete:"):
        for one in found[:_MOST]:
            _row(one)
        if len(found) > _MOST:
            st.caption("`tl bin` lists them all.")
        st.button(
            f"Empty the bin: frees {size} and cannot be undone",
            icon=":material/delete_forever:",
            key="empty_bin",
            on_click=_empty,
        )


def _row(one: Binned) -> None:
    run = one.run
    name = run.id if run.problem else f"{run_title(run)} ({run.id})"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"{words.plain(name)} :gray[:small[{words.megabytes(one.size)}, deleted "
            f"{words.ago(one.deleted)}]]"
        )
        st.button(
            "Restore",
            icon=":material/restore_from_trash:",
            key=f"restore_{run.folder.name}",
            on_click=_restore,
            args=(run.id,),
        )


def _restore(run_id: str) -> None:
    with sentences():
        bin.restore(run_id)


def _empty() -> None:
    with sentences():
        bin.empty()
