"""The trained models that every session of the app shares."""

import streamlit as st

from tl_core.inference.predictor import Predictor

# As many as one question may go to; more would push each other out at every picture.
MOST = 3


@st.cache_resource
def predictor() -> Predictor:
    """Return the models kept in memory, the least recently used out first."""
    return Predictor(MOST)
