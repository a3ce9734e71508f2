"""The test pictures that a comparison points at, where their data set is on this machine."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tl_core.data import open_dataset, sources
from tl_core.errors import TransferLabError
from tl_core.runs.dataset_info import dataset_info
from tl_core.runs.store import Run


def test_pictures(run: Run, positions: Sequence[int]) -> NDArray[np.uint8]:
    """Return the pictures at these positions of the test set of `run`, uint8 N×H×W×3.

    Nothing is downloaded, and pictures that have changed since the run are not shown for those
    it was tested on.

    Raises:
        TransferLabError: the run has no results, or its pictures are not on this machine any more.
    """
    if run.outcome is None:
        raise TransferLabError(f"Run {run.id} was not tested, so there are no pictures to show.")
    about = run.outcome.dataset
    if any(source.name == about.name and not source.found for source in sources()):
        raise TransferLabError(f"The pictures of {about.title} are not on this machine.")
    data = open_dataset(about.name, seed=run.recipe.seed, resolution=about.resolution)
    if dataset_info(data).test_fingerprint != about.test_fingerprint:
        raise TransferLabError(
            f"{about.title} has changed since run {run.id}, so its test pictures cannot be shown."
        )
    return data.images.read(data.test[np.asarray(positions, np.int64)])


test_pictures.__test__ = False  # type: ignore[attr-defined]
