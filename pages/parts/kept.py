"""Choices that outlast the section they were made in."""

from collections.abc import Sequence
from typing import TypeVar

import streamlit as st

Value = TypeVar("Value")


def keep(keys: tuple[str, ...]) -> None:
    """Keep what the widgets with these keys hold, which Streamlit forgets of one not drawn."""
    for key in keys:
        if key in st.session_state:
            st.session_state[key] = st.session_state[key]


def unless_kept(key: str, options: Sequence[Value], default: Value) -> Value | None:
    """Return the widget's default; None where it holds one of its options, and needs none.

    What it holds that is no option any more is forgotten.
    """
    if st.session_state.get(key) in options:
        return None
    st.session_state.pop(key, None)
    return default
