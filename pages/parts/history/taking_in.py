"""Taking in a run that was exported elsewhere."""

import streamlit as st

from pages.parts import words
from pages.parts.shell import sentences
from tl_core.exchange.importing import import_run
from tl_core.runs.names import run_title


def draw() -> None:
    """Draw the field for an archive and take in what is put there."""
    with st.expander("Take in a run from elsewhere", icon=":material/upload_file:"):
        st.caption(
            "A file that Transfer Lab wrote on another machine. Every part of it is checked, its "
            "model is tried in a process apart, and the run stays marked as imported. Files of "
            "over 20 MB: `tl import FILE`."
        )
        file = st.file_uploader("Archive of a run", type="zip", key="archive")
        if file is not None and st.button("Take it in", icon=":material/input:", key="take_in"):
            with sentences(), st.spinner("Checking the archive and trying its model …"):
                run = import_run(file)
                st.success(f"{words.plain(run_title(run))} is here.", icon=":material/check:")
