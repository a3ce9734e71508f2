"""What every page begins with, and the one place where an error becomes a sentence."""

import logging
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from pages.parts import door
from tl_core.errors import TransferLabError
from tl_core.settings import settings

HOME, TRAIN, COMPARE, PREDICT = (
    "app.py",
    "pages/1_Train.py",
    "pages/2_Compare.py",
    "pages/3_Predict.py",
)
_LINKS = {
    HOME: ("Home", ":material/home:"),
    TRAIN: ("Train", ":material/model_training:"),
    COMPARE: ("Compare", ":material/leaderboard:"),
    PREDICT: ("Predict", ":material/image_search:"),
}
_HERE = Path(__file__).parent
# What is chosen stands in the accent colour on a tint of it, which no accent does legibly on dark
# paper while white also reads on it.
_LEGIBLE = """<style>
.st-key-page :is([role="radio"][aria-checked="true"], [role="tab"][aria-selected="true"]) {
  color: inherit;
}
</style>"""
_LOG = logging.getLogger("transfer_lab.app")


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
    """Show an expected error as its sentence, and any other as one that names the log."""
    try:
        yield
    except TransferLabError as error:
        st.error(str(error), icon=":material/error:")
    except Exception:  # noqa: BLE001 - whatever it is, the reader gets a sentence, the log the rest
        _LOG.exception("A page failed")
        log = settings().artifacts / "app.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}\n{traceback.format_exc()}\n")
        st.error(
            f"Something unexpected went wrong here. The details are in {log}; reload the page to "
            "try again.",
            icon=":material/error:",
        )
