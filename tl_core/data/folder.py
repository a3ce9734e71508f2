"""A folder of class folders as a data set."""

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tl_core.data.dataset import Dataset, Skipped
from tl_core.data.folder_check import unreadable
from tl_core.data.folder_scan import Picture, Scan, scan
from tl_core.data.images import FileImages
from tl_core.data.splits import hold_out_test, hold_out_validation, limited, stratified_order
from tl_core.errors import TransferLabError
from tl_core.progress import Progress

DEFAULT_RESOLUTION = 224

# Rises when `read_image` would give other pixels for the same file.
_READING = 1

Positions = NDArray[np.int64]


def open_folder(
    path: Path, seed: int, limit: int | None, resolution: int | None, progress: Progress
) -> Dataset:
    """Return the pictures in `path`, one folder per class, `train/` and `test/` above optional.

    Without `test/` a fifth is held out by seed, without `val/` a tenth of the rest. Pictures that
    cannot be read are left out and listed.

    Args:
        path: The folder.
        seed: Decides the splits that the folder does not give.
        limit: How many pictures outside the test set to use, or None for all.
        resolution: Side in pixels to which each picture is brought (default 224).
        progress: Hears how many pictures were checked.

    Raises:
        TransferLabError: no class folders, a class with too few pictures, a link leading outside.
        Stopped: the user asked to stop.
    """
    found = scan(path)
    root = found.root
    broken = unreadable(root, found.pictures, progress)
    pictures = [picture for picture in found.pictures if picture.path not in broken]
    _refuse_few(root, found, pictures)
    number = {name: label for label, name in enumerate(found.class_names)}
    labels = np.array([number[picture.class_name] for picture in pictures], np.int64)
    train, validation, test = _splits(pictures, labels, seed)
    train, validation = limited(train, validation, labels, limit)
    size = resolution or DEFAULT_RESOLUTION
    unread = tuple(Skipped(path, reason) for path, reason in broken.items())
    return Dataset(
        name=f"folder:{root}",
        title=root.name,
        images=FileImages([picture.path for picture in pictures], size),
        labels=labels,
        class_names=found.class_names,
        train=train,
        validation=validation,
        test=test,
        fingerprint=_fingerprint(root, pictures, size),
        test_fingerprint=_fingerprint(root, [pictures[position] for position in test], size=0),
        skipped=tuple(sorted(found.skipped + unread, key=lambda skipped: skipped.path)),
    )


def _splits(
    pictures: Sequence[Picture], labels: Positions, seed: int
) -> tuple[Positions, Positions, Positions]:
    """Return training and validation set in stratified order, and the sorted test set."""
    given = np.array([picture.split for picture in pictures])
    pool = np.flatnonzero(np.isin(given, ("", "train")))
    test, validation = np.flatnonzero(given == "test"), np.flatnonzero(given == "validation")
    if not len(test):
        pool, test = hold_out_test(pool, labels, seed)
    if len(validation):
        train = stratified_order(pool, labels, seed)
        validation = stratified_order(validation, labels, seed)
    else:
        train, validation = hold_out_validation(pool, labels, seed)
    return train, validation, np.sort(test)


def _refuse_few(root: Path, found: Scan, pictures: Sequence[Picture]) -> None:
    """Refuse classes that cannot have a picture in each of the three splits."""
    if len(found.class_names) < 2:
        raise TransferLabError(
            f"{root} has only the class {found.class_names[0]!r}; there must be at least two."
        )
    split_by_seed = 3 - len(found.splits)
    counts = Counter((picture.class_name, picture.split) for picture in pictures)
    listed = Counter((picture.class_name, picture.split) for picture in found.pictures)
    for name in found.class_names:
        for split, folder in found.splits.items():
            least = 1 if split in ("test", "validation") else 1 + split_by_seed
            count = counts[name, split]
            if count < least:
                broken = listed[name, split] - count
                over = [one for one in found.skipped if one.path.is_relative_to(folder / name)]
                but = f" ({broken:,} more cannot be read)" if broken else ""
                if over:
                    file = f"{over[0].path.name} {over[0].reason}"
                    but += f" ({len(over):,} more passed over: {file})"
                raise TransferLabError(
                    f"The class {name!r} has {count} pictures{but} in {folder / name}, expected "
                    f"at least {least}, to train, to validate and to test on; "
                    "add pictures, or remove the class."
                )


def _fingerprint(root: Path, pictures: Sequence[Picture], size: int) -> str:
    digest = hashlib.sha256(f"{_READING} {size}\0".encode())
    for picture in pictures:
        name = os.fsencode(picture.path.relative_to(root))
        digest.update(name + f"\0{picture.size} {picture.mtime_ns}\0".encode())
    return digest.hexdigest()
