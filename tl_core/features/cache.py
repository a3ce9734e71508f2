"""The cache of features: found by everything that changes them, limited in size."""

import hashlib
import json
import os
import shutil
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tl_core.errors import TransferLabError
from tl_core.features.locks import Lock, try_lock, wait_lock
from tl_core.features.rows import StoredRows
from tl_core.features.shards import Kind, Shards
from tl_core.files import write_text
from tl_core.settings import settings

Document = dict[str, object]
Shapes = dict[str, tuple[int, ...]]

# Room to leave on the disk for everything else.
_SPARE_BYTES = 256 * 2**20


class DoesNotFit(TransferLabError):
    """What is to be kept is larger than the cache or the disk allows."""


@dataclass(frozen=True)
class Kept:
    """Arrays in the cache, which keeps them while they are in use."""

    arrays: dict[str, StoredRows]
    dtype: Kind


@dataclass(frozen=True)
class EntryReport:
    """One entry as `tl cache` shows it; `used` in Unix seconds."""

    key: str
    document: Document
    images: int
    bytes: int
    complete: bool
    in_use: bool
    used: float


@dataclass(frozen=True)
class Usage:
    """What the cache holds, most recently used first, and how much it may hold."""

    entries: tuple[EntryReport, ...]
    bytes: int
    limit: int


class Entry:
    """The place of one set of features in the cache."""

    def __init__(self, document: Document) -> None:
        self.document = document
        text = json.dumps(document, sort_keys=True, separators=(",", ":"))
        self.key = hashlib.sha256(text.encode()).hexdigest()[:32]
        self.folder = _root() / self.key

    def find(self) -> Kept | None:
        """Return the features if all of them are there and unharmed."""
        if not self.folder.exists():
            return None
        in_use = wait_lock(_lock_path(self.key, "use"), write=False)
        try:
            shards = Shards.open(self.folder)
            if shards is None or not shards.state.complete or shards.damaged():
                return None
            return self._kept(shards, in_use)
        finally:
            in_use.release()

    @contextmanager
    def filling(
        self, rows: int, dtype: Kind, shapes: Shapes, waiting: Callable[[int], None]
    ) -> Iterator["Filling"]:
        """Hold the entry for writing; yields what is there of it, which may be all by then.

        While another process writes it, `waiting` is called with the number of images done; it
        may raise to give up.

        Raises:
            DoesNotFit: no room for it, even with all unused features gone.
        """
        # Readers hold the first lock too, for the sake of removal alone: a harmed part is
        # written again under their eyes.
        in_use = wait_lock(_lock_path(self.key, "use"), write=False)
        try:
            writing = wait_lock(
                _lock_path(self.key, "write"), write=True, waiting=lambda: waiting(self._done())
            )
            try:
                yield Filling(self, in_use, rows, dtype, shapes)
            finally:
                writing.release()
        finally:
            in_use.release()

    def _done(self) -> int:
        shards = Shards.open(self.folder)
        return shards.state.rows_done if shards else 0

    def _kept(self, shards: Shards, in_use: Lock) -> Kept:
        os.utime(self.folder / "key.json")
        arrays = shards.arrays()
        for array in arrays.values():
            weakref.finalize(array, in_use.duplicate())
        return Kept(arrays, shards.state.dtype)


class Filling:
    """An entry held for writing."""

    def __init__(self, entry: Entry, in_use: Lock, rows: int, dtype: Kind, shapes: Shapes) -> None:
        self.damaged = 0
        self._entry = entry
        self._in_use = in_use
        self._rows = rows
        self._shapes = shapes
        shards = Shards.open(entry.folder)
        if shards is None or shards.state.rows != rows or shards.state.arrays != shapes:
            shards = self._create(dtype)
        damaged = shards.damaged()
        if damaged:
            self.damaged = len(damaged)
            shards.discard(damaged)
        self.shards = shards

    def add(self, start: int, outputs: Sequence[NDArray[np.float32]]) -> None:
        """Take the outputs for the images from `start` on; see `Shards.add`.

        Raises:
            TooWide: a value is beyond the range of float16.
            TransferLabError: a value is not a number, or the disk is full or failed.
        """
        try:
            self.shards.add(start, outputs)
        except OSError as error:
            raise TransferLabError(
                f"The features could not be written to {self.shards.folder}: "
                f"{error.strerror or error}. Make room on that disk, or set TL_ARTIFACTS_DIR to "
                f"a folder on another; what was computed so far is kept."
            ) from error

    def restart(self, dtype: Kind) -> None:
        """Throw away what is there and begin again in another storage type."""
        self.shards = self._create(dtype)

    def finish(self) -> Kept:
        """Return the features, all of which must have been added."""
        assert self.shards.state.complete
        return self._entry._kept(self.shards, self._in_use)

    def _create(self, dtype: Kind) -> Shards:
        itemsize = np.dtype(dtype).itemsize
        values = sum(int(np.prod(shape)) for shape in self._shapes.values())
        make_room(self._rows * values * itemsize, keep=self._entry.key)
        folder = self._entry.folder
        shutil.rmtree(folder, ignore_errors=True)
        write_text(folder / "key.json", json.dumps(self._entry.document, indent=1))
        return Shards.create(folder, self._rows, dtype, self._shapes)


def usage() -> Usage:
    """Return what the cache holds."""
    entries = sorted(_entries(), key=lambda entry: -entry.used)
    return Usage(tuple(entries), sum(e.bytes for e in entries), settings().cache_bytes)


def clear() -> tuple[int, int]:
    """Delete everything that is not in use; return the bytes freed and the entries left."""
    freed = left = 0
    for entry in _entries():
        if _remove(entry.key):
            freed += entry.bytes
        else:
            left += 1
    return freed, left


def make_room(needed: int, keep: str | None = None) -> None:
    """Delete the least recently used features until `needed` bytes fit; none that is in use.

    Raises:
        DoesNotFit: they do not fit all the same.
    """
    limit = settings().cache_bytes
    root = _root()
    root.mkdir(parents=True, exist_ok=True)
    entries = sorted((e for e in _entries() if e.key != keep), key=lambda entry: entry.used)
    held = sum(entry.bytes for entry in entries)
    for entry in entries:
        short = held + needed > limit or shutil.disk_usage(root).free < needed + _SPARE_BYTES
        if needed <= limit and short and _remove(entry.key):
            held -= entry.bytes
    if held + needed > limit:
        raise DoesNotFit(
            f"The features need {_size(needed)}, and the cache may hold {_size(limit)}, of which "
            f"{_size(held)} are in use. Raise TL_CACHE_LIMIT_GB, or compute fewer images at a "
            f"smaller size."
        )
    free = shutil.disk_usage(root).free
    if free < needed + _SPARE_BYTES:
        raise DoesNotFit(
            f"The features need {_size(needed)}, and the disk of {root} has {_size(free)} left. "
            f"Make room on it, or set TL_ARTIFACTS_DIR to a folder on another disk."
        )


def _entries() -> Iterator[EntryReport]:
    root = _root()
    folders = [f for f in root.iterdir() if (f / "key.json").exists()] if root.exists() else []
    for folder in folders:
        try:
            document = json.loads((folder / "key.json").read_text(encoding="utf-8"))
            used = (folder / "key.json").stat().st_mtime
            size = sum(file.stat().st_blocks * 512 for file in folder.iterdir())
        except (OSError, ValueError, RecursionError):
            continue
        if not isinstance(document, dict):
            continue
        shards = Shards.open(folder)
        lock = try_lock(_lock_path(folder.name, "use"), write=True)
        if lock is not None:
            lock.release()
        yield EntryReport(
            key=folder.name,
            document=document,
            images=shards.state.rows if shards else 0,
            bytes=size,
            complete=shards is not None and shards.state.complete,
            in_use=lock is None,
            used=used,
        )


def _remove(key: str) -> bool:
    lock = try_lock(_lock_path(key, "use"), write=True)
    if lock is None:
        return False
    folder = _root() / key
    try:
        # Another process may have seen the same entry and removed it before this one got the lock.
        if folder.exists():
            # The description goes last, so that an interrupted removal is taken up again.
            for file in sorted(folder.iterdir(), key=lambda file: file.name == "key.json"):
                file.unlink(missing_ok=True)
            folder.rmdir()
        for kind in ("write", "use"):
            _lock_path(key, kind).unlink(missing_ok=True)
    finally:
        lock.release()
    return True


def _root() -> Path:
    return settings().cache / "features"


def _lock_path(key: str, kind: str) -> Path:
    return settings().cache / "locks" / f"{key}.{kind}"


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.0f} MB"
