"""The pictures that runs were tested on, opened once for all readers."""

import streamlit as st

from pages.parts import machine
from tl_core.compare import pictures
from tl_core.compare.pictures import TestSet
from tl_core.data import Dataset
from tl_core.errors import TransferLabError
from tl_core.runs.store import Run


def test_set(run: Run) -> TestSet | str:
    """Return the pictures that `run` was tested on, or in a sentence why they are not here."""
    try:
        return pictures.test_set(run, machine.data_sources, _opened)
    except TransferLabError as error:
        return str(error)


@st.cache_resource(max_entries=2, show_spinner="Opening the data …")
def _opened(name: str, seed: int, resolution: int) -> tuple[Dataset, str]:
    return pictures.open_with_fingerprint(name, seed, resolution)
