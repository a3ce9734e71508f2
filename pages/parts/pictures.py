"""The pictures a reader asks about: files dropped on the page, or samples of the test set."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from tl_core.data import open_dataset
from tl_core.data.dataset import Dataset
from tl_core.data.images import ACCEPTED, Fit, read_image
from tl_core.errors import UnreadableImage
from tl_core.runs.store import Run

MOST = 50
_SAMPLES = 4
_FITS: dict[Fit, str] = {"crop": "Cut out the centre", "pad": "Pad with black bars"}


@dataclass(frozen=True)
class Picture:
    """A picture as the network is given it (uint8 H×W×3), and its right class where known."""

    name: str
    pixels: NDArray[np.uint8]
    truth: str | None = None


def choose(run: Run) -> list[Picture]:
    """Let the reader drop files or draw samples of the run's test set; return what can be read."""
    files_place, samples_place = st.columns([3, 2], gap="medium")
    with files_place:
        files = st.file_uploader(
            f"Drop pictures here ({ACCEPTED})", accept_multiple_files=True, key="files"
        )
        if files:
            fit = st.segmented_control(
                "Pictures that are not square",
                list(_FITS),
                default="crop",
                required=True,
                format_func=_FITS.__getitem__,
                key="fit",
            )
    with samples_place:
        size = run.outcome.dataset.resolution
        st.markdown("Or take some of the test set, with their right answers")
        with st.container(horizontal=True):
            if st.button("Take samples", icon=":material/casino:", key="draw"):
                st.session_state["samples"] = np.random.default_rng().integers(
                    run.outcome.dataset.test, size=_SAMPLES
                )
            if "samples" in st.session_state and st.button(
                "Clear", icon=":material/close:", key="clear"
            ):
                del st.session_state["samples"]
                st.rerun()
        st.caption(f"Every picture is brought to {size} × {size} pixels, as the training's were.")
    found = []
    if files:
        if len(files) > MOST:
            st.warning(f"{len(files)} files were dropped; the first {MOST} are shown.")
        found += _read(files[:MOST], size, fit)
    if "samples" in st.session_state:
        found += _samples(run, st.session_state["samples"])
    return found


def _read(files: list, size: int, fit: Fit) -> list[Picture]:
    found = []
    for file in files:
        try:
            found.append(Picture(file.name, read_image(file.getvalue(), size, fit)))
        except UnreadableImage as error:
            st.error(f"**{file.name}**: {error}", icon=":material/broken_image:")
    return found


def _samples(run: Run, drawn: NDArray[np.int64]) -> list[Picture]:
    recipe = run.recipe
    data = _dataset(recipe.dataset, recipe.seed, run.outcome.dataset.resolution)
    places = data.test[drawn % len(data.test)]
    pixels = data.images.read(places)
    return [
        Picture(f"Test picture {place}", picture, data.class_names[data.labels[place]])
        for place, picture in zip(places, pixels, strict=True)
    ]


@st.cache_resource(max_entries=2, show_spinner="Opening the data …")
def _dataset(name: str, seed: int, resolution: int) -> Dataset:
    return open_dataset(name, seed=seed, resolution=resolution)
