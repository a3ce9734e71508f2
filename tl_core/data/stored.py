"""A data set as arrays on disk that open in milliseconds, whatever it was made from."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from tl_core.errors import TransferLabError
from tl_core.progress import Progress

_FORMAT = 1


@dataclass(frozen=True)
class Stored:
    """Pictures (uint8 N×H×W×3) whose last `tests` are the test set, with labels and names."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    tests: int
    class_names: tuple[str, ...]
    coarse_of_class: NDArray[np.int64]
    coarse_names: tuple[str, ...]

    def fingerprint(self) -> str:
        """Return a sha256 over pictures, labels and names."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        digest.update(json.dumps(self._words()).encode())
        return digest.hexdigest()

    def _words(self) -> dict[str, object]:
        return {
            "tests": self.tests,
            "class_names": self.class_names,
            "coarse_of_class": self.coarse_of_class.tolist(),
            "coarse_names": self.coarse_names,
        }

    def kept(self, folder: Path) -> tuple["Stored", str]:
        """Write everything to `folder`, whole or not at all, and return it as `load` does.

        To be called with a lock held.

        Raises:
            TransferLabError: it cannot be written.
        """
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            prefix = f".writing-{folder.name}-"
            for abandoned in folder.parent.glob(f"{prefix}*"):
                shutil.rmtree(abandoned, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=prefix) as name:
                part = Path(name) / "part"
                part.mkdir()
                np.save(part / "images.npy", self.images)
                np.save(part / "labels.npy", self.labels)
                about = self._words() | {"format": _FORMAT, "fingerprint": self.fingerprint()}
                (part / "about.json").write_text(json.dumps(about), encoding="utf-8")
                shutil.rmtree(folder, ignore_errors=True)
                part.rename(folder)
            found = load(folder)
        except OSError as error:
            raise TransferLabError(
                f"{folder} cannot be written ({error.strerror or error}); free some space there, "
                "or set TL_ARTIFACTS_DIR to a folder that can be written."
            ) from error
        if found is None:
            raise TransferLabError(f"{folder} was written but cannot be read; is the disk full?")
        return found


def load(folder: Path) -> tuple[Stored, str] | None:
    """Return what was saved to `folder` with its fingerprint, or None if that is not whole."""
    try:
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        if about["format"] != _FORMAT:
            return None
        stored = Stored(
            images=np.load(folder / "images.npy", mmap_mode="r"),
            labels=np.load(folder / "labels.npy"),
            tests=int(about["tests"]),
            class_names=tuple(about["class_names"]),
            coarse_of_class=np.array(about["coarse_of_class"], np.int64),
            coarse_names=tuple(about["coarse_names"]),
        )
        return stored, str(about["fingerprint"])
    except (OSError, EOFError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        # A cache can always be made again; a damaged one counts as none.
        return None


@contextmanager
def locked(path: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock file at `path`; while another process has it, wait and hear a stop.

    Raises:
        Stopped: the user asked to stop while waiting.
        TransferLabError: the lock cannot be made there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress.begin("data", 0, "images")
            while not lock.is_locked:
                with suppress(Timeout):
                    lock.acquire(timeout=0.5)
                progress.advance(0)
    except OSError as error:
        raise TransferLabError(
            f"{path.parent} cannot be written ({error.strerror or error}); "
            "set TL_ARTIFACTS_DIR to a folder that can be written."
        ) from error
    try:
        yield
    finally:
        lock.release()
