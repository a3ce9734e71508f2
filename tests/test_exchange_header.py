"""The header of an array in an imported run is read only in the format that bounds its length."""

import io

import numpy as np
import pytest
from numpy.lib import format as npy

from tl_core.exchange.checking import _header


def written(version: tuple[int, int]) -> io.BytesIO:
    file = io.BytesIO()
    npy.write_array(file, np.zeros((3, 2), np.float32), version=version)
    file.seek(0)
    return file


def test_a_format_whose_header_may_be_gigabytes_is_refused() -> None:
    assert _header(written((1, 0)))[0] == (3, 2)
    with pytest.raises(KeyError):
        _header(written((2, 0)))
