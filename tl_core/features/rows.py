"""Rows of numbers in a file, read when they are asked for."""

import os
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tl_core.errors import TransferLabError


class Rows(Protocol):
    """N rows of one shape, looked at like an array N×…; any look may read or compute them."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of rows, and the shape of one."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the numbers."""
        ...

    def __getitem__(self, rows: NDArray[np.int64], /) -> NDArray[np.generic]: ...


class StoredRows:
    """An array N×… in a file, of which no more is in memory than what was asked for.

    A memory map would do the same in fewer words, but every page that it has shown counts as the
    process' own until the whole file does, and a file cut short under it ends the process.
    """

    def __init__(self, path: Path, dtype: DTypeLike, shape: Sequence[int]) -> None:
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.shape = tuple(shape)
        self._path = path
        self._row_bytes = self.dtype.itemsize * int(np.prod(self.shape[1:]))
        self._file = path.open("rb", buffering=0)
        self._moving = Lock()

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: NDArray[np.int64] | slice) -> NDArray[np.generic]:
        """Return the rows at these places, in their order.

        Raises:
            IndexError: there is no such row.
            TransferLabError: the file is shorter than it was.
        """
        chosen = np.arange(len(self))[rows]
        found = np.empty((len(chosen), *self.shape[1:]), self.dtype)
        if not found.size:
            return found
        into = found.reshape(-1).view(np.uint8).data
        # Rows that follow each other are read in one piece.
        breaks = np.flatnonzero(np.diff(chosen) != 1) + 1
        starts = [0, *breaks.tolist()]
        stops = [*breaks.tolist(), len(chosen)]
        places = (chosen[starts] * self._row_bytes).tolist()
        for start, stop, place in zip(starts, stops, places, strict=True):
            self._read(into[start * self._row_bytes : stop * self._row_bytes], place)
        return found

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Any:
        return np.asarray(self[:], dtype)

    def _read(self, into: memoryview, place: int) -> None:
        while into:
            got = self._some(into, place)
            if not got:
                raise TransferLabError(
                    f"{self._path} was cut short while it was read. Start again: what is missing "
                    "is computed anew."
                )
            into, place = into[got:], place + got

    def _some(self, into: memoryview, place: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._file.fileno(), [into], place)
        # Not every system reads at a place, and two threads must not move it under each other.
        with self._moving:
            self._file.seek(place)
            return self._file.readinto(into) or 0
