"""Where the models fail: in which classes, what they take them for, and the pictures themselves."""

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from pages.parts.chart import chart
from pages.parts.comparing import confusions, gallery
from pages.parts.kept import unless_kept
from pages.parts.test_set import test_set
from tl_core.compare import Comparison
from tl_core.figures.failures import superclass_heat_map
from tl_core.runs.store import Run
from tl_core.wording import percent

_CLASSES, _CONFUSIONS, _PICTURES = "Classes", "Confusions", "Pictures"
_PARTS = (_CLASSES, _CONFUSIONS, _PICTURES)


def draw(comparison: Comparison, runs: list[Run]) -> None:
    """Draw the part that is chosen, from the coarse to the single picture."""
    part = st.segmented_control(
        "Look at",
        _PARTS,
        default=unless_kept("part", _PARTS, _CLASSES),
        required=True,
        key="part",
        bind="query-params",
    )
    if part == _CONFUSIONS:
        confusions.draw(comparison, test_set(runs[0]))
    elif part == _PICTURES:
        gallery.draw(comparison, test_set(runs[0]))
    else:
        _superclasses(comparison)
        st.header("Every class")
        _classes(comparison)


def _superclasses(comparison: Comparison) -> None:
    table = comparison.superclasses
    if table is None:
        return
    shares = np.array(table.accuracies, dtype=np.float64)
    with st.container(border=True):
        chart(
            partial(
                superclass_heat_map,
                table.names,
                [row.title for row in comparison.runs],
                shares,
                table.supports,
                (table.low, table.high),
            ),
            key="superclasses",
            alt="Accuracy of each run in each superclass, the hardest on top",
        )


def _classes(comparison: Comparison) -> None:
    coarse = list(comparison.data.coarse_names)
    chosen = (
        st.selectbox(
            "Superclass",
            coarse,
            index=None,
            placeholder="All superclasses",
            key="superclass",
            bind="query-params",
        )
        if coarse
        else None
    )
    st.caption(
        "A class has few test images: the 95 % interval of an accuracy here is up to "
        f"{percent(comparison.widest_class_interval)} wide."
    )
    titles = [row.title for row in comparison.runs]
    table = pd.DataFrame(
        {
            "Class": row.name,
            "Superclass": row.superclass,
            "Test images": row.support,
            **dict(zip(titles, row.accuracies, strict=True)),
            "Spread": row.spread,
        }
        for row in comparison.classes
        if chosen is None or row.superclass == chosen
    )
    if not coarse:
        table = table.drop(columns="Superclass")
    st.dataframe(
        table,
        hide_index=True,
        alt="Accuracy of each run in each class; click a column's title to sort",
        column_config={
            "Class": st.column_config.TextColumn(pinned=True),
            "Spread": st.column_config.NumberColumn(
                format="percent", help="The largest accuracy less the smallest."
            ),
            **{
                title: st.column_config.ProgressColumn(format="percent", min_value=0, max_value=1)
                for title in titles
            },
        },
    )
