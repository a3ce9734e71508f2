"""What each model answers to each picture."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from pages.parts import why, words
from pages.parts.chart import chart
from pages.parts.models import predictor
from pages.parts.pictures import Picture
from tl_core.figures.answers import answer_bars
from tl_core.inference.answers import Answer, perhaps_none, read_answer, said_together
from tl_core.runs.analysis import temperature
from tl_core.runs.names import run_title
from tl_core.runs.store import Run
from tl_core.wording import percent

_A_PAGE = 6
_SHOWN = 160


def show_answers(pictures: list[Picture], runs: list[Run]) -> None:
    """Draw a card for each picture with every model's best answers side by side."""
    st.caption(
        "Bars: the probabilities as each model gives them. 'Calibrated': how far to believe its "
        "best answer, by what it had right on validation. Compare may give others by a little: it "
        "shows the test, which was computed in the run's faster arithmetic."
    )
    shown_why = why.choose()
    first = 0
    if len(pictures) > _A_PAGE:
        pages = -(-len(pictures) // _A_PAGE)
        first = (st.pagination(pages, key="answers_page") - 1) * _A_PAGE
    for number, picture in enumerate(pictures[first : first + _A_PAGE], start=first):
        with st.container(border=True):
            _card(picture, runs, number, shown_why)
    _all_answers(pictures, runs)


def _card(picture: Picture, runs: list[Run], number: int, shown_why: why.Why) -> None:
    seen, said = st.columns([1, 4], gap="medium")
    with seen:
        # Most often all were trained on pictures of one size.
        sizes = {picture.pixels(run).shape[:2]: run for run in reversed(runs)}
        for (height, width), run in reversed(sizes.items()):
            enlarged = words.enlarged(picture.pixels(run), _SHOWN)
            whose = "the network" if len(sizes) == 1 else run_title(run)
            st.image(enlarged, width=_SHOWN, alt=f"{picture.name} as {whose} sees it")
            asker = "" if len(sizes) == 1 else f" · {words.plain(run_title(run))}"
            st.caption(f"{words.plain(picture.name)}, seen at {width} × {height} pixels{asker}")
        verdict = st.container()
    with said, st.grid(len(runs), min_column_width=230, gap="small") as grid:
        answers = []
        for run in runs:
            with grid.cell(), st.container(gap="small"):
                answers.append(_answer(picture, run, number))
                if shown_why.shown:
                    why.draw(picture, run, answers[-1], shown_why, str(number))
    with verdict:
        _verdict(picture, answers)


def _answer(picture: Picture, run: Run, number: int) -> Answer:
    with st.spinner(f"Loading {words.plain(run_title(run))} …"):
        answer, milliseconds = _asked(picture, run)
    sure = f"calibrated {percent(answer.confidence)}" if answer.calibrated else "uncalibrated"
    chart(
        partial(
            answer_bars,
            run_title(run),
            run.recipe.backbone,
            answer.classes,
            answer.probabilities,
            truth=picture.truth,
            note=f"{sure} · {milliseconds:.0f} ms",
        ),
        key=f"answer_{number}_{run.id}",
        alt=f"{run_title(run)} answers {answer.classes[0]}, {sure}",
    )
    return answer


def _verdict(picture: Picture, answers: list[Answer]) -> None:
    if picture.truth:
        st.markdown(f"Right answer: **{words.plain(picture.truth)}**")
    if len(answers) > 1:
        name, votes = said_together(answers)
        if votes == len(answers):
            st.badge(f"all say {words.plain(name)}", icon=":material/check:", color="green")
        else:
            split = (
                "they disagree"
                if votes == 1
                else f"{votes} of {len(answers)} say {words.plain(name)}"
            )
            st.badge(split, color="orange")
    if perhaps_none(answers):
        st.badge(
            "perhaps none of these",
            icon=":material/help:",
            color="gray",
            help="Every model gives its best answer less than half, so it is more likely wrong "
            "than right, and the picture may show something that is none of the classes.",
        )


def _all_answers(pictures: list[Picture], runs: list[Run]) -> None:
    expander = st.expander(
        "All answers as a table", icon=":material/table:", on_change="rerun", key="answers_table"
    )
    if not expander.open:
        return
    with expander:
        rows = [_row(picture, run) for picture in pictures for run in runs]
        table = pd.DataFrame(rows)
        st.dataframe(table, hide_index=True, alt="Every model's best answers to every picture")
        st.download_button(
            "Download as CSV",
            table.to_csv(index=False),
            "answers.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


def _row(picture: Picture, run: Run) -> dict[str, object]:
    answer, milliseconds = _asked(picture, run)
    row: dict[str, object] = {
        "picture": picture.name,
        "right answer": picture.truth,
        "model": run_title(run),
        "data": words.dataset_title(run),
        "calibrated confidence": answer.confidence if answer.calibrated else None,
        "milliseconds": round(milliseconds, 1),
    }
    for place, (name, chance) in enumerate(
        zip(answer.classes, answer.probabilities, strict=True), start=1
    ):
        row |= {f"answer {place}": name, f"probability {place}": chance}
    return row


def _asked(picture: Picture, run: Run) -> tuple[Answer, float]:
    """Return the run's answer to the picture, and the milliseconds it took when first asked."""
    changed = run.model_path.stat().st_mtime_ns if run.model_path.exists() else 0
    probabilities, milliseconds = _probabilities(str(run.model_path), changed, picture.pixels(run))
    names = run.outcome.dataset.class_names
    return read_answer(probabilities, names, temperature(run)), milliseconds


@st.cache_data(max_entries=500, show_spinner=False)
def _probabilities(
    model: str, changed: int, pixels: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], float]:
    prediction = predictor().predict(Path(model), pixels[None])
    return prediction.probabilities[0], prediction.ms_per_image
