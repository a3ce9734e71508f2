"""The trained models that every session of the app shares."""

from pathlib import Path

import streamlit as st

from tl_core.inference.guarded import is_from_elsewhere
from tl_core.inference.predictor import Model, Predictor, open_model

# As many as one question may go to; more would push each other out at every picture.
MOST = 3


@st.cache_resource
def predictor() -> Predictor:
    """Return the models kept in memory, the least recently used out first."""
    return Predictor(MOST, opening=_open)


def _open(path: Path) -> Model:
    if not is_from_elsewhere(path):
        _stay_compiled()
    return open_model(path)


def _stay_compiled() -> None:
    """Keep Streamlit from clearing Keras' session whenever a page was drawn.

    The models of all sessions live in this process: each would be compiled anew for its next
    answer, which takes thirty times as long, and one that another session is loading would lose its
    state halfway. Streamlit has no option for it.
    """
    import keras

    keras.backend.clear_session = lambda free_memory=True: None
