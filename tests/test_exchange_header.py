"""The header of an array in an imported run is read only in the format that bounds its length."""

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.lib import format as npy

from tl_core.errors import TransferLabError
from tl_core.exchange.checking import _check_arrays, _header


def written(version: tuple[int, int]) -> io.BytesIO:
    file = io.BytesIO()
    npy.write_array(file, np.zeros((3, 2), np.float32), version=version)
    file.seek(0)
    return file


def test_a_format_whose_header_may_be_gigabytes_is_refused() -> None:
    assert _header(written((1, 0)))[0] == (3, 2)
    with pytest.raises(KeyError):
        _header(written((2, 0)))


def test_numbers_wider_than_those_that_memory_is_counted_in_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "predictions.npz"
    np.savez(path, probabilities=np.zeros((3, 2), np.float64))
    _check_arrays(path, {"probabilities": (3, 2)})
    np.savez(path, probabilities=np.zeros((3, 2), np.longdouble))
    with pytest.raises(TransferLabError, match="at most 8 bytes"):
        _check_arrays(path, {"probabilities": (3, 2)})
