"""What a run keeps of its data, and how two runs know that they were tested on the same images."""

import hashlib

import numpy as np

from tl_core.data import Dataset
from tl_core.runs.documents import DatasetInfo


def dataset_info(dataset: Dataset) -> DatasetInfo:
    """Return what is kept of `dataset` with a run."""
    coarse = dataset.coarse_of_class
    return DatasetInfo(
        name=dataset.name,
        title=dataset.title,
        is_demo=dataset.is_demo,
        fingerprint=dataset.fingerprint,
        test_fingerprint=_test_fingerprint(dataset),
        resolution=dataset.images.shape[1],
        class_names=dataset.class_names,
        coarse_names=dataset.coarse_names,
        coarse_of_class=None if coarse is None else tuple(coarse.tolist()),
        train=len(dataset.train),
        validation=len(dataset.validation),
        test=len(dataset.test),
        skipped=tuple(f"{skipped.path}: {skipped.reason}" for skipped in dataset.skipped),
    )


def _test_fingerprint(dataset: Dataset) -> str:
    """Return what two runs share exactly if they were tested on the same images in one order."""
    digest = hashlib.sha256("\n".join(dataset.class_names).encode())
    digest.update(dataset.labels[dataset.test].astype(np.int64).tobytes())
    if dataset.test_fingerprint is not None:
        digest.update(dataset.test_fingerprint.encode())
    else:
        digest.update(dataset.images.read(dataset.test).tobytes())
    return digest.hexdigest()
