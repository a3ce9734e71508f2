"""Where in a picture a model saw its answer."""

from dataclasses import dataclass

import streamlit as st

from pages.parts import words
from pages.parts.models import predictor
from pages.parts.pictures import Picture
from tl_core.inference.answers import Answer
from tl_core.inference.explain import STRENGTH, overlay
from tl_core.runs.names import run_title
from tl_core.runs.store import Run

_SIDE = 160


@dataclass(frozen=True)
class Why:
    """Whether to show where the models look, and how strongly."""

    shown: bool
    strength: float


def choose() -> Why:
    """Draw the switch and its slider."""
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        shown = st.toggle(
            "Show where they look",
            key="why",
            bind="query-params",
            help="Grad-CAM: the places whose features speak for a class in the network's last "
            "layer, as this layer's share of the answer.",
        )
        strength = STRENGTH
        if shown:
            strength = st.slider("Strength", 0.0, 1.0, strength, 0.05, key="strength", width=260)
    return Why(shown, strength)


def draw(picture: Picture, run: Run, answer: Answer, why: Why, key: str) -> None:
    """Draw the picture with the places that speak for the class the reader chooses."""
    name = st.selectbox("Looked at for", answer.classes, key=f"why_{key}_{run.id}")
    target = run.outcome.dataset.class_names.index(name)
    with st.spinner("Looking for what the model saw …"):
        heat = predictor().explain(run.model_path, picture.pixels(run), target)
    if not heat.any():
        st.caption(f"Nothing in the last layer speaks for {words.plain(name)}.")
        return
    shown = words.enlarged(overlay(picture.pixels(run), heat, why.strength), _SIDE)
    st.image(shown, width=_SIDE, alt=f"Where {run_title(run)} looks in {picture.name} for {name}")
