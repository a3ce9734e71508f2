"""Predict: drop pictures, or take some from the test set, and see each model's top answers."""

import streamlit as st

from pages.parts import models, pictures, shell, words
from pages.parts.answers import show_answers
from pages.parts.selection import choose_runs

with shell.page("Predict"):
    st.title("Predict")
    runs, _ = choose_runs(key="models", label="Models", most=models.MOST, with_model=True)
    if not runs:
        st.stop()

    data = runs[0].outcome.dataset
    if data.is_demo:
        # Not inside the caption, which is too pale for it.
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(words.DEMO_BADGE, width="content")
            st.caption(
                "These models know pictures made by code, and answer with their classes whatever "
                "they are shown."
            )
    asked = pictures.choose(runs)
    if not asked:
        st.caption(
            f"Each model answers with one of the {len(data.class_names)} classes of "
            f"{words.plain(data.title)}."
        )
        st.stop()
    show_answers(asked, runs)
