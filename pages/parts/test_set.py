"""The pictures that runs were tested on, where their data set is on this machine."""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from pages.parts import machine
from tl_core.data import open_dataset
from tl_core.data.dataset import Dataset
from tl_core.errors import TransferLabError
from tl_core.runs.dataset_info import dataset_info
from tl_core.runs.store import Run


@dataclass(frozen=True)
class TestSet:
    """The opened data set of a run; positions count through its test set."""

    data: Dataset

    def __len__(self) -> int:
        return len(self.data.test)

    def pictures(self, positions: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the pictures at these positions, uint8 N×H×W×3."""
        return self.data.images.read(self.data.test[positions])

    def label(self, position: int) -> str:
        """Return the name of the right class of the picture at this position."""
        return self.data.class_names[self.data.labels[self.data.test[position]]]


def test_set(run: Run) -> TestSet | str:
    """Return the pictures that `run` was tested on, or in a sentence why they are not here."""
    about = run.outcome.dataset
    found = {report.name: report.found for report in machine.data_sources()}
    if not found.get(about.name, True):
        return f"The pictures of {about.title} are not on this machine, so none can be shown here."
    try:
        data, fingerprint = _opened(about.name, run.recipe.seed, about.resolution)
    except TransferLabError as error:
        return f"The pictures cannot be shown: {error}"
    if fingerprint != about.test_fingerprint:
        return f"{about.title} has changed since the run, so its test pictures cannot be shown."
    return TestSet(data)


@st.cache_resource(max_entries=2, show_spinner="Opening the data …")
def _opened(name: str, seed: int, resolution: int) -> tuple[Dataset, str]:
    data = open_dataset(name, seed=seed, resolution=resolution)
    return data, dataset_info(data).test_fingerprint
