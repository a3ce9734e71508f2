"""Single test pictures, each with every model's answer."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from pages.parts import words
from pages.parts.kept import unless_kept
from pages.parts.test_set import TestSet
from tl_core.compare import Comparison
from tl_core.evaluation.mistakes import Exhibit
from tl_core.wording import percent

_SHOWN = 12
_SIDE = 112
# Of the pictures in a row and between them, in pixels.
_SMALL, _GAP = 64, 8
_HARDEST, _ALONE, _MISTAKES = "Hardest", "Only one is right", "Confident mistakes"
_MEANING = {
    _HARDEST: "The pictures whose right class got the least probability from all runs together.",
    _ALONE: "The pictures that this run alone names right, its surest first.",
    _MISTAKES: "The pictures that this run names wrong, its surest first.",
}


def draw(comparison: Comparison, pictures: TestSet | str) -> None:
    """Draw the chosen kind of pictures as cards."""
    by_title = {row.title: row for row in comparison.runs}
    kinds = list(_MEANING) if len(by_title) > 1 else [_HARDEST, _MISTAKES]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.segmented_control(
            "Which",
            kinds,
            default=unless_kept("gallery", kinds, _HARDEST),
            required=True,
            key="gallery",
            bind="query-params",
        )
        exhibits = comparison.hardest
        if kind != _HARDEST:
            title = st.selectbox(
                "Of the run", list(by_title), key="gallery_of", bind="query-params", width=320
            )
            row = by_title[title]
            exhibits = row.only_right if kind == _ALONE else row.confident_mistakes
    st.caption(_MEANING[kind])
    if not exhibits:
        st.caption("There is none.")
    if isinstance(pictures, str):
        st.caption(words.said(pictures))
    legend = (
        f"{words.dot(row.backbone)} {number} {words.plain(row.title)}"
        for number, row in enumerate(comparison.runs, start=1)
    )
    st.markdown(f":small[{' · '.join(legend)}]")
    with st.grid(4, min_column_width=230, gap="small") as grid:
        for exhibit in exhibits[:_SHOWN]:
            with grid.container(border=True, height="stretch", gap="xsmall"):
                _card(comparison, exhibit, pictures)


def thumbnails(pictures: TestSet, positions: Sequence[int]) -> None:
    """Draw test pictures of one class in a row, as one picture: many are slow to draw."""
    shown = [words.enlarged(picture, _SMALL) for picture in pictures.pictures(positions)]
    numbers = ", ".join(str(position) for position in positions)
    st.image(
        words.in_a_row(shown, _GAP),
        width=len(shown) * (_SMALL + _GAP) - _GAP,
        alt=f"Test pictures {numbers}: {pictures.label(positions[0])}",
    )


def _card(comparison: Comparison, exhibit: Exhibit, pictures: TestSet | str) -> None:
    names = comparison.data.class_names
    if isinstance(pictures, TestSet):
        (picture,) = pictures.pictures(np.array([exhibit.position]))
        alt = _alt(pictures, exhibit.position)
        st.image(words.enlarged(picture, _SIDE), width=_SIDE, alt=alt)
    lines = [
        f"**{words.plain(names[exhibit.label])}** :gray[:small[test picture {exhibit.position}]]"
    ]
    numbered = enumerate(zip(comparison.runs, exhibit.answers, strict=True), start=1)
    for number, (row, answer) in numbered:
        tick = ":green[:material/check:]" if answer.answer == exhibit.label else ""
        lines.append(
            f":small[{words.dot(row.backbone)} {number} {words.plain(names[answer.answer])} "
            f"{percent(answer.confidence)} {tick}]"
        )
    # One text with line breaks: a dozen cards of an element for each line are slow to draw.
    st.markdown("  \n".join(lines))


def _alt(pictures: TestSet, position: int) -> str:
    return f"Test picture {position}: {pictures.label(position)}"
