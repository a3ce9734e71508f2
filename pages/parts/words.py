"""One way to say a thing: the words, marks and numbers that several pages show."""

import re
import time
from collections.abc import Sequence

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tl_core.backbones.table import BACKBONES
from tl_core.data.sources import source_title
from tl_core.paths import without_folders
from tl_core.runs.documents import STATE_WORDS, State
from tl_core.runs.store import Run

_LOOKS: dict[State, tuple[str, str]] = {
    "queued": ("gray", "schedule"),
    "running": ("blue", "play_arrow"),
    "stopping": ("orange", "hourglass"),
    "stopped": ("gray", "stop"),
    "interrupted": ("orange", "bolt"),
    "failed": ("red", "error"),
    "finished": ("green", "check"),
}
STATE_BADGES: dict[State, str] = {
    state: f":{colour}-badge[:material/{icon}: {STATE_WORDS[state]}]"
    for state, (colour, icon) in _LOOKS.items()
}
DEMO_BADGE = ":violet-badge[:material/science: demo data]"
RANDOM_BADGE = ":gray-badge[random weights]"
HELD_BADGE = ":orange-badge[:material/pause: held]"
UNREADABLE_BADGE = ":red-badge[unreadable]"
IMPORTED_BADGE = ":blue-badge[:material/input: imported]"
RECORDED_BADGE = ":blue-badge[:material/inventory_2: recorded]"


# What means something to Streamlit's Markdown within a line, and at its beginning.
_MARKUP = re.compile(r"([\\`*_\[\]<>$~|&#]|^[-+=]|(?<=^\d)[.)]|:(?=\w))")
# Icons, emoji and addresses are found in the text after its marks were taken away; a word joiner,
# which nobody sees, keeps them apart.
_FOUND_LATER = re.compile(r"(:(?=\w)|:(?=//)|@|www(?=\.))", re.IGNORECASE)
# A name or a command between backticks, as `plain` leaves them, and one that has nothing to escape.
_QUOTED = re.compile(r"\\`((?:(?!\\`).)+)\\`")
_CODE = re.compile(r"(?:[\w ./…-]|\\_)+")


def plain(text: str) -> str:
    """Return Markdown that shows `text`, which came from elsewhere, as it is, on one line."""
    return _FOUND_LATER.sub("\\1\u2060", _MARKUP.sub(r"\\\1", " ".join(text.split())))


def said(text: str) -> str:
    """Return Markdown that shows a message, on one line and without this machine's folders.

    What the message names in backticks is shown as code.
    """
    return _QUOTED.sub(_as_code, plain(without_folders(text)))


def _as_code(found: re.Match[str]) -> str:
    inside = found[1]
    return f"`{inside.replace(chr(92), '')}`" if _CODE.fullmatch(inside) else found[0]


def dot(backbone: str) -> str:
    """Return a mark in the colour that this backbone has everywhere."""
    return f':color[●]{{foreground="{BACKBONES[backbone].colour}"}}'


def marks(run: Run) -> str:
    """Return the badges that a result of this run is never shown without."""
    badges = {
        DEMO_BADGE: is_demo(run),
        RANDOM_BADGE: run.recipe.weights == "random",
        RECORDED_BADGE: run.recorded,
        IMPORTED_BADGE: run.imported,
        HELD_BADGE: run.status.held,
    }
    return " ".join(badge for badge, shown in badges.items() if shown)


def dataset_title(run: Run) -> str:
    """Return the data set's title; before a run has ended, that of the name in its recipe."""
    return run.outcome.dataset.title if run.outcome else source_title(run.recipe.dataset)


def duration(seconds: float) -> str:
    """Return seconds as people say them."""
    if seconds < 1:
        return "under a second"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def taken(seconds: float | None, expected: float | None) -> str:
    """Return how long something took beside what was expected of it, as far as either is known.

    A number stays on a line with its unit.
    """
    parts = ["–" if seconds is None else duration(seconds)]
    if expected is not None:
        parts.append(f"(expected {duration(expected)})")
    return " ".join(part.replace(" ", "\u00a0") for part in parts)


def ago(moment: float) -> str:
    """Return how long ago a Unix time was."""
    seconds = time.time() - moment
    if seconds < 60:
        return "just now"
    if seconds < 86_400:
        return f"{duration(seconds)} ago"
    return time.strftime("%Y-%m-%d", time.localtime(moment))


def megabytes(size: float) -> str:
    """Return bytes in megabytes."""
    return f"{size / 1e6:,.0f} MB" if size >= 1e7 else f"{size / 1e6:.1f} MB"


def millions(count: int) -> str:
    """Return a number of parameters."""
    return f"{count / 1e6:.1f} M"


def empty(sentence: str, target: str, label: str, icon: str) -> None:
    """Say what is missing and where to get it."""
    with st.container(border=True, horizontal_alignment="center"):
        st.markdown(sentence, text_alignment="center")
        if st.button(label, icon=icon, type="primary", key=f"empty_{target}"):
            st.switch_page(target)


def is_demo(run: Run) -> bool:
    """Return whether what this run shows proves nothing about real pictures."""
    return run.outcome.dataset.is_demo if run.outcome else run.recipe.dataset == "demo"


def enlarged(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return an uint8 H×W×3 picture in whole multiples, `side` pixels or more.

    A browser smooths what it enlarges, and what the network sees is not smooth.
    """
    height, width, _ = picture.shape
    return picture.repeat(max(1, -(-side // height)), 0).repeat(max(1, -(-side // width)), 1)


def in_a_row(pictures: Sequence[NDArray[np.uint8]], gap: int) -> NDArray[np.uint8]:
    """Return uint8 H×W×3 pictures as one H×…×4, `gap` transparent columns between two."""
    between = np.zeros((len(pictures[0]), gap, 4), np.uint8)
    opaque = [
        np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)]) for picture in pictures
    ]
    parts = [part for picture in opaque for part in (between, picture)]
    return np.concatenate(parts[1:], axis=1)
