"""The sources of data by name: opening one, and saying which are on this machine."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tl_core.data import cifar100, demo
from tl_core.data.dataset import Dataset
from tl_core.data.folder import open_folder
from tl_core.data.images import ArrayImages
from tl_core.data.picture_file import ACCEPTED
from tl_core.data.splits import hold_out_validation, limited
from tl_core.data.stored import Stored
from tl_core.errors import TransferLabError
from tl_core.progress import Progress

FOLDER = "folder:"

MAX_RESOLUTION = 1024


@dataclass(frozen=True)
class SourceReport:
    """Whether a source can be used on this machine, and what to do if not.

    `name` is what `open_dataset` takes; `to_do` is empty when there is nothing to do.
    """

    name: str
    title: str
    found: bool
    where: str
    detail: str
    to_do: str


@dataclass(frozen=True)
class _BuiltIn:
    title: str
    open: Callable[[Progress], tuple[Stored, str]]


_BUILT_IN = {
    "cifar100": _BuiltIn("CIFAR-100", cifar100.open_cifar100),
    "demo": _BuiltIn("Demo data", demo.open_demo),
}


def open_dataset(
    name: str,
    *,
    seed: int = 0,
    limit: int | None = None,
    resolution: int | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Return the data set called `name`, split into training, validation and test set.

    Args:
        name: `cifar100`, `demo`, or `folder:<path>` with a folder of pictures for each class.
        seed: Decides the validation set (a tenth of the labelled training images) and, in a
            folder without `test/`, the test set (a fifth).
        limit: Use only so many images for training and validation together, every class in its
            proportion (default all). The test set stays whole. A smaller limit takes a subset of
            what a larger one takes.
        resolution: Side in pixels of a folder's pictures (default 224); the others have their own.
        progress: Hears of the phase 'data'.

    Raises:
        TransferLabError: there is no such data, it is damaged, or an argument is impossible.
        Stopped: the user asked to stop.
    """
    progress = progress or Progress()
    if resolution is not None and not 1 <= resolution <= MAX_RESOLUTION:
        raise TransferLabError(
            f"resolution is {resolution}, expected 1 to {MAX_RESOLUTION} pixels; "
            "leave it out for the usual one."
        )
    if name.startswith(FOLDER) and name != FOLDER:
        return open_folder(Path(name.removeprefix(FOLDER)), seed, limit, resolution, progress)
    if name not in _BUILT_IN:
        raise TransferLabError(
            f"There is no dataset {name!r}; choose {', '.join(_BUILT_IN)} or {FOLDER}<path>."
        )
    stored, fingerprint = _BUILT_IN[name].open(progress)
    return _dataset(name, stored, fingerprint, seed, limit, resolution)


def source_title(name: str) -> str:
    """Return what people call the data set `name`; a folder is called as it is itself."""
    if name.startswith(FOLDER):
        return Path(name.removeprefix(FOLDER)).name or name
    return _BUILT_IN[name].title if name in _BUILT_IN else name


def sources() -> list[SourceReport]:
    """Return what each source has on this machine, looking at names of files only."""
    return [
        _cifar100_report(),
        SourceReport(
            name="demo",
            title=_BUILT_IN["demo"].title,
            found=True,
            where="built in",
            detail="8,000 drawn pictures of 32×32 in 100 classes; proves nothing about real ones",
            to_do="",
        ),
        SourceReport(
            name=f"{FOLDER}<path>",
            title="A folder of pictures",
            found=True,
            where="any folder on this machine",
            detail=f"one folder for each class, with {ACCEPTED} files",
            to_do="",
        ),
    ]


def _cifar100_report() -> SourceReport:
    where, detail, to_do = "", "60,000 photographs of 32×32 in 100 classes and 20 superclasses", ""
    try:
        files = cifar100.find_files()
        extracted = cifar100.extracted_folder()
        if files:
            where = str(files.path)
        elif extracted:
            where = f"{extracted} (extracted earlier)"
        else:
            to_do = (
                f"{cifar100.where_to_put_it()}, or let the first run fetch {cifar100.URL} (169 MB)."
            )
    except (TransferLabError, OSError) as error:
        to_do = str(error)
    return SourceReport("cifar100", _BUILT_IN["cifar100"].title, bool(where), where, detail, to_do)


def _dataset(
    name: str,
    stored: Stored,
    fingerprint: str,
    seed: int,
    limit: int | None,
    resolution: int | None,
) -> Dataset:
    count, side = stored.images.shape[:2]
    if resolution not in (None, side):
        raise TransferLabError(
            f"The pictures of {name} have {side} pixels, not {resolution}; leave resolution out "
            "(input_size decides what the network sees)."
        )
    pool, test = np.arange(count - stored.tests), np.arange(count - stored.tests, count)
    train, validation = hold_out_validation(pool, stored.labels, seed)
    train, validation = limited(train, validation, stored.labels, limit)
    return Dataset(
        name=name,
        title=_BUILT_IN[name].title,
        images=ArrayImages(stored.images),
        labels=stored.labels,
        class_names=stored.class_names,
        train=train,
        validation=validation,
        test=test,
        fingerprint=fingerprint,
        coarse_of_class=stored.coarse_of_class,
        coarse_names=stored.coarse_names,
    )
