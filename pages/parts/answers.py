"""What each model answers to each picture."""

from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.parts import words
from pages.parts.chart import chart
from pages.parts.pictures import Picture
from tl_core.evaluation.ranking import top_answers
from tl_core.figures.answers import answer_bars
from tl_core.inference.predictor import Predictor
from tl_core.runs.store import Run

_TOP = 5
_A_PAGE = 6


def show_answers(pictures: list[Picture], runs: list[Run]) -> None:
    """Draw a card for each picture with every model's best answers side by side."""
    first = 0
    if len(pictures) > _A_PAGE:
        pages = -(-len(pictures) // _A_PAGE)
        first = (st.pagination(pages, key="answers_page") - 1) * _A_PAGE
    for number, picture in enumerate(pictures[first : first + _A_PAGE], start=first):
        with st.container(border=True):
            _card(picture, runs, number)


def _card(picture: Picture, runs: list[Run], number: int) -> None:
    height, width, _ = picture.pixels.shape
    seen, said = st.columns([1, 4], gap="medium")
    with seen:
        # Whole multiples, so that what the network sees is not smoothed over.
        st.image(
            np.kron(picture.pixels, np.ones((160 // height + 1,) * 2 + (1,), np.uint8)),
            width=160,
            alt=f"{picture.name} as the network sees it",
        )
        st.caption(f"{picture.name} · {width} × {height} pixels")
        if picture.truth:
            st.markdown(f"Right answer: **{picture.truth}**")
    with said, st.grid(len(runs), min_column_width=230, gap="small") as grid:
        for run in runs:
            with grid.cell():
                _answer(picture, run, number)


def _answer(picture: Picture, run: Run, number: int) -> None:
    with st.spinner(f"Loading {words.run_title(run)} …"):
        probabilities, milliseconds = _ask(
            str(run.model_path), run.model_path.stat().st_mtime_ns, picture.pixels
        )
    names = run.outcome.dataset.class_names
    best = top_answers(probabilities[None], _TOP)[0]
    chart(
        partial(
            answer_bars,
            words.run_title(run),
            run.recipe.backbone,
            [names[place] for place in best],
            [float(probabilities[place]) for place in best],
            truth=picture.truth,
            note=f"{milliseconds:.0f} ms",
        ),
        key=f"answer_{number}_{run.id}",
        alt=f"{words.run_title(run)} answers {names[best[0]]} with {probabilities[best[0]]:.0%}",
    )


@st.cache_resource
def _predictor() -> Predictor:
    return Predictor()


@st.cache_data(max_entries=500, show_spinner=False)
def _ask(model: str, changed: int, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
    prediction = _predictor().predict(Path(model), pixels[None])
    return prediction.probabilities[0], prediction.ms_per_image
