"""Rows read from a file as if they were an array in memory."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from tl_core.errors import TransferLabError
from tl_core.features import rows as module
from tl_core.features.rows import StoredRows


@pytest.fixture(params=["at a place", "in a file that has no places"])
def stored(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An array and the same in a file, also as Windows reads it."""
    if request.param != "at a place":
        monkeypatch.delattr(module.os, "preadv")
    array = np.random.default_rng(0).normal(size=(50, 3, 4)).astype(np.float16)
    return array, written(tmp_path, array)


def written(folder: Path, array: np.ndarray) -> StoredRows:
    path = folder / "array.bin"
    path.write_bytes(array.tobytes())
    return StoredRows(path, array.dtype, array.shape)


@pytest.mark.parametrize(
    "chosen",
    [
        np.array([7, 3, 4, 5, 5, 49, 0]),
        np.arange(50),
        np.array([], dtype=np.int64),
        np.array([-1, -50]),
        np.arange(50) % 3 == 0,
        slice(None),
        slice(40, 2, -3),
    ],
)
def test_any_choice_of_rows_is_that_of_the_array(stored, chosen) -> None:
    array, found = stored
    assert (found.shape, found.dtype, len(found)) == (array.shape, array.dtype, len(array))
    np.testing.assert_array_equal(found[chosen], array[chosen])


def test_it_is_an_array_to_numpy(stored) -> None:
    array, found = stored
    np.testing.assert_array_equal(np.asarray(found), array)
    assert np.asarray(found, np.float32).dtype == np.float32


def test_a_row_that_is_not_there(stored) -> None:
    with pytest.raises(IndexError):
        stored[1][np.array([50])]


def test_no_rows(tmp_path: Path) -> None:
    found = written(tmp_path, np.empty((0, 5), np.float32))
    assert found[:].shape == (0, 5)
    assert found[np.array([], np.int64)].shape == (0, 5)


def test_a_read_in_pieces_goes_on(stored, monkeypatch: pytest.MonkeyPatch) -> None:
    array, found = stored
    some = StoredRows._some
    monkeypatch.setattr(StoredRows, "_some", lambda self, into, at: some(self, into[:7], at))
    np.testing.assert_array_equal(found[5:9], array[5:9])


def test_threads_do_not_move_the_file_under_each_other(stored) -> None:
    array, found = stored
    choices = [np.random.default_rng(seed).permutation(50) for seed in range(400)]
    with ThreadPoolExecutor(4) as pool:
        for chosen, got in zip(choices, pool.map(found.__getitem__, choices), strict=True):
            np.testing.assert_array_equal(got, array[chosen])


def test_a_file_cut_short_is_a_sentence(stored, tmp_path: Path) -> None:
    _, found = stored
    with (tmp_path / "array.bin").open("r+b") as file:
        file.truncate(1000)
    assert found[:2].shape == (2, 3, 4)
    with pytest.raises(TransferLabError, match=r"array\.bin was cut short"):
        found[:]


def test_what_was_looked_at_does_not_stay_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(200 * 2**20)
    found = StoredRows(path, np.float16, (20 * 2**10, 5 * 2**10))
    before = psutil.Process().memory_info().rss
    for part in np.array_split(np.random.default_rng(0).permutation(len(found)), 50):
        assert not found[part].any()
    assert psutil.Process().memory_info().rss - before < 50 * 2**20
