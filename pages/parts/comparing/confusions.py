"""Which class is taken for which: as matrices, and as the pairs that are confused most."""

from functools import partial

import numpy as np
import streamlit as st

from pages.parts import words
from pages.parts.chart import chart
from pages.parts.comparing import gallery
from pages.parts.kept import unless_kept
from pages.parts.test_set import TestSet
from tl_core.compare import Comparison
from tl_core.compare.document import ComparedRun
from tl_core.evaluation.confusion import inside_pair
from tl_core.figures.failures import MOST_CLASSES, confusion_heat_map
from tl_core.wording import percent

_PAIRS = 6


def draw(comparison: Comparison, pictures: TestSet | str) -> None:
    """Draw the confusions of one run, which the reader chooses."""
    by_title = {row.title: row for row in comparison.runs}
    row = by_title[_choose_run(list(by_title), "confusions_of")]
    if row.superclass_confusion is not None:
        _confusions_by_superclass(comparison, row)
    elif len(comparison.data.class_names) <= MOST_CLASSES:
        _confusions_by_class(comparison, row)
    _confused_pairs(comparison, row, pictures)


def _choose_run(titles: list[str], key: str) -> str:
    if len(titles) == 1:
        return titles[0]
    return st.selectbox("Run", titles, key=key, bind="query-params")


def _confusions_by_superclass(comparison: Comparison, row: ComparedRun) -> None:
    names = list(comparison.data.coarse_names)
    counts = np.array(row.superclass_confusion)
    places = st.columns(2, gap="small")
    with places[0].container(border=True):
        chart(
            partial(confusion_heat_map, row.title, counts, names, names, counts.sum(axis=1)),
            key="confusions",
            alt=f"Which superclass {row.title} takes for which",
            on_click=partial(_open_pair, names),
        )
        st.caption("A click on a cell opens it into its classes.")
    with places[1].container(border=True):
        # The first run's, so that the default stays while the reader goes from run to run.
        first = comparison.runs[0].most_confused_superclasses
        opened = (first[0].label, first[0].answer) if first else (0, 0)
        truth_place, answer_place = st.columns(2)
        with truth_place:
            truth = _superclass("Truth", names, opened[0], "truth")
        with answer_place:
            answer = _superclass("Answer", names, opened[1], "answer")
        rows, columns, inside = inside_pair(
            np.array(row.confusion),
            comparison.data.coarse_of_class,
            names.index(truth),
            names.index(answer),
        )
        classes = comparison.data.class_names
        chart(
            partial(
                confusion_heat_map,
                row.title,
                inside,
                [classes[number] for number in rows],
                [classes[number] for number in columns],
                [comparison.classes[number].support for number in rows],
            ),
            key="pair",
            alt=f"Pictures of {truth} that {row.title} calls {answer}, class by class",
        )


def _superclass(title: str, names: list[str], first: int, key: str) -> str:
    shown = unless_kept(key, names, names[first])
    place = names.index(shown) if shown else 0
    return st.selectbox(title, names, place, key=key, bind="query-params")


def _open_pair(names: list[str], column: int, row: int) -> None:
    """Take the clicked cell of the superclass matrix as the pair to open."""
    st.session_state["truth"], st.session_state["answer"] = names[row], names[column]


def _confusions_by_class(comparison: Comparison, row: ComparedRun) -> None:
    names = comparison.data.class_names
    counts = np.array(row.confusion)
    with st.container(border=True):
        chart(
            partial(confusion_heat_map, row.title, counts, names, names, counts.sum(axis=1)),
            key="confusions",
            alt=f"Which class {row.title} takes for which",
        )


def _confused_pairs(comparison: Comparison, row: ComparedRun, pictures: TestSet | str) -> None:
    if not row.most_confused:
        st.caption(f"{words.plain(row.title)} confuses no two classes.")
        return
    names = comparison.data.class_names
    st.markdown(f"**The most confused pairs of {words.plain(row.title)}**")
    with st.grid(3, min_column_width=280, gap="small") as grid:
        for pair in row.most_confused[:_PAIRS]:
            with grid.container(border=True, height="stretch", gap="xsmall"):
                label, answer = words.plain(names[pair.label]), words.plain(names[pair.answer])
                many = "1 picture" if pair.count == 1 else f"{pair.count:,} pictures"
                st.markdown(
                    f"**{label}** called **{answer}**  \n"
                    f":small[:gray[{many}, {percent(pair.share)} of the class]]"
                )
                if isinstance(pictures, TestSet):
                    gallery.thumbnails(pictures, pair.positions)
    if isinstance(pictures, str):
        st.caption(words.said(pictures))
