"""What was found on this machine, and what to do about what was not."""

import streamlit as st

from pages.parts import machine, words
from tl_core.backbones.table import BACKBONES
from tl_core.data.sources import FOLDER
from tl_core.runs.machine import machine as this_machine

_YES = ":green[:material/check_circle:]"
_NO = ":gray[:material/radio_button_unchecked:]"
_YOURS = ":gray[:material/folder_open:]"


def found_here() -> None:
    """Draw the data, weights and engine that are here, and what to do for what is not."""
    st.header("On this machine")
    data, weights, engine = st.columns(3, gap="small")
    with data.container(border=True, height="stretch", gap="xsmall"):
        st.markdown("**Data**")
        for source in machine.data_sources():
            mark = _YOURS if source.name.startswith(FOLDER) else _YES if source.found else _NO
            st.markdown(f"{mark} {source.title}")
            if source.found:
                st.caption(source.detail)
            else:
                # Not a caption: those are too pale for the link in it.
                st.markdown(f":small[{source.to_do}]")
    with weights.container(border=True, height="stretch", gap="xsmall"):
        st.markdown("**Pretrained weights**")
        reports = machine.weights_reports()
        for name, report in reports.items():
            st.markdown(
                f"{_YES if report.found else _NO} {words.dot(name)} {BACKBONES[name].title}",
                help=None if report.found else report.to_do,
            )
        if not all(report.found for report in reports.values()):
            st.caption(
                "Missing ones are downloaded by the first run that needs them. Without a network, "
                "the question mark says which file to put where."
            )
    with engine.container(border=True, height="stretch", gap="xsmall"):
        st.markdown("**Engine**")
        facts, installed = this_machine(), machine.installed()
        st.markdown(f"{facts['processor']}")
        st.caption(f"{facts['cores']} cores · {facts['memory']} memory")
        for name in ("tensorflow", "keras", "openvino"):
            there = installed[name] != "not installed"
            st.markdown(f"{_YES if there else _NO} {name} :gray[{installed[name]}]")
        st.caption("`tl doctor` says where runs, caches, data and weights lie.")
