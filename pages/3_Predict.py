"""Predict: drop pictures, or take some from the test set, and see each model's top answers."""

import streamlit as st

from pages.parts import pictures, shell, words
from pages.parts.answers import show_answers
from pages.parts.chart import load_plotly
from pages.parts.selection import choose_runs
from tl_core.runs.store import list_runs

# As many models as are kept in memory.
MOST_MODELS = 3

with shell.page("Predict"):
    st.title("Predict")
    runs = choose_runs(list_runs(), key="models", label="Models", most=MOST_MODELS)
    if not runs:
        if any(run.evaluation for run in list_runs()):
            st.info("Choose at least one model above.", icon=":material/touch_app:")
        else:
            words.empty(
                "There is no trained model to ask yet.",
                shell.TRAIN,
                "Train a network",
                ":material/model_training:",
            )
        st.stop()

    load_plotly()
    data = runs[0].outcome.dataset
    if data.is_demo:
        st.caption(
            f"{words.DEMO_BADGE} These models know pictures made by code, and answer with their "
            "classes whatever they are shown."
        )
    asked = pictures.choose(runs[0])
    if not asked:
        st.caption(
            f"Each model answers with one of the {len(data.class_names)} classes of {data.title}."
        )
        st.stop()
    show_answers(asked, runs)
