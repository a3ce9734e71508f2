"""The order in which a model's answers stand, and the check that they are answers at all.

Equal probabilities are ordered by class number, the lower first, as `numpy.argmax` does. So the
top answer, the top five and the rank of the right class never contradict each other.
"""

from collections.abc import Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tl_core.errors import TransferLabError

# Probabilities stored as float16 or computed in bfloat16 sum to 1 within this much.
_SUM_TOLERANCE = 0.01
_ROUNDING = 1e-12


def checked_probabilities(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return N×C probabilities as float64 whose rows sum to 1.

    Raises:
        TransferLabError: they are not N×C with N and C of at least 1, hold something that is not
            a number in 0..1, or a row's sum is further than 0.01 from 1.
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 2 or 0 in values.shape:
        raise TransferLabError(
            f"The probabilities have the shape {values.shape}; expected at least one row (a test "
            "image) and one column (a class)."
        )
    sums = values.sum(axis=1, keepdims=True)
    off = float(np.abs(sums - 1).max())
    # Written so that a NaN is refused too.
    if not (off <= _SUM_TOLERANCE and values.min() >= 0):
        _refuse(values, sums)
    # Dividing what was checked before again would only take time.
    return values if off < _ROUNDING else values / sums


def checked_runs(probabilities: Sequence[ArrayLike]) -> list[NDArray[np.float64]]:
    """Return the N×C probabilities of several runs on the same images, each as above.

    Raises:
        TransferLabError: there is no run, one has no probabilities, or their shapes differ.
    """
    checked = [checked_probabilities(values) for values in probabilities]
    shapes = sorted({values.shape for values in checked})
    if len(shapes) != 1:
        raise TransferLabError(
            f"Got the answers of {len(checked)} runs with the shapes {shapes}; expected at least "
            "one run, and all of them tested on the same images and classes."
        )
    return checked


def checked_labels(labels: ArrayLike, images: int, classes: int) -> NDArray[np.int64]:
    """Return the N labels as int64.

    Raises:
        TransferLabError: there is not one whole number in 0..classes-1 for each image.
    """
    values = np.asarray(labels)
    if values.shape != (images,):
        raise TransferLabError(
            f"The labels have the shape {values.shape}; expected one label for each of the "
            f"{images} images."
        )
    if not np.issubdtype(values.dtype, np.integer):
        raise TransferLabError(f"The labels are {values.dtype}; expected whole numbers.")
    if values.min() < 0 or values.max() >= classes:
        raise TransferLabError(
            f"The labels reach from {values.min()} to {values.max()}; expected 0 to "
            f"{classes - 1}, one for each class."
        )
    return values.astype(np.int64)


def top_answers(probabilities: NDArray[np.floating], count: int) -> NDArray[np.int64]:
    """Return the classes of the `count` best answers of each row, best first, N×min(count, C)."""
    return np.argsort(-probabilities, axis=1, kind="stable")[:, :count]


def rank_of_label(
    probabilities: NDArray[np.floating], labels: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return how many answers stand before the right one, per row: 0 where the model is right."""
    own = np.take_along_axis(probabilities, labels[:, None], axis=1)
    earlier = np.arange(probabilities.shape[1]) < labels[:, None]
    before = (probabilities > own) | ((probabilities == own) & earlier)
    ranks: NDArray[np.int64] = before.sum(axis=1, dtype=np.int64)
    return ranks


def _refuse(values: NDArray[np.float64], sums: NDArray[np.float64]) -> NoReturn:
    unusable = ~np.isfinite(values).all(axis=1)
    if unusable.any():
        raise TransferLabError(
            f"{unusable.sum()} of {len(values)} test images got an answer that is not a number, "
            f"the first of them image {unusable.argmax()}; the model diverged, so train it again "
            "with a lower learning rate."
        )
    if values.min() < 0 or values.max() > 1 + _SUM_TOLERANCE:
        raise TransferLabError(
            f"The probabilities reach from {values.min():.3g} to {values.max():.3g}; expected 0 "
            "to 1, so pass a softmax's output, not logits."
        )
    worst = int(np.abs(sums - 1).argmax())
    raise TransferLabError(
        f"The probabilities of image {worst} sum to {sums[worst, 0]:.3g}; expected 1, so pass "
        "a softmax's output."
    )
