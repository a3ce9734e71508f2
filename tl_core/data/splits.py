"""Stratified splits that a seed decides, and subsets of them that nest in one another."""

import numpy as np
from numpy.typing import NDArray

from tl_core.errors import TransferLabError

VALIDATION_SHARE = 0.1
TEST_SHARE = 0.2

Positions = NDArray[np.int64]


def stratified_order(positions: Positions, labels: Positions, seed: int) -> Positions:
    """Return `positions` in an order of which every beginning holds the classes in proportion.

    Sainte-Laguë's method of dividing seats, which never takes a seat back when there are more to
    divide, so that a longer beginning contains every shorter one. The first of each class come
    before everything else.

    Args:
        positions: What to order (N).
        labels: The class of every position that could be asked for, indexed by position.
        seed: Decides which of a class comes first, and between classes that are level.
    """
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(np.sort(positions))
    classes = labels[shuffled]
    by_class = np.argsort(classes, kind="stable")
    _, starts, sizes = np.unique(classes[by_class], return_index=True, return_counts=True)
    rank = np.arange(len(shuffled)) - np.repeat(starts, sizes)
    turn = np.where(rank == 0, 0.0, (rank + 0.5) / np.repeat(sizes, sizes))
    level = rng.random(len(shuffled))
    return shuffled[by_class][np.lexsort((level, turn))]


def hold_out_test(
    positions: Positions, labels: Positions, seed: int
) -> tuple[Positions, Positions]:
    """Split `positions` into (the rest, `TEST_SHARE` of them), at least one of each class.

    Both come back in stratified order, so that a beginning of either is stratified too.
    """
    classes = len(np.unique(labels[positions]))
    return _split(positions, labels, max(classes, round(TEST_SHARE * len(positions))), seed)


def hold_out_validation(
    positions: Positions, labels: Positions, seed: int
) -> tuple[Positions, Positions]:
    """Split `positions` into (the rest, `VALIDATION_SHARE` of them), at least one image.

    Where a class has fewer than ten images not every class is validated on: its labels are worth
    more to train on. Both come back in stratified order, as from `hold_out_test`.
    """
    return _split(positions, labels, max(1, round(VALIDATION_SHARE * len(positions))), seed)


def _split(
    positions: Positions, labels: Positions, held: int, seed: int
) -> tuple[Positions, Positions]:
    order = stratified_order(positions, labels, seed)
    return stratified_order(order[held:], labels, seed), order[:held]


def limited(
    train: Positions, validation: Positions, labels: Positions, limit: int | None
) -> tuple[Positions, Positions]:
    """Return the beginnings of `train` and `validation` that together hold `limit` positions.

    Both must be in stratified order. The share of validation stays what it was; a smaller limit
    takes a subset of what a larger one takes, and never trains on what another validates on.

    Raises:
        TransferLabError: `limit` is less than two for each class, or more than there are.
    """
    if limit is None:
        return np.sort(train), np.sort(validation)
    classes = len(np.unique(labels[train]))
    pool = len(train) + len(validation)
    check_limit(limit, classes, pool)
    wanted = max(1, round(limit * len(validation) / pool))
    held = min(wanted, len(validation), limit - classes)
    return np.sort(train[: limit - held]), np.sort(validation[:held])


def check_limit(limit: int, classes: int, pool: int) -> None:
    """Refuse a limit that `pool` labelled images of so many classes cannot keep.

    Raises:
        TransferLabError: `limit` is less than two for each class, or more than there are.
    """
    if limit < 2 * classes:
        raise TransferLabError(
            f"limit is {limit:,}, but each of the {classes} classes needs two images, to train and "
            f"to validate on; raise it to {2 * classes:,} or more."
        )
    if limit > pool:
        raise TransferLabError(
            f"limit is {limit:,}, but there are {pool:,} labelled images outside the test set; "
            "lower it, or leave it out to use them all."
        )
