"""Arrays of one row a picture on disk, written and checked shard by shard."""

import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from tl_core.errors import TransferLabError
from tl_core.features.rows import StoredRows
from tl_core.files import write_text

SHARD_BYTES = 32 * 2**20
MOST_ROWS = 1024
_THREADS = 2

# Relative error that rounding to float16 brings to ordinary values is below 2^-11.
_FLOAT16_ERROR = 1e-3

Kind = Literal["float16", "float32"]


class TooWide(Exception):
    """Values that float16 cannot hold."""


class State(BaseModel):
    """`state.json`: what the arrays are, and the checksums of the shards that are done."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1] = 1
    rows: int
    shard_rows: int
    dtype: Kind
    arrays: dict[str, tuple[int, ...]]
    sums: dict[int, tuple[int, ...]] = {}

    @property
    def shards(self) -> int:
        """Number of shards, done or not."""
        return -(-self.rows // self.shard_rows)

    @property
    def complete(self) -> bool:
        """Whether every shard is done."""
        return len(self.sums) == self.shards

    @property
    def rows_done(self) -> int:
        """Number of rows in shards that are done."""
        return sum(stop - start for start, stop in map(self.span, self.sums))

    @property
    def bytes(self) -> int:
        """Size of all arrays when complete."""
        return self.rows * sum(map(self.row_bytes, self.arrays.values()))

    def span(self, shard: int) -> tuple[int, int]:
        """Return first row and row after the last of a shard."""
        return shard * self.shard_rows, min((shard + 1) * self.shard_rows, self.rows)

    def row_bytes(self, shape: Sequence[int]) -> int:
        """Return the bytes of one row of an array."""
        return int(np.prod(shape)) * np.dtype(self.dtype).itemsize


class Shards:
    """The arrays in one folder. One process at a time may write."""

    def __init__(self, folder: Path, state: State) -> None:
        self.folder = folder
        self.state = state
        self._buffers: dict[int, list[NDArray[np.generic]]] = {}
        self._filled: dict[int, int] = {}

    @classmethod
    def open(cls, folder: Path) -> Self | None:
        """Return what is in the folder, or None where nothing readable is."""
        try:
            text = (folder / "state.json").read_text(encoding="utf-8")
            return cls(folder, State.model_validate_json(text))
        except (OSError, ValueError):
            return None

    @classmethod
    def create(
        cls, folder: Path, rows: int, dtype: Kind, arrays: dict[str, tuple[int, ...]]
    ) -> Self:
        """Make empty arrays; the files have holes until shards are written."""
        itemsize = np.dtype(dtype).itemsize
        widest = max(itemsize * int(np.prod(shape)) for shape in arrays.values())
        fitting = max(min(SHARD_BYTES // max(widest, 1), MOST_ROWS), 1)
        # Whole batches, where a shard holds any.
        shard_rows = fitting - fitting % 64 or fitting
        state = State(rows=rows, shard_rows=shard_rows, dtype=dtype, arrays=arrays)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "state.json").unlink(missing_ok=True)
        for name, shape in arrays.items():
            with _file(folder, name).open("wb") as file:
                file.truncate(rows * state.row_bytes(shape))
        shards = cls(folder, state)
        shards._save()
        return shards

    def missing(self) -> list[tuple[int, int]]:
        """Return the spans of rows that are not done, in order."""
        return [self.state.span(s) for s in range(self.state.shards) if s not in self.state.sums]

    def add(self, start: int, outputs: Sequence[NDArray[np.float32]]) -> None:
        """Take the rows from `start` on; a shard is written once it has all its rows.

        Rows of one shard come in order. Rows added to an unfinished shard are lost with the
        process.

        Raises:
            TooWide: a value is beyond the range of float16.
            TransferLabError: a value is not a number.
            OSError: the disk is full or failed.
        """
        shard = start // self.state.shard_rows
        first, last = self.state.span(shard)
        if shard not in self._buffers:
            self._buffers[shard] = [
                np.empty((last - first, *shape), self.state.dtype)
                for shape in self.state.arrays.values()
            ]
        rows = slice(start - first, start - first + len(outputs[0]))
        for buffer, values in zip(self._buffers[shard], outputs, strict=True):
            if not np.isfinite(values).all():
                raise TransferLabError(
                    "The network gave values that are no numbers; its weights file may be damaged."
                )
            with np.errstate(over="ignore"):
                buffer[rows] = values
            if not np.isfinite(buffer[rows]).all():
                raise TooWide
        self._filled[shard] = self._filled.get(shard, 0) + len(outputs[0])
        if self._filled[shard] == last - first:
            self._write(shard, self._buffers.pop(shard))

    def damaged(self) -> list[int]:
        """Return the done shards whose bytes are not those that were written."""
        with ThreadPoolExecutor(_THREADS) as pool:
            sums = dict(
                zip(self.state.sums, pool.map(self._read_sums, self.state.sums), strict=True)
            )
        return [shard for shard, found in sums.items() if found != self.state.sums[shard]]

    def discard(self, damaged: Sequence[int]) -> None:
        """Count the shards as not done."""
        for shard in damaged:
            del self.state.sums[shard]
        self._save()

    def arrays(self) -> dict[str, StoredRows]:
        """Return the arrays, to be read from disk."""
        return {
            name: StoredRows(_file(self.folder, name), self.state.dtype, (self.state.rows, *shape))
            for name, shape in self.state.arrays.items()
        }

    def _write(self, shard: int, buffers: list[NDArray[np.generic]]) -> None:
        start, _ = self.state.span(shard)
        for (name, shape), buffer in zip(self.state.arrays.items(), buffers, strict=True):
            path = _file(self.folder, name)
            path.touch()
            with path.open("r+b") as file:
                file.seek(start * self.state.row_bytes(shape))
                file.write(buffer.data)
        self.state.sums[shard] = tuple(zlib.crc32(buffer.data) for buffer in buffers)
        self._save()

    def _read_sums(self, shard: int) -> tuple[int, ...]:
        start, stop = self.state.span(shard)
        sums = []
        for name, shape in self.state.arrays.items():
            row_bytes = self.state.row_bytes(shape)
            try:
                with _file(self.folder, name).open("rb") as file:
                    file.seek(start * row_bytes)
                    sums.append(zlib.crc32(file.read((stop - start) * row_bytes)))
            except FileNotFoundError:
                sums.append(-1)
        return tuple(sums)

    def _save(self) -> None:
        write_text(self.folder / "state.json", self.state.model_dump_json())


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.bin"


def needs_float32(layers: Sequence[NDArray[np.float32]]) -> bool:
    """Whether float16 would lose more of any layer's values than rounding usually does.

    Random weights make values that vanish or overflow in float16.
    """
    for values in layers:
        with np.errstate(over="ignore"):
            error = np.linalg.norm(values.astype(np.float16).astype(np.float64) - values)
        if not error <= _FLOAT16_ERROR * np.linalg.norm(values.astype(np.float64)):
            return True
    return False
