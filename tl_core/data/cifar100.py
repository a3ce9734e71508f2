"""CIFAR-100: where its files are looked for, and the data set made of them."""

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tl_core.data.archive import Member, archive_members, folder_members
from tl_core.data.cifar_files import BINARY_FILES, PYTHON_FILES, read_binary, read_python
from tl_core.data.download import download
from tl_core.data.stored import Stored, load, locked
from tl_core.errors import TransferLabError
from tl_core.progress import Progress
from tl_core.settings import settings

URL = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
SHA256 = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"

# The name under which Keras 3 keeps the archive, so that either finds what the other fetched.
_KERAS_ARCHIVE = "cifar-100-python-target_archive"
_ENDINGS = (".tar.gz", ".tar.xz", ".tgz", ".txz")


@dataclass(frozen=True)
class Files:
    """The files of CIFAR-100 in a folder or an archive at `path`, in one of two layouts."""

    path: Path
    binary: bool

    @property
    def names(self) -> tuple[str, ...]:
        """The files that the layout consists of."""
        return BINARY_FILES if self.binary else tuple(PYTHON_FILES)

    def key(self) -> str:
        """Return a short text that changes when the files are replaced."""
        paths = [self.path / n for n in self.names] if self.path.is_dir() else [self.path]
        stats = [path.stat() for path in paths if path.exists()]
        facts = [str(self.path), *(f"{stat.st_size} {stat.st_mtime_ns}" for stat in stats)]
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]

    def read(self, progress: Progress) -> Stored:
        """Read all of it, see `read_binary` and `read_python`."""
        read = read_binary if self.binary else read_python
        return read(self._members(), str(self.path), progress)

    def _members(self) -> Iterator[Member]:
        if self.path.is_dir():
            return folder_members(self.path, self.names)
        return archive_members(self.path)


def open_cifar100(progress: Progress) -> tuple[Stored, str]:
    """Return CIFAR-100 (60,000 pictures of 32×32, 100 classes in 20) and its fingerprint.

    Looks in `TL_DATA_DIR`, then Keras' cache, then what was extracted before, and at last fetches
    the archive that Keras would fetch. The first time takes seconds, later ones milliseconds.

    Raises:
        TransferLabError: files are damaged or of another data set, or none could be had.
        Stopped: the user asked to stop.
    """
    files = find_files()
    found = _extracted(files)
    if found:
        return found
    with locked(settings().cache / "datasets" / "cifar100.lock", progress):
        # Another process may have extracted it while this one waited for the lock.
        return _extracted(files) or _extract(files or _fetch(progress), progress)


def find_files() -> Files | None:
    """Return the first place that has files of CIFAR-100, without looking into them.

    Raises:
        TransferLabError: `TL_DATA_DIR` names no folder, or a folder may not be looked at.
    """
    data, keras = settings().data, settings().keras_home / "datasets"
    if data and not data.is_dir():
        raise TransferLabError(
            f"TL_DATA_DIR is {data}, which is no folder; set it to the folder that holds the data, "
            "or unset it."
        )
    try:
        return (_in_folder(data) if data else None) or _in_folder(keras)
    except OSError as error:
        raise TransferLabError(
            f"{error.filename} cannot be looked at ({error.strerror}); check its permissions."
        ) from error


def where_to_put_it() -> str:
    """Return the beginning of a sentence that says which file to put where."""
    place = settings().data or "a folder and set TL_DATA_DIR to it"
    return f"Put cifar-100-python.tar.gz or cifar-100-binary.tar.gz into {place}"


def extracted_folder() -> Path | None:
    """Return the folder of an earlier extraction, or None."""
    kept = sorted(settings().cache.glob("datasets/cifar100-*/about.json"))
    return kept[-1].parent if kept else None


def _in_folder(folder: Path) -> Files | None:
    for binary, layout, mark in (
        (True, "cifar-100-binary", "train.bin"),
        (False, "cifar-100-python", "train"),
    ):
        nested = folder / "cifar-100-python-target" / layout
        for place in (folder, folder / layout, nested):
            if (place / mark).is_file():
                return Files(place, binary)
        names = [layout + ending for ending in _ENDINGS] + ([] if binary else [_KERAS_ARCHIVE])
        for name in names:
            if (folder / name).is_file():
                return Files(folder / name, binary)
    return None


def _extracted(files: Files | None) -> tuple[Stored, str] | None:
    folder = _folder(files) if files else extracted_folder()
    return load(folder) if folder else None


def _extract(files: Files, progress: Progress) -> tuple[Stored, str]:
    folder = _folder(files)
    opened = files.read(progress).kept(folder)
    for other in folder.parent.glob("cifar100-*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    return opened


def _folder(files: Files) -> Path:
    return settings().cache / "datasets" / f"cifar100-{files.key()}"


def _fetch(progress: Progress) -> Files:
    path = settings().keras_home / "datasets" / _KERAS_ARCHIVE
    try:
        download(URL, path, SHA256, progress)
    except TransferLabError as error:
        raise TransferLabError(
            f"CIFAR-100 is not on this machine. {error} {where_to_put_it()}, or use the built-in "
            "dataset 'demo'."
        ) from error
    return Files(path, binary=False)
