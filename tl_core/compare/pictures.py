"""The test pictures that a comparison points at, where their data set is on this machine."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tl_core.data import Dataset, SourceReport, open_dataset, sources
from tl_core.data.sources import FOLDER
from tl_core.errors import TransferLabError
from tl_core.runs.dataset_info import dataset_info
from tl_core.runs.store import Run


@dataclass(frozen=True)
class TestSet:
    """The opened data set of a run; positions count through its test set."""

    __test__ = False

    data: Dataset

    def __len__(self) -> int:
        return len(self.data.test)

    def pictures(self, positions: Sequence[int] | NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the pictures at these positions, uint8 N×H×W×3."""
        return self.data.images.read(self.data.test[np.asarray(positions, np.int64)])

    def label(self, position: int) -> str:
        """Return the name of the right class of the picture at this position."""
        return self.data.class_names[int(self.data.labels[self.data.test[position]])]


def open_with_fingerprint(name: str, seed: int, resolution: int) -> tuple[Dataset, str]:
    """Return a data set and the fingerprint of its test set.

    Raises:
        TransferLabError: it cannot be opened.
    """
    data = open_dataset(name, seed=seed, resolution=resolution)
    return data, dataset_info(data).test_fingerprint


def test_set(
    run: Run,
    found: Callable[[], Sequence[SourceReport]] = sources,
    opened: Callable[[str, int, int], tuple[Dataset, str]] = open_with_fingerprint,
) -> TestSet:
    """Return the pictures that `run` was tested on.

    Nothing is downloaded, and pictures that have changed since the run are not shown for those
    it was tested on. Who asks often gives `found` and `opened` that remember.

    Raises:
        TransferLabError: the run has no results, or its pictures are not on this machine any more.
    """
    if run.outcome is None:
        raise TransferLabError(f"Run {run.id} was not tested, so there are no pictures to show.")
    about = run.outcome.dataset
    if run.imported and about.name.startswith(FOLDER):
        raise TransferLabError(
            f"Run {run.id} was made elsewhere from a folder of pictures, which are not here."
        )
    if any(source.name == about.name and not source.found for source in found()):
        raise TransferLabError(
            f"The pictures of {about.title} are not on this machine, so none can be shown."
        )
    data, fingerprint = opened(about.name, run.recipe.seed, about.resolution)
    if fingerprint != about.test_fingerprint:
        raise TransferLabError(
            f"{about.title} has changed since the run, so its test pictures cannot be shown."
        )
    return TestSet(data)


test_set.__test__ = False  # type: ignore[attr-defined]
