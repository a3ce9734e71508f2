"""Train: choose networks, data and a preset, see what it will take, and watch it learn."""

import streamlit as st

from pages.parts import choose, shell, words
from pages.parts.live import live, shown_runs
from tl_core.data.sources import FOLDER
from tl_core.errors import TransferLabError
from tl_core.runs import queue

NEW, LIVE = "New run", "Live"

with shell.page("Train"):
    st.title("Train")
    active = any(run.active for run in shown_runs())
    sent_to = st.session_state.pop("train_show", None)
    if sent_to:
        st.session_state["view"] = sent_to
    view = st.segmented_control(
        "View",
        [NEW, LIVE],
        # Streamlit warns of a default beside a value that was just set.
        default=None if sent_to else LIVE if active else NEW,
        required=True,
        key="view",
        label_visibility="collapsed",
        bind="query-params",
    )

    if view == LIVE:
        live("Nothing trains at the moment. Choose networks under 'New run' and start them.")
        st.stop()

    st.header("Networks")
    backbones = choose.choose_backbones()
    # The choices below stay while nothing is ticked, as they were and open where they were open.
    with st.container(key="nothing_ticked"):
        if not backbones:
            st.info("Tick at least one network to start from.", icon=":material/touch_app:")

    st.header("What to train them on, and how")
    with st.container(border=True):
        data_place, preset_place, weights_place = st.columns(3, gap="medium")
        with data_place:
            dataset = choose.choose_data()
        with preset_place:
            preset = choose.choose_preset()
        with weights_place:
            weights = choose.choose_weights(backbones, dataset)
        changed = choose.choose_fields(preset, backbones, dataset)

    recipes = []
    # A place of its own, so that what comes and goes here does not move the button below: it would
    # be seen twice until the page is drawn.
    with st.container(key="what_is_wrong"):
        if dataset == FOLDER:
            folder = ":material/folder:"
            st.info("Give the path of the folder that holds your pictures.", icon=folder)
        else:
            try:
                recipes = choose.make_recipes(backbones, dataset, preset, weights, changed)
            except TransferLabError as error:
                st.error(words.said(str(error)), icon=":material/error:")

    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        count = f" {len(backbones)} networks" if len(backbones) > 1 else ""
        if st.button(
            f"Train{count}",
            type="primary",
            icon=":material/play_arrow:",
            disabled=not recipes,
            key="start",
        ):
            for recipe in recipes:
                queue.submit(recipe)
            st.session_state["train_show"] = LIVE
            st.rerun()
        if recipes:
            choose.show_estimate(recipes)
