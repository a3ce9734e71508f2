"""The pictures a reader asks about: files, the camera, or samples of the test set."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from streamlit.runtime.uploaded_file_manager import UploadedFile

from pages.parts import words
from pages.parts.test_set import test_set
from tl_core.data.images import Fit, read_image
from tl_core.data.picture_file import ACCEPTED
from tl_core.door.uploads import MOST_BYTES, MOST_FILES
from tl_core.errors import UnreadableImage
from tl_core.runs.store import Run

_DRAWN = "drawn"
_FITS: dict[Fit, str] = {"crop": "Cut out the centre", "pad": "Pad with black bars"}


@dataclass(frozen=True)
class Picture:
    """A picture as networks are given it, and its right class where known.

    `sizes` holds it once for each resolution that one of the models takes: uint8 H×W×3.
    """

    name: str
    sizes: dict[int, NDArray[np.uint8]]
    truth: str | None = None

    def pixels(self, run: Run) -> NDArray[np.uint8]:
        """Return the picture as the run's model is given it."""
        return self.sizes[run.outcome.dataset.resolution]


def choose(runs: list[Run]) -> list[Picture]:
    """Let the reader give pictures or draw some from the runs' test set; return the readable."""
    sources: dict[str, Callable[[list[Run]], list[Picture]]] = {
        "Files": _files,
        "Test set": _samples,
        "Camera": _camera,
    }
    source = st.segmented_control(
        "Pictures from",
        list(sources),
        default="Files",
        required=True,
        key="from",
        bind="query-params",
    )
    return sources[source](runs)


def _files(runs: list[Run]) -> list[Picture]:
    files = st.file_uploader(
        f"Drop up to {MOST_FILES} pictures here ({ACCEPTED}; {MOST_BYTES // 2**20} MB each)",
        accept_multiple_files=True,
        key="files",
    )
    if not files:
        st.caption(_what_happens(runs))
        return []
    if len(files) > MOST_FILES:
        st.warning(f"{len(files)} files were dropped; the first {MOST_FILES} are shown.")
    return _read(files[:MOST_FILES], runs)


def _camera(runs: list[Run]) -> list[Picture]:
    st.caption(_what_happens(runs))
    shot = st.camera_input("Take a picture", key="camera")
    return _read([shot], runs) if shot else []


def _resolutions(runs: list[Run]) -> list[int]:
    return sorted({run.outcome.dataset.resolution for run in runs})


def _what_happens(runs: list[Run]) -> str:
    sizes = " or ".join(f"{size} × {size}" for size in _resolutions(runs))
    return (
        f"A picture goes the way of the training's: turned upright, made square, brought to "
        f"{sizes} pixels. It stays on this machine."
    )


def _read(files: list[UploadedFile], runs: list[Run]) -> list[Picture]:
    fit = st.segmented_control(
        "Made square by",
        list(_FITS),
        default="crop",
        required=True,
        format_func=_FITS.__getitem__,
        key="fit",
    )
    found = []
    for file in files:
        sizes = {}
        for size in _resolutions(runs):
            pixels = _pixels(file.file_id, file, size, fit)
            if isinstance(pixels, str):
                st.error(f"**{words.plain(file.name)}**: {pixels}", icon=":material/broken_image:")
                break
            sizes[size] = pixels
        else:
            found.append(Picture(file.name, sizes))
    return found


@st.cache_data(max_entries=500, show_spinner="Reading the pictures …")
def _pixels(number: str, _file: UploadedFile, size: int, fit: Fit) -> NDArray[np.uint8] | str:
    """Return the pixels of the upload with this number, or in a sentence why there are none.

    Decoded once, and not whenever somebody moves a widget.
    """
    try:
        return read_image(_file.getvalue(), size, fit)
    except UnreadableImage as error:
        return str(error)


def _samples(runs: list[Run]) -> list[Picture]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        count = st.number_input(
            "How many", 1, MOST_FILES, 4, key="how_many", bind="query-params", width=140
        )
        if st.button("Draw at random", icon=":material/casino:", key="draw"):
            st.query_params[_DRAWN] = secrets.token_hex(4)
    # In the address, so that a link shows the same pictures; in the session too, for whoever comes
    # back from another page.
    seed = st.query_params.get(_DRAWN) or st.session_state.get(_DRAWN)
    if not seed:
        st.caption("Pictures that no model here was trained on, with their right answers.")
        return []
    st.query_params[_DRAWN] = st.session_state[_DRAWN] = seed
    drawn: dict[int, NDArray[np.uint8]] = {}
    for run in runs:
        pictures = test_set(run)
        if isinstance(pictures, str):
            st.info(words.said(pictures), icon=":material/folder_off:")
            return []
        # The same pictures for each run: all of them were tested on the same.
        places = np.random.default_rng(list(seed.encode())).permutation(len(pictures))[:count]
        size = run.outcome.dataset.resolution
        if size not in drawn:
            drawn[size] = pictures.pictures(places)
    return [
        Picture(
            f"Test picture {place}",
            {size: pixels[number] for size, pixels in drawn.items()},
            pictures.label(place),
        )
        for number, place in enumerate(places)
    ]
