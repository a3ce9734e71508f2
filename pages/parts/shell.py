"""What every page begins with, and the one place where an error becomes a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from pages.parts import door, log, words
from tl_core.errors import TransferLabError

HOME, TRAIN, COMPARE, PREDICT, RUNS = (
    "app.py",
    "pages/1_Train.py",
    "pages/2_Compare.py",
    "pages/3_Predict.py",
    "pages/4_Runs.py",
)
_LINKS = {
    HOME: ("Home", ":material/home:"),
    TRAIN: ("Train", ":material/model_training:"),
    COMPARE: ("Compare", ":material/leaderboard:"),
    PREDICT: ("Predict", ":material/image_search:"),
    RUNS: ("Runs", ":material/history:"),
}
_HERE = Path(__file__).parent
# What is chosen stands in the accent colour, on a tint of it or on the paper, which no accent does
# legibly on dark paper while white also reads on it.
_LEGIBLE = """<style>
.st-key-page :is(
  [role="radio"][aria-checked="true"],
  [role="tab"][aria-selected="true"],
  [data-testid="stSliderThumbValue"]
) {
  color: inherit;
}
</style>"""


@contextmanager
def page(title: str) -> Iterator[None]:
    """Draw a page's frame around its body; a deep link runs a page without `app.py`."""
    st.set_page_config(
        page_title=f"{title} · Transfer Lab", page_icon=_HERE / "mark.svg", layout="wide"
    )
    st.logo((_HERE / "logo.svg").read_text(), size="large")
    door.ask()
    with st.container(horizontal=True, gap="small", key="navigation"):
        for target, (label, icon) in _LINKS.items():
            st.page_link(target, label=label, icon=icon)
        door.way_out()
    st.html(_LEGIBLE)
    with st.container(key="page"), sentences():
        yield


@contextmanager
def sentences() -> Iterator[None]:
    """Show an expected error as its sentence, and any other as one with a code for the log.

    What a click calls and what a page draws anew by itself does not pass the page's top, so the
    reader is asked for here too: a log-out counts in every tab.
    """
    door.ask()
    try:
        yield
    except TransferLabError as error:
        st.error(words.said(str(error)), icon=":material/error:")
    except Exception as error:  # noqa: BLE001 - the reader gets a sentence, the log the rest
        unexpected(error)


def unexpected(error: Exception) -> bool:
    """Log an error that nobody foresaw, show its code instead, and return that it is shown."""
    code = log.unexpected(error)
    st.error(
        f"Something unexpected went wrong here. The log of the app has the details under {code}; "
        "reload the page to try again.",
        icon=":material/error:",
    )
    return True
